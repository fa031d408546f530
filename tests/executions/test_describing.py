"""The operations that tell of executions and their parameters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_sm_pipelines.aws_json import RefusedRequestError
from tests.executions.conftest import PREFIX, START

HANDLED = "sm_pipelines_completed_with_failures"


@pytest.fixture(autouse=True)
def _dag(airflow: Any) -> None:
    airflow.add_dag("abalone", Count=4, Rate=0.5, Fast=True, Where="here", Nothing=None)


def described(airflow: Any, call: Any, run_id: str = "run") -> Any:
    return call("DescribePipelineExecution", PipelineExecutionArn=airflow.arn("abalone", run_id))


@pytest.mark.parametrize(
    ("state", "status"),
    [("queued", "Executing"), ("running", "Executing"), ("success", "Succeeded"), ("failed", "Failed")],
)
def test_the_status_of_an_execution_is_that_of_its_run(airflow: Any, call: Any, state: str, status: str) -> None:
    airflow.add_run("abalone", "run", state)
    assert described(airflow, call)["PipelineExecutionStatus"] == status


@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_run_whose_failures_were_all_waited_for_has_completed_with_failures(
    airflow: Any, call: Any, state: str
) -> None:
    airflow.add_run("abalone", "run", state)
    airflow.xcoms["run", "pipeline_status", -1, HANDLED] = ["A"]
    assert described(airflow, call)["PipelineExecutionStatus"] == "CompletedWithFailures"
    [summary] = call("ListPipelineExecutions", PipelineName="abalone")["PipelineExecutionSummaries"]
    assert summary["PipelineExecutionStatus"] == "CompletedWithFailures"


def test_an_execution_tells_what_it_was_started_with(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "earlier", "success")
    options = {
        "sm_display_name": "name",
        "sm_max_parallel_steps": 2,
        "sm_select_steps": ["A"],
        "sm_source_run": "earlier",
    }
    airflow.add_run("abalone", "run", conf=options, note="why", triggering_user_name="ann")
    after = START.timestamp() + 60
    assert described(airflow, call) == {
        "PipelineArn": f"{PREFIX}:pipeline/abalone",
        "PipelineExecutionArn": airflow.arn("abalone", "run"),
        "PipelineExecutionDisplayName": "name",
        "PipelineExecutionStatus": "Executing",
        "PipelineExecutionDescription": "why",
        "CreationTime": after,
        "LastModifiedTime": after + 5,
        "CreatedBy": {"UserProfileName": "ann"},
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": 2},
        "SelectiveExecutionConfig": {
            "SourcePipelineExecutionArn": airflow.arn("abalone", "earlier"),
            "SelectedSteps": [{"StepName": "A"}],
        },
    }


@pytest.mark.parametrize("source", ["latest", "none", "deleted", None])
def test_a_selection_without_a_source_names_none(airflow: Any, call: Any, source: str | None) -> None:
    airflow.add_run("abalone", "run", conf={"sm_select_steps": ["A"], "sm_source_run": source})
    assert described(airflow, call)["SelectiveExecutionConfig"] == {"SelectedSteps": [{"StepName": "A"}]}


def test_a_failed_execution_names_the_failed_steps(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "run", "failed")
    airflow.add_task("run", "A", "TrainingOperator", "failed")
    airflow.add_task("run", "B", "TrainingOperator", "upstream_failed")
    airflow.add_task("run", "C", "TrainingOperator", "failed")
    airflow.add_task("run", "Body", "TrainingOperator", "failed", map_index=1)
    airflow.add_task("run", "Each.result", "ForEachResultOperator", "failed")
    airflow.add_task("run", "pipeline_status", "PipelineStatusOperator", "failed")
    airflow.add_task("run", "notify", "BashOperator", "failed")
    assert described(airflow, call)["FailureReason"] == "Step failure: A, C, Body-1, Each"


def test_a_run_that_failed_without_a_failed_step_says_so(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "run", "failed")
    assert described(airflow, call)["FailureReason"] == "No step has failed; see Airflow's run"


def test_the_prefix_of_the_request_is_that_of_the_answer(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "run")
    arn = airflow.arn("abalone", "run").replace(PREFIX, "arn:aws:sagemaker:eu-west-1:123456789012")
    answer = call("DescribePipelineExecution", PipelineExecutionArn=arn)
    assert answer["PipelineExecutionArn"] == arn
    assert answer["PipelineArn"] == arn.rpartition("/execution/")[0]


def test_an_execution_is_found_under_each_name_of_its_pipeline(airflow: Any, call: Any) -> None:
    airflow.add_dag("third_dag", "sagemaker-pipeline=Named")
    airflow.add_run("third_dag", "run")
    for name in ("Named", "third_dag"):
        arn = airflow.arn("third_dag", "run", name)
        assert call("DescribePipelineExecution", PipelineExecutionArn=arn)["PipelineExecutionArn"] == arn


def test_an_execution_that_was_found_once_is_not_searched_again(
    airflow: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow.add_run("abalone", "run")
    described(airflow, call)
    monkeypatch.setattr("airflow_sm_pipelines.executions.pipelines._run_of", None)
    described(airflow, call)


def test_a_run_that_was_created_again_under_its_id_is_another_execution(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "run")
    arn = airflow.arn("abalone", "run")
    described(airflow, call)
    airflow.add_run("abalone", "run")
    assert airflow.arn("abalone", "run") != arn
    with pytest.raises(RefusedRequestError) as caught:
        call("DescribePipelineExecution", PipelineExecutionArn=arn)
    assert caught.value.code == "ResourceNotFound"


@pytest.mark.parametrize("arn", ["run", "arn:aws:sagemaker:r:123456789012:pipeline/abalone", "x" * 2049])
def test_what_is_no_arn_of_an_execution_is_refused(call: Any, arn: str) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        call("DescribePipelineExecution", PipelineExecutionArn=arn)
    assert caught.value.code == "ValidationException"


# -- lists -------------------------------------------------------------------------------------------------------------


def test_the_executions_of_a_pipeline_are_listed_newest_first(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "first", "success", note="why", conf={"sm_display_name": "name"})
    airflow.add_run("abalone", "second", conf=None)
    answer = call("ListPipelineExecutions", PipelineName="abalone")
    assert answer == {
        "PipelineExecutionSummaries": [
            {
                "PipelineExecutionArn": airflow.arn("abalone", "second"),
                "StartTime": START.timestamp() + 60,
                "PipelineExecutionStatus": "Executing",
            },
            {
                "PipelineExecutionArn": airflow.arn("abalone", "first"),
                "StartTime": START.timestamp(),
                "PipelineExecutionStatus": "Succeeded",
                "PipelineExecutionDescription": "why",
                "PipelineExecutionDisplayName": "name",
            },
        ]
    }


def test_executions_come_page_by_page(airflow: Any, call: Any) -> None:
    for run in ("a", "b", "c"):
        airflow.add_run("abalone", run)
    first = call("ListPipelineExecutions", PipelineName="abalone", MaxResults=2, SortOrder="Ascending")
    second = call(
        "ListPipelineExecutions",
        PipelineName="abalone",
        MaxResults=2,
        SortOrder="Ascending",
        NextToken=first["NextToken"],
    )
    found = [one["PipelineExecutionArn"] for page in (first, second) for one in page["PipelineExecutionSummaries"]]
    assert found == [airflow.arn("abalone", run) for run in ("a", "b", "c")]
    assert "NextToken" not in second


def test_executions_are_asked_for_by_their_time(airflow: Any, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    get = airflow.get

    async def noted(*path: str, **query: Any) -> Any:
        asked.append(query)
        return await get(*path, **query)

    monkeypatch.setattr(airflow, "get", noted)
    call("ListPipelineExecutions", PipelineName="abalone", CreatedAfter=1.5, CreatedBefore=3)
    assert asked[-1]["run_after_gt"] == datetime.fromtimestamp(1.5, UTC).isoformat()
    assert asked[-1]["run_after_lt"] == datetime.fromtimestamp(3, UTC).isoformat()


@pytest.mark.parametrize(
    "members",
    [
        {"SortBy": "PipelineExecutionArn"},
        {"PipelineVersionAlias": "a"},
        {"MaxResults": 0},
        {"MaxResults": 101},
        {"CreatedAfter": 1e20},
    ],
)
def test_a_list_that_airflow_cannot_give_is_refused(call: Any, members: dict[str, Any]) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        call("ListPipelineExecutions", PipelineName="abalone", **members)
    assert caught.value.code == "ValidationException"


def test_parameters_are_texts_and_have_their_defaults(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "run", conf={"Count": "7", "sm_cache": "off", "unknown": 1})
    answer = call("ListPipelineParametersForExecution", PipelineExecutionArn=airflow.arn("abalone", "run"))
    assert answer == {
        "PipelineParameters": [
            {"Name": "Count", "Value": "7"},
            {"Name": "Rate", "Value": "0.5"},
            {"Name": "Fast", "Value": "true"},
            {"Name": "Where", "Value": "here"},
        ]
    }


def test_parameters_come_page_by_page(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "run")
    arn, names, token = airflow.arn("abalone", "run"), [], {}
    while True:
        page = call("ListPipelineParametersForExecution", PipelineExecutionArn=arn, MaxResults=3, **token)
        names += [one["Name"] for one in page["PipelineParameters"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert names == ["Count", "Rate", "Fast", "Where"]
    with pytest.raises(RefusedRequestError, match="NextToken"):
        call("ListPipelineParametersForExecution", PipelineExecutionArn=arn, NextToken="x")


def test_the_definition_of_an_execution_is_not_at_hand(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "run")
    with pytest.raises(RefusedRequestError, match="is not supported"):
        call("DescribePipelineDefinitionForExecution", PipelineExecutionArn=airflow.arn("abalone", "run"))
