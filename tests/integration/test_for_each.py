"""ForEach steps through ``dag.test()``: real jobs, items known at parse time and at run time, failures, branches."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.execution import connection
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.integration.conftest import BUNDLE_CLASS, _dag_of

# Airflow's own test path warns of what it uses itself (starlette's test client, SQLAlchemy's legacy API).
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

DEFINITIONS = Path(__file__).parent / "definitions"
Instance = tuple[str, int]


@dataclass
class Ended:
    """What a run left behind; tasks are (task id, map index)."""

    state: str
    tasks: dict[Instance, str | None]
    properties: dict[Instance, Any]
    names: dict[Instance, str | None]
    reasons: dict[Instance, str]

    def states_of(self, task_id: str) -> list[str | None]:
        """The states of a mapped task, by index."""
        return [state for (task, index), state in sorted(self.tasks.items()) if task == task_id and index >= 0]


@pytest.fixture
def run_definition(aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    bundle = {"name": "dags", "classpath": BUNDLE_CLASS, "kwargs": {"path": str(tmp_path)}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    monkeypatch.setattr(connection, "_clients", {})

    def run(name: str, dag_arguments: dict[str, Any] | None = None, **conf: Any) -> Ended:
        settings = {"dag_id": name, "deferrable": False, "poll_interval": 0.2, **(dag_arguments or {})}
        file = tmp_path / f"{name}.py"
        source = str(DEFINITIONS / f"{name}.json")
        file.write_text(
            f"from airflow_sm_pipelines import pipeline_dag\n\ndag = pipeline_dag({source!r}, **{settings!r})\n"
        )
        dag, reasons = _dag_of(file), {}

        def note(context: Any) -> None:
            reasons[context["ti"].task_id, context["ti"].map_index] = str(context["exception"])

        for task in dag.tasks:
            task.on_failure_callback = [note]
        dag_run = dag.test(run_conf=conf)
        instances = dag_run.get_task_instances()
        return Ended(
            str(dag_run.state),
            {(ti.task_id, ti.map_index): ti.state for ti in instances},
            _xcoms(name, dag_run.run_id),
            {(ti.task_id, ti.map_index): ti.rendered_map_index for ti in instances},
            reasons,
        )

    return run


def _xcoms(dag_id: str, run_id: str) -> dict[Instance, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.query(XComModel).filter_by(dag_id=dag_id, run_id=run_id, key="return_value").all()
        return {
            (row.task_id, row.map_index): json.loads(row.value) if isinstance(row.value, str) else row.value
            for row in rows
        }


def test_the_body_runs_once_per_literal_item_with_its_own_values(run_definition: Callable[..., Ended]) -> None:
    ended = run_definition("for_each_over_literals")

    assert ended.reasons == {}
    assert ended.state == "success"
    said = [ended.properties["Say", index]["AppSpecification"]["ContainerArguments"][0] for index in range(5)]
    assert [json.loads(text)["said"] for text in said] == ["alpha", "2", "2.5", "true", "from a parameter"]
    assert ended.names["Say", 3] == "Say-3"
    assert ended.states_of("Measure") == ["success"] * 3
    result = ended.properties["EachTree.result", -1]
    assert {name: value for name, value in result.items() if name.endswith(("Status", "Count"))} == {
        "Status": "Succeeded",
        "InputItemCount": 3,
        "TotalStepCount": 6,
        "SucceededStepCount": 6,
        "FailedStepCount": 0,
        "StoppedStepCount": 0,
    }
    assert ended.tasks["EachLost.items", -1] == ended.tasks["EachLost.result", -1] == "skipped"
    assert ended.tasks["Lose", -1] == "skipped"


def test_ten_iterations_make_ten_jobs(run_definition: Callable[..., Ended]) -> None:
    ended = run_definition("for_each_over_a_computed_list", Shards=10)

    assert ended.reasons == {}
    assert ended.state == "success"
    names = [ended.properties["Read", index]["ProcessingJobName"] for index in range(10)]
    assert len(set(names)) == 10
    assert [name.split("-")[2:4] for name in names] == [["Read", str(index)] for index in range(10)]
    tags = boto3.client("sagemaker").list_tags(ResourceArn=ended.properties["Read", 7]["ProcessingJobArn"])["Tags"]
    assert {"Key": "sm-pipelines:map-index", "Value": "7"} in tags
    assert ended.states_of("Tell") == ["skipped"] * 10
    assert ended.properties["EachNothing.result", -1]["IterationOutputs"] == []
    assert ended.tasks["Skip", -1] == "skipped"


def test_an_iteration_begins_when_the_one_before_has_ended(run_definition: Callable[..., Ended]) -> None:
    ended = run_definition("for_each_over_a_computed_list")

    assert ended.state == "success"
    jobs = [(ended.properties["Read", index], ended.properties["Keep", index]) for index in range(4)]
    ends = [keep["ProcessingEndTime"] for _, keep in jobs]
    starts = [read["CreationTime"] for read, _ in jobs]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False)), "MaxConcurrency is 1"


def test_a_failed_iteration_fails_the_step_after_all_have_ended(run_definition: Callable[..., Ended]) -> None:
    ended = run_definition("for_each_over_a_computed_list", Broken=1)

    assert ended.state == "failed"
    assert ended.states_of("Read") == ["success", "failed", "success", "success"]
    assert ended.states_of("Keep") == ["success", "upstream_failed", "success", "success"]
    assert ended.states_of("Tell") == ["skipped", "success", "skipped", "skipped"], "of the same iteration"
    reason = ended.reasons["EachShard.result", -1]
    assert reason.startswith("Step EachShard: 1 of 4 iterations failed:\n    Read-1 Failed: the processing job ")
    properties = ended.properties["EachShard.result", -1]
    assert properties["Status"] == "PartiallySucceeded"
    counts = [properties[f"{kind}StepCount"] for kind in ("Total", "Succeeded", "Failed", "Stopped")]
    assert counts == [12, 7, 1, 0]
    assert properties["IterationOutputs"][1]["Read"]["ProcessingJobStatus"] == "Failed"
    assert ended.tasks["Counted", -1] == "upstream_failed"
