"""StopPipelineExecution and RetryPipelineExecution."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_sm_pipelines.aws_json import RefusedRequestError


@pytest.fixture(autouse=True)
def _dag(airflow: Any) -> None:
    airflow.add_dag("abalone")


def stop(airflow: Any, call: Any) -> Any:
    return call("StopPipelineExecution", PipelineExecutionArn=airflow.arn("abalone", "run"))


def retry(airflow: Any, call: Any, **members: Any) -> Any:
    return call("RetryPipelineExecution", PipelineExecutionArn=airflow.arn("abalone", "run"), **members)


def status(airflow: Any, call: Any) -> str:
    answer = call("DescribePipelineExecution", PipelineExecutionArn=airflow.arn("abalone", "run"))
    return str(answer["PipelineExecutionStatus"])


def test_a_stopped_execution_is_a_run_that_was_marked_failed(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "run", note="why")
    assert stop(airflow, call) == {"PipelineExecutionArn": airflow.arn("abalone", "run")}
    [(method, path, body)] = airflow.sent
    assert (method, path, body["state"]) == ("PATCH", ("dags", "abalone", "dagRuns", "run"), "failed")
    assert re.fullmatch(r"why\nStopped through StopPipelineExecution at \S+", body["note"])
    assert status(airflow, call) == "Stopped"
    answer = call("DescribePipelineExecution", PipelineExecutionArn=airflow.arn("abalone", "run"))
    assert answer["PipelineExecutionDescription"] == "why"
    assert "FailureReason" not in answer


def test_stopping_twice_is_stopping_once(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "run")
    assert stop(airflow, call) == stop(airflow, call)
    assert len(airflow.sent) == 1


@pytest.mark.parametrize("state", ["success", "failed"])
def test_an_execution_that_has_ended_by_itself_is_not_stopped(airflow: Any, call: Any, state: str) -> None:
    airflow.add_run("abalone", "run", state)
    with pytest.raises(RefusedRequestError) as caught:
        stop(airflow, call)
    assert caught.value.code == "ConflictException"
    assert airflow.sent == []


def test_a_run_that_was_stopped_cleared_and_failed_has_failed(airflow: Any, call: Any) -> None:
    run = airflow.add_run("abalone", "run")
    stop(airflow, call)
    run["end_date"] = "2099-01-01T00:00:00Z"
    assert status(airflow, call) == "Failed"


def failed_run(airflow: Any) -> None:
    airflow.add_run("abalone", "run", "failed")
    airflow.add_task("run", "A", "TrainingOperator", "success")
    airflow.add_task("run", "B", "TrainingOperator", "failed")
    airflow.add_task("run", "C", "TrainingOperator", "upstream_failed")
    airflow.add_task("run", "D", "TrainingOperator", "skipped")
    airflow.add_task("run", "Body", "TrainingOperator", "failed", map_index=2)


def test_a_retry_clears_what_has_failed_and_what_comes_after(airflow: Any, call: Any) -> None:
    failed_run(airflow)
    assert retry(airflow, call) == {"PipelineExecutionArn": airflow.arn("abalone", "run")}
    assert airflow.sent == [
        (
            "POST",
            ("dags", "abalone", "clearTaskInstances"),
            {
                "dry_run": False,
                "dag_run_id": "run",
                "task_ids": ["B", "C", ["Body", 2]],
                "only_failed": False,
                "include_downstream": True,
                "reset_dag_runs": True,
            },
        )
    ]


def test_a_retry_after_a_stop_also_clears_what_had_not_begun(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "run", note="why")
    stop(airflow, call)
    for task in [("A", "success"), ("B", "failed"), ("C", "skipped")]:
        airflow.add_task("run", task[0], "TrainingOperator", task[1])
    retry(airflow, call)
    _, (_, _, clear), (_, _, note) = airflow.sent
    assert clear["task_ids"] == ["B", "C"]
    assert note == {"note": "why"}, "it is not stopped any more"


def test_an_execution_that_ended_with_a_fail_step_is_not_retried(airflow: Any, call: Any) -> None:
    failed_run(airflow)
    airflow.add_task("run", "Refuse", "FailOperator", "failed")
    with pytest.raises(RefusedRequestError, match="Fail step Refuse") as caught:
        retry(airflow, call)
    assert caught.value.code == "ConflictException"
    assert airflow.sent == []


@pytest.mark.parametrize("state", ["running", "success", "failed"])
def test_where_nothing_has_failed_nothing_is_retried(airflow: Any, call: Any, state: str) -> None:
    airflow.add_run("abalone", "run", state)
    with pytest.raises(RefusedRequestError) as caught:
        retry(airflow, call)
    assert caught.value.code == "ConflictException"


def test_a_retry_may_change_how_many_steps_run_at_once(airflow: Any, call: Any) -> None:
    failed_run(airflow)
    key = "sm_max_parallel_steps:abalone:run"
    for most, method in [(2, "POST"), (3, "PATCH")]:
        airflow.sent.clear()
        retry(airflow, call, ParallelismConfiguration={"MaxParallelExecutionSteps": most})
        (first, _, variable), (_, path, _) = airflow.sent
        assert (first, variable["key"], variable["value"]) == (method, key, str(most))
        assert path[-1] == "clearTaskInstances", "its tasks may start at once, so it comes last"
    assert airflow.variables[key]["value"] == "3"


def test_a_retry_without_parallelism_keeps_that_of_the_run(airflow: Any, call: Any) -> None:
    failed_run(airflow)
    retry(airflow, call)
    assert airflow.variables == {}


def test_a_retry_that_is_refused_changes_nothing(airflow: Any, call: Any) -> None:
    failed_run(airflow)
    airflow.refusals["variables",] = RefusedRequestError("AccessDeniedException", "no")
    with pytest.raises(RefusedRequestError, match="no"):
        retry(airflow, call, ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
    airflow.add_task("run", "Refuse", "FailOperator", "failed")
    with pytest.raises(RefusedRequestError, match="Fail step Refuse"):
        retry(airflow, call, ParallelismConfiguration={"MaxParallelExecutionSteps": 1})
    assert airflow.sent == []
