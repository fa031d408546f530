"""Which run is the source of a selection, and what it tells of its steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution import source_run
from airflow_sm_pipelines.execution.airflow_internals.other_runs import OtherRun
from airflow_sm_pipelines.execution.source_run import SourceRun, latest_source, named_source
from airflow_sm_pipelines.execution.xcoms import PROPERTIES_KEY, STATUS_KEY
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep

OWN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)  # of the context
STEPS = [Step("A", "Condition", {}), Step("B", "Processing", {})]
SETTINGS: Any = SimpleNamespace(task_ids={"A": "A", "B": "group.B"}, pipeline=SimpleNamespace(steps=STEPS))


class Runs:
    """The runs of a DAG, and what their tasks left."""

    def __init__(self) -> None:
        self.runs: dict[str, OtherRun] = {}
        self.tasks: dict[str, set[str]] = {}
        self.asked: list[str] = []
        self.states: dict[str, str | None] = {}
        self.xcoms: dict[tuple[str, str], Json] = {}

    def add(self, run_id: str, age: float = 1, state: str = "success", tasks: set[str] | None = None) -> str:
        date = OWN - timedelta(days=age)
        run_id = run_id.format(date=date.isoformat())
        self.runs[run_id] = OtherRun(run_id, date, state, {})
        self.tasks[run_id] = {"A", "group.B"} if tasks is None else tasks
        return run_id

    def other_run(self, dag_id: str, run_id: str) -> OtherRun | None:
        self.asked.append(run_id)
        return self.runs.get(run_id)

    def run_ids_of_tasks(self, dag_id: str, task_ids: list[str]) -> set[str]:
        return {run_id for run_id, tasks in self.tasks.items() if tasks & set(task_ids)}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    runs = Runs()
    monkeypatch.setattr(source_run, "other_run", runs.other_run)
    monkeypatch.setattr(source_run, "run_ids_of_tasks", runs.run_ids_of_tasks)
    monkeypatch.setattr(source_run, "number_of_runs", lambda dag_id: len(runs.runs))
    monkeypatch.setattr(source_run, "task_states", lambda dag, run, tasks: {t: runs.states.get(t) for t in tasks})
    monkeypatch.setattr(
        source_run, "other_xcom_at_once", lambda dag, run, task, index, key: runs.xcoms.get((task, key))
    )
    runs.add("run", age=0)  # this one
    return runs


def latest(context: Any) -> str | None:
    source = latest_source("A", SETTINGS, context)
    return None if source is None else source.name


def test_the_latest_run_is_the_newest_that_is_older(runs: Runs, context: Any) -> None:
    runs.add("manual__{date}", age=3)
    newest = runs.add("scheduled__{date}", age=1)
    runs.add("manual__{date}_Ab3", age=2)
    runs.add("manual__{date}", age=-1)

    assert latest(context) == newest
    assert runs.asked == [newest]  # the ids of Airflow tell the rest


def test_the_latest_run_is_found_by_its_time_not_by_its_id(runs: Runs, context: Any) -> None:
    runs.add("manual__{date}", age=3)
    runs.add("zzz", age=4)
    newest = runs.add("aaa", age=0.5)
    runs.runs["manual__2026-01-02T00:00:00+00:00"] = OtherRun("of-old", OWN - timedelta(days=9), "success", {})
    runs.tasks["manual__2026-01-02T00:00:00+00:00"] = {"A"}

    assert latest(context) == newest


def test_there_may_be_no_earlier_run(runs: Runs, context: Any) -> None:
    runs.add("manual__{date}", age=-3)

    assert latest(context) is None


def test_runs_of_the_same_moment_have_an_order(runs: Runs, context: Any) -> None:
    runs.add("aaa", age=0)
    runs.add("zzz", age=0)

    assert latest(context) == "aaa"  # this run's id is "run"


def test_runs_from_before_a_step_was_added_are_found(runs: Runs, context: Any) -> None:
    older = runs.add("manual__{date}", age=2, tasks={"group.B"})

    assert latest(context) == older


def test_a_deleted_run_is_passed_over(runs: Runs, context: Any) -> None:
    older = runs.add("manual__{date}", age=2)
    del runs.runs[runs.add("manual__{date}", age=1)]

    assert latest(context) == older


@pytest.mark.parametrize("state", ["running", "queued"])
def test_a_source_run_must_have_succeeded_or_failed(runs: Runs, context: Any, state: str) -> None:
    going = runs.add("manual__{date}", state=state)
    message = f"the source run {going} is {state}, and must have succeeded or failed".replace("+", r"\+")

    with pytest.raises(StepError, match=message):
        latest_source("A", SETTINGS, context)
    with pytest.raises(StepError, match=message):
        named_source(going, "A", SETTINGS, context, SimpleNamespace())  # type: ignore[arg-type]


def test_a_failed_run_can_be_a_source(runs: Runs, context: Any) -> None:
    failed = runs.add("manual__{date}", state="failed")

    assert latest(context) == failed


def test_a_named_run_must_exist_and_be_another_one(runs: Runs, context: Any) -> None:
    with pytest.raises(StepError, match="the DAG dag has no run of-old"):
        named_source("of-old", "A", SETTINGS, context, SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(StepError, match="names this run itself"):
        named_source("run", "A", SETTINGS, context, SimpleNamespace())  # type: ignore[arg-type]


# -- its steps ---------------------------------------------------------------------------------------------------------


def source(conf: dict[str, Any] | None = None) -> SourceRun:
    return SourceRun("dag", OtherRun("of-old", OWN, "success", conf or {}), SETTINGS)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("success", StepStatus.SUCCEEDED),
        ("failed", StepStatus.FAILED),
        ("skipped", StepStatus.NOT_RUN),
        ("upstream_failed", StepStatus.NOT_RUN),
        (None, StepStatus.NOT_RUN),
    ],
)
def test_the_states_of_airflow_are_those_of_the_service(runs: Runs, state: str | None, status: StepStatus) -> None:
    runs.states = {"group.B": state}

    assert source().outcomes(["B"]) == {"B": UpstreamStep(status)}


def test_a_stopped_step_of_the_source_says_so_itself(runs: Runs) -> None:
    runs.states, runs.xcoms = {"A": "failed"}, {("A", STATUS_KEY): "Stopped"}

    assert source().outcomes(["A"]) == {"A": UpstreamStep(StepStatus.STOPPED)}


@pytest.mark.parametrize(("outcome", "branch"), [(True, "if"), (False, "else"), (None, None)])
def test_the_branch_of_a_condition_of_the_source_is_known(runs: Runs, outcome: Any, branch: Any) -> None:
    runs.states, runs.xcoms = {"A": "success"}, {("A", PROPERTIES_KEY): {"Outcome": outcome}}

    assert source().outcomes(["A"]) == {"A": UpstreamStep(StepStatus.SUCCEEDED, branch)}


def test_a_source_that_was_itself_a_selection_tells_what_its_skipped_steps_stand_for(runs: Runs) -> None:
    runs.states, runs.xcoms = {"A": "skipped", "group.B": "skipped"}, {("A", STATUS_KEY): "Failed"}

    assert source({"sm_select_steps": ["C"]}).outcomes(["A", "B"]) == {
        "A": UpstreamStep(StepStatus.FAILED),
        "B": UpstreamStep(StepStatus.NOT_RUN),
    }


def test_only_conditions_are_asked_for_their_outcome(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.states = {"A": "success", "group.B": "success"}
    asked: list[str] = []
    monkeypatch.setattr(source_run, "other_xcom_at_once", lambda dag, run, task, index, key: asked.append(task))

    source().outcomes(["A", "B"])

    assert asked == ["A"]


def test_nothing_is_asked_where_nothing_is_reused(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_run, "task_states", lambda *_: pytest.fail("asked"))

    assert source().outcomes([]) == {}
