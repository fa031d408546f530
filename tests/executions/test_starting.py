"""StartPipelineExecution."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.executions.references import UNKNOWN_ACCOUNT

TOKEN = "0123456789abcdef0123456789abcdef"
OF_SAGEMAKER = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/abalone/execution/aws123"


@pytest.fixture(autouse=True)
def _dags(airflow: Any) -> None:
    airflow.add_dag("abalone", Count=4, Where=None)
    airflow.add_dag("my_pipeline")
    airflow.add_dag("third", "sagemaker-pipeline=Named", "other")


def refused(call: Any, **members: Any) -> tuple[str, str]:
    with pytest.raises(RefusedRequestError) as caught:
        call("StartPipelineExecution", **{"PipelineName": "abalone", **members})
    return caught.value.code, caught.value.message


def test_parameters_are_texts_in_the_runs_conf(airflow: Any, call: Any) -> None:
    call(
        "StartPipelineExecution",
        PipelineName="abalone",
        PipelineParameters=[{"Name": "Count", "Value": "3"}, {"Name": "sm_cache", "Value": "refresh"}],
        ClientRequestToken=TOKEN,
    )
    body = {
        "dag_run_id": f"start__{TOKEN}",
        "logical_date": None,
        "conf": {"Count": "3", "sm_cache": "refresh"},
        "note": None,
    }
    assert airflow.sent == [("POST", ("dags", "abalone", "dagRuns"), body)]


def test_members_of_the_request_become_options_of_the_run(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "yesterday", "success")
    call(
        "StartPipelineExecution",
        PipelineName="abalone",
        PipelineExecutionDisplayName="name",
        PipelineExecutionDescription="why",
        ParallelismConfiguration={"MaxParallelExecutionSteps": 3},
        SelectiveExecutionConfig={
            "SourcePipelineExecutionArn": airflow.arn("abalone", "yesterday"),
            "SelectedSteps": [{"StepName": "A"}, {"StepName": "B"}],
        },
    )
    [(_, _, body)] = airflow.sent
    assert body["note"] == "why"
    assert body["conf"] == {
        "sm_display_name": "name",
        "sm_max_parallel_steps": 3,
        "sm_select_steps": ["A", "B"],
        "sm_source_run": "yesterday",
    }


@pytest.mark.parametrize(
    ("source", "run"),
    [
        ({}, "none"),
        (
            {"SourcePipelineExecutionArn": OF_SAGEMAKER},
            OF_SAGEMAKER,
        ),
    ],
)
def test_a_source_that_airflow_does_not_know_is_an_execution_of_sagemaker(
    airflow: Any, call: Any, source: dict[str, str], run: str
) -> None:
    selection = {"SelectedSteps": [{"StepName": "A"}], **source}
    call("StartPipelineExecution", PipelineName="abalone", SelectiveExecutionConfig=selection)
    assert airflow.sent[0][2]["conf"]["sm_source_run"] == run


@pytest.mark.parametrize(
    ("name", "dag_id", "pipeline"),
    [
        ("abalone", "abalone", "abalone"),
        ("my_pipeline", "my_pipeline", "my-pipeline"),
        ("my-pipeline", "my_pipeline", "my-pipeline"),
        ("Named", "third", "Named"),
        ("third", "third", "Named"),
    ],
)
def test_a_pipeline_is_found_by_its_name_and_by_the_id_of_its_dag(
    airflow: Any, call: Any, name: str, dag_id: str, pipeline: str
) -> None:
    arn = call("StartPipelineExecution", PipelineName=name)["PipelineExecutionArn"]
    assert airflow.sent[0][1][1] == dag_id
    assert arn == airflow.arn(dag_id, "manual__0", pipeline)
    assert arn.startswith(f"{UNKNOWN_ACCOUNT}:pipeline/{pipeline}/execution/")


def test_the_arn_of_the_answer_begins_as_that_of_the_request(airflow: Any, call: Any) -> None:
    start = "arn:aws-cn:sagemaker:cn-north-1:123456789012:pipeline/Named"
    arn = call("StartPipelineExecution", PipelineName=start)["PipelineExecutionArn"]
    assert arn.rpartition("/execution/")[0] == start


def test_how_arns_begin_can_be_configured(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = "arn:aws:sagemaker:eu-west-1:123456789012"
    monkeypatch.setenv("AIRFLOW__SM_PIPELINES__ARN_PREFIX", prefix)
    arn = call("StartPipelineExecution", PipelineName="abalone")["PipelineExecutionArn"]
    assert arn.startswith(f"{prefix}:pipeline/abalone/execution/")


def test_a_pipeline_with_mlflow_takes_an_experiment_for_the_run(airflow: Any, call: Any) -> None:
    airflow.add_dag("tracked", sm_mlflow_resource_arn=None, sm_mlflow_experiment_name=None)
    call("StartPipelineExecution", PipelineName="tracked", MlflowExperimentName="tries")
    assert airflow.sent[0][2]["conf"] == {"sm_mlflow_experiment_name": "tries"}
    arn = airflow.arn("tracked", "manual__0")
    described = call("DescribePipelineExecution", PipelineExecutionArn=arn)
    assert described["MLflowConfig"] == {"MlflowExperimentName": "tries"}
    assert call("ListPipelineParametersForExecution", PipelineExecutionArn=arn) == {"PipelineParameters": []}


def test_the_same_token_starts_one_run(airflow: Any, call: Any) -> None:
    request = {"PipelineName": "abalone", "ClientRequestToken": TOKEN}
    first = call("StartPipelineExecution", **request)
    assert call("StartPipelineExecution", **request) == first
    assert len(airflow.runs) == 1
    assert refused(call, ClientRequestToken=TOKEN, PipelineParameters=[{"Name": "Count", "Value": "1"}]) == (
        "ConflictException",
        "ClientRequestToken: it has started an execution with other arguments",
    )


def test_the_same_request_twice_at_the_same_time_starts_one_run(
    airflow: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = airflow.post

    async def late(*path: str, body: Any) -> Any:
        airflow.add_run("abalone", body["dag_run_id"], "queued")
        return await post(*path, body=body)

    monkeypatch.setattr(airflow, "post", late)
    arn = call("StartPipelineExecution", PipelineName="abalone", ClientRequestToken=TOKEN)["PipelineExecutionArn"]
    assert arn == airflow.arn("abalone", f"start__{TOKEN}")


def test_without_a_token_each_request_starts_a_run(airflow: Any, call: Any) -> None:
    for _ in range(2):
        call("StartPipelineExecution", PipelineName="abalone")
    assert [run for _, run in airflow.runs] == ["manual__0", "manual__1"], "the ids are Airflow's"


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"PipelineName": "nobody"}, "ResourceNotFound", "no such pipeline"),
        ({"PipelineName": "a/b"}, "ValidationException", "must be a pipeline's name"),
        ({"PipelineName": "~"}, "ValidationException", "must be a pipeline's name"),
        ({"PipelineName": "a|b"}, "ValidationException", "must be a pipeline's name"),
        ({"PipelineName": None}, "ValidationException", "PipelineName must be a string"),
        ({"PipelineParameters": [{"Name": "Nope", "Value": "1"}]}, "ValidationException", "it has: Count, Where"),
        (
            {"PipelineParameters": [{"Name": "sm_select_steps", "Value": "1"}]},
            "ValidationException",
            "has no parameter",
        ),
        ({"PipelineParameters": [{"Name": "Count", "Value": "1"}] * 2}, "ValidationException", "is there twice"),
        ({"PipelineParameters": [{"Name": "Count", "Value": 1}]}, "ValidationException", "must be a string"),
        ({"PipelineParameters": [{"Name": "C", "Value": ""}] * 201}, "ValidationException", "at most 200 entries"),
        ({"PipelineVersionId": 2}, "ValidationException", "PipelineVersionId is not supported"),
        ({"PipelineVersionAlias": "prod"}, "ValidationException", "PipelineVersionAlias is not supported"),
        ({"RoleArn": "arn:aws:iam::1:role/R"}, "ValidationException", "RoleArn is not supported"),
        ({"MlflowExperimentName": "e"}, "ValidationException", "has no MlflowConfig"),
        ({"PipelineExecutionDescription": "x" * 901}, "ValidationException", "at most 900 characters"),
        ({"PipelineExecutionDisplayName": "-a"}, "ValidationException", "PipelineExecutionDisplayName must match"),
        ({"ParallelismConfiguration": {"MaxParallelExecutionSteps": 0}}, "ValidationException", "must be at least 1"),
        ({"SelectiveExecutionConfig": {"SelectedSteps": []}}, "ValidationException", "1 or more entries"),
        ({"ClientRequestToken": "short"}, "ValidationException", "ClientRequestToken must match"),
    ],
)
def test_what_cannot_be_started_is_refused(
    airflow: Any, call: Any, members: dict[str, Any], code: str, message: str
) -> None:
    found = refused(call, **members)
    assert found[0] == code
    assert message in found[1]
    assert airflow.sent == []


def test_a_paused_dag_is_not_started(airflow: Any, call: Any) -> None:
    airflow.add_dag("paused", is_paused=True)
    code, message = refused(call, PipelineName="paused")
    assert code == "ConflictException"
    assert "unpause it" in message


def test_a_name_of_several_pipelines_is_refused(airflow: Any, call: Any) -> None:
    airflow.add_dag("fourth", "sagemaker-pipeline=Named")
    code, message = refused(call, PipelineName="Named")
    assert code == "ConflictException"
    assert "fourth, third" in message


def test_a_dag_that_is_no_pipeline_is_not_started(airflow: Any, call: Any) -> None:
    airflow.add_dag("own")
    airflow.dags["own"]["params"] = {"Count": {"value": 1}}
    assert refused(call, PipelineName="own")[0] == "ResourceNotFound"


def test_a_user_who_may_see_a_single_dag_finds_it_by_its_pipelines_name(airflow: Any, call: Any) -> None:
    airflow.refusals["dags", "Named", "details"] = RefusedRequestError("AccessDeniedException", "Forbidden")
    call("StartPipelineExecution", PipelineName="Named")
    assert airflow.sent[0][1][1] == "third"


def test_what_airflow_refuses_is_refused(airflow: Any, call: Any) -> None:
    airflow.refusals["dags", "abalone", "details"] = RefusedRequestError("AccessDeniedException", "Forbidden")
    assert refused(call) == ("AccessDeniedException", "Forbidden")
