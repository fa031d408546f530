"""Claims, and what the states of tasks make of them."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines import load_pipeline
from airflow_sm_pipelines.execution import steps_in_progress
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.steps_in_progress import CLAIMS, StepsInProgress
from airflow_sm_pipelines.semantics.parallelism import Claim, bound_variable

LOG = logging.getLogger("steps")
OWN_BOUND = "sm_max_parallel_steps:dag:run"


@pytest.fixture
def settings(definition: Any, processing_arguments: Any) -> PipelineRunSettings:
    """Of a task group ``g`` with the steps A and B, and a ForEach with the steps First and Second."""

    def processing(name: str, **members: Any) -> dict[str, Any]:
        return {"Name": name, "Type": "Processing", "Arguments": processing_arguments, **members}

    body = {"IterableItems": ["x"], "MaxConcurrency": 2, "ForEachBody": [processing("First"), processing("Second")]}
    loop = {"Name": "Each", "Type": "ForEach", "Arguments": body}
    pipeline = load_pipeline(definition(processing("A"), processing("B"), loop))
    return PipelineRunSettings(pipeline, "p", {}, airflow_id="g", task_prefix="g.", max_parallel_steps=3)


@pytest.fixture
def steps(settings: PipelineRunSettings, context: Any, airflow_run: Any) -> StepsInProgress:
    return StepsInProgress.of(settings, context, bound=3)


def claim(step: str, iteration: int = -1, entered: bool = False) -> Claim:
    return Claim(step, iteration, "3-3", 1, "00c0ffee", entered)


def test_a_run_that_was_deleted_and_created_again_has_claims_of_its_own(
    settings: PipelineRunSettings, context: Any, steps: StepsInProgress
) -> None:
    context["dag_run"] = SimpleNamespace(run_after=context["dag_run"].run_after.replace(second=6))

    assert StepsInProgress.of(settings, context, 3).claims != steps.claims


def test_two_pipelines_in_one_run_do_not_count_each_others_steps(
    settings: PipelineRunSettings, context: Any, steps: StepsInProgress
) -> None:
    assert StepsInProgress.of(replace(settings, airflow_id="h"), context, 3).claims != steps.claims


def test_it_can_be_stored_with_a_trigger(steps: StepsInProgress) -> None:
    assert StepsInProgress(**json.loads(json.dumps(steps.as_arguments()))) == steps
    assert steps.loops == {"Each": ["First", "Second"]}


def test_a_claim_says_in_its_variable_whose_it_is(steps: StepsInProgress, airflow_run: Any) -> None:
    steps.write(claim("A"))
    steps.write(claim("Each", 4, entered=True))

    keys = sorted(airflow_run.variables)
    assert keys == [f"{steps.claims}A:-1:3-3:1:00c0ffee:out", f"{steps.claims}Each:4:3-3:1:00c0ffee:in"]
    assert keys[0].startswith(f"{CLAIMS}:")
    assert [json.loads(airflow_run.variables[key]) for key in keys] == [
        {"dag_id": "dag", "run_id": "run", "task_id": "g.A", "map_index": -1},
        {"dag_id": "dag", "run_id": "run", "task_id": "g.Each.turn", "map_index": 4},
    ]
    assert steps.read() == {claim("A"), claim("Each", 4, entered=True)}
    steps.take_back([claim("A"), claim("B")])
    assert steps.read() == {claim("Each", 4, entered=True)}


def test_a_task_that_has_a_claim_and_has_not_entered_may_still_give_way(
    steps: StepsInProgress, airflow_run: Any
) -> None:
    airflow_run.states |= {"g.A": "running", "g.B": "running"}

    seen = steps.look([claim("A"), claim("B"), claim("B", entered=True)])

    assert (seen.in_progress, seen.undecided) == ({("A", -1), ("B", -1)}, {("A", -1)})


def test_steps_and_iterations_that_have_ended_are_known(
    steps: StepsInProgress, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = {("g.A", -1): "skipped", ("g.B", -1): "queued", ("g.Each.turn", 2): "failed"}
    monkeypatch.setattr(steps_in_progress, "task_state", lambda dag, run, task, index: states[task, index])

    assert steps.ended([("A", -1), ("B", -1), ("Each", 2)]) == {("A", -1), ("Each", 2)}


def test_claims_count_while_their_tasks_have_not_ended(steps: StepsInProgress, airflow_run: Any) -> None:
    airflow_run.states |= {"g.A": "deferred", "g.B": "failed"}

    seen = steps.look([claim("A"), claim("B")])

    assert seen.in_progress == {("A", -1)}
    assert seen.over == (claim("B"),)


def test_the_claim_of_a_task_that_was_deleted_does_not_count(steps: StepsInProgress) -> None:
    seen = steps.look([claim("A")])

    assert (seen.in_progress, seen.over) == (frozenset(), (claim("A"),))


def test_a_cleared_task_counts_if_it_can_start_and_keeps_its_claim_if_not(
    steps: StepsInProgress, airflow_run: Any
) -> None:
    airflow_run.states |= {"g.A": None, "g.B": None}

    seen = steps.look([claim("A"), claim("B")], {"A": True, "B": False}.__getitem__)

    assert (set(seen.in_progress), seen.over) == ({("A", -1)}, ())


def test_iterations_count_from_their_turn_to_the_end_of_their_last_step(
    steps: StepsInProgress, airflow_run: Any
) -> None:
    airflow_run.states |= {
        "g.Each.turn": {0: "success", 1: "success", 2: "running", 3: "deferred", 4: None},
        "g.First": {0: "success", 1: "success", 2: None, 3: None, 4: None},
        "g.Second": {0: "failed", 1: None, 2: None, 3: None, 4: None},
    }

    seen = steps.look([claim("Each", 0), claim("Each", 1), claim("Each", 2)])

    assert seen.in_progress == {("Each", 1), ("Each", 2)}, "3 waits for its turn without a claim"
    assert seen.over == (claim("Each", 0), claim("Each", 1)), "the states of their steps tell of them"


def test_a_look_costs_the_same_however_many_steps_wait(steps: StepsInProgress, airflow_run: Any) -> None:
    airflow_run.states |= {f"g.{name}": "deferred" for name in ("A", "B", "C", "D")}
    airflow_run.asked.clear()

    steps.look([claim("A"), claim("B")])

    assert airflow_run.asked == ["states", "mapped states"], "one request for steps, one for the turns of the loop"


def test_a_person_changes_the_bound_of_a_run_with_a_variable(steps: StepsInProgress, airflow_run: Any) -> None:
    assert steps.bound_now(LOG) == 3
    airflow_run.variables[OWN_BOUND] = " 5 "
    assert bound_variable("dag", "run") == OWN_BOUND
    assert steps.bound_now(LOG) == 5
    airflow_run.variables[f"{OWN_BOUND}-2"] = "7"
    assert steps.bound_now(LOG) == 5, "that is another run"


def test_claims_that_ended_tasks_have_left_are_deleted_whatever_their_run(
    steps: StepsInProgress, airflow_run: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    states = {"g.A": "failed", "g.B": "deferred", "g.Each.turn": "absent"}
    monkeypatch.setattr(steps_in_progress, "task_state", lambda dag, run, task, index: states[task])
    for one in (claim("A"), claim("B"), claim("Each", 1)):
        steps.write(one)
    airflow_run.variables["another"] = "1"

    with caplog.at_level(logging.INFO):
        steps_in_progress.forget_old_claims(LOG)

    assert steps.read() == {claim("B")}
    assert "another" in airflow_run.variables
    assert "Deleted 2 Airflow variables" in caplog.text


@pytest.mark.parametrize("text", ["0", "", "many", "1.5"])
def test_a_changed_bound_that_is_no_number_does_not_count_and_is_told(
    steps: StepsInProgress, airflow_run: Any, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    airflow_run.variables[OWN_BOUND] = text

    assert steps.bound_now(LOG) == 3
    assert f"The variable {OWN_BOUND} is {text!r}: not a whole number from 1" in caplog.text
