"""ListPipelineExecutionSteps: each type of step, each state, and loops."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.executions import metadata
from tests.executions.conftest import START

JOB = "arn:aws:sagemaker:us-west-2:123456789012:training-job/pipelines-x-Train-y-0"
STATUS, FAILURE, CACHE = "sm_pipelines_status", "sm_pipelines_failure", "sm_pipelines_cache"
RECORD = "sm_pipelines_attempt"


@pytest.fixture(autouse=True)
def _run(airflow: Any) -> None:
    airflow.add_dag("abalone")
    airflow.add_run("abalone", "run")


def listed(airflow: Any, call: Any, **members: Any) -> list[dict[str, Any]]:
    answer = call("ListPipelineExecutionSteps", PipelineExecutionArn=airflow.arn("abalone", "run"), **members)
    found: list[dict[str, Any]] = answer["PipelineExecutionSteps"]
    return found


def publish(airflow: Any, task: str, value: Any, key: str = "return_value", index: int = -1) -> None:
    airflow.xcoms["run", task, index, key] = value


def test_a_step_is_told_with_its_job(airflow: Any, call: Any) -> None:
    airflow.add_task("run", "Train", "TrainingOperator", "success", task_display_name="The training", try_number=2)
    publish(airflow, "Train", {"TrainingJobArn": JOB, "TrainingJobStatus": "Completed"})
    assert listed(airflow, call) == [
        {
            "StepName": "Train",
            "StepDisplayName": "The training",
            "StartTime": START.timestamp(),
            "EndTime": START.timestamp() + 60,
            "StepStatus": "Succeeded",
            "AttemptCount": 2,
            "Metadata": {"TrainingJob": {"Arn": JOB}},
        }
    ]


@pytest.mark.parametrize("state", [None, "skipped", "upstream_failed", "removed"])
def test_a_step_that_did_not_start_is_not_there(airflow: Any, call: Any, state: str | None) -> None:
    airflow.add_task("run", "Train", "TrainingOperator", state)
    assert listed(airflow, call) == []


@pytest.mark.parametrize(
    ("state", "tries", "status"),
    [
        ("scheduled", 1, "Starting"),
        ("queued", 1, "Starting"),
        ("queued", 2, "Executing"),
        ("running", 1, "Executing"),
        ("deferred", 1, "Executing"),
        ("up_for_retry", 1, "Executing"),
        ("awaiting_input", 1, "Executing"),
        ("success", 1, "Succeeded"),
        ("failed", 1, "Failed"),
    ],
)
def test_the_status_of_a_step_is_that_of_its_task(airflow: Any, call: Any, state: str, tries: int, status: str) -> None:
    airflow.add_task("run", "Train", "TrainingOperator", state, try_number=tries)
    [step] = listed(airflow, call)
    assert step["StepStatus"] == status
    assert ("EndTime" in step) == (state in ("success", "failed"))


def test_a_running_step_has_the_arn_that_create_has_answered(airflow: Any, call: Any) -> None:
    airflow.add_task("run", "Train", "TrainingOperator", "deferred")
    airflow.stored["run", "Train", -1, RECORD] = {"type": "job", "epoch": "4/4", "name": "n", "arn": JOB}
    [step] = listed(airflow, call)
    assert step["Metadata"] == {"TrainingJob": {"Arn": JOB}}


def test_a_failed_step_has_its_reason_and_its_job(airflow: Any, call: Any) -> None:
    airflow.add_task("run", "Train", "TrainingOperator", "failed")
    publish(airflow, "Train", {"TrainingJobArn": JOB})
    publish(airflow, "Train", "AlgorithmError: " + "x" * 2000, FAILURE)
    [step] = listed(airflow, call)
    assert step["FailureReason"].startswith("AlgorithmError")
    assert len(step["FailureReason"]) == 1024
    assert step["Metadata"] == {"TrainingJob": {"Arn": JOB}}


def test_a_task_that_failed_without_a_word_has_a_reason(airflow: Any, call: Any) -> None:
    airflow.add_task("run", "Train", "TrainingOperator", "failed")
    [step] = listed(airflow, call)
    assert step["FailureReason"] == "Airflow's task Train has failed; see its log"


def test_a_step_whose_job_was_stopped_is_stopped(airflow: Any, call: Any) -> None:
    airflow.add_task("run", "Train", "TrainingOperator", "failed")
    publish(airflow, "Train", "Stopped", STATUS)
    publish(airflow, "Train", "the training job ended Stopped", FAILURE)
    [step] = listed(airflow, call)
    assert step["StepStatus"] == "Stopped"
    assert "FailureReason" not in step


def test_what_a_stop_of_the_execution_ended_is_stopped_and_what_failed_before_is_not(airflow: Any, call: Any) -> None:
    run = airflow.runs["abalone", "run"]
    run |= {
        "state": "failed",
        "end_date": "2026-11-21T12:30:01Z",
        "note": "Stopped through StopPipelineExecution at 2026-11-21T12:30:00+00:00",
    }
    airflow.add_task("run", "Before", "TrainingOperator", "failed", end_date="2026-11-21T12:29:00Z")
    airflow.add_task("run", "Killed", "TrainingOperator", "failed", end_date="2026-11-21T12:30:00.5Z")
    airflow.stored["run", "Killed", -1, RECORD] = {"type": "job", "epoch": "4/4", "name": "n", "arn": JOB}
    killed, before = listed(airflow, call)
    assert (before["StepName"], before["StepStatus"]) == ("Before", "Failed")
    assert (killed["StepName"], killed["StepStatus"]) == ("Killed", "Stopped")
    assert killed["Metadata"] == {"TrainingJob": {"Arn": JOB}}, "it has published nothing"
    assert "FailureReason" not in killed


def test_a_result_of_an_earlier_run_is_a_cache_hit(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "earlier", "success")
    for name in ("Hit", "Miss", "Gone"):
        airflow.add_task("run", name, "TrainingOperator", "success")
    publish(airflow, "Hit", {"outcome": "hit", "run_id": "earlier", "resource": "job"}, CACHE)
    publish(airflow, "Miss", {"outcome": "miss", "because": "ImageUri differs"}, CACHE)
    publish(airflow, "Gone", {"outcome": "hit", "run_id": "deleted"}, CACHE)
    found = {one["StepName"]: one.get("CacheHitResult") for one in listed(airflow, call)}
    hit = {"SourcePipelineExecutionArn": airflow.arn("abalone", "earlier")}
    assert found == {"Hit": hit, "Miss": None, "Gone": None}


def test_a_step_outside_of_the_selection_tells_the_source_of_its_result(airflow: Any, call: Any) -> None:
    airflow.add_run("abalone", "earlier", "success")
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/abalone/execution/aws123"
    sources = {
        "Selected": {"Role": "selected", "SourceRun": "earlier"},
        "Reused": {"Role": "reused", "SourceRun": "earlier"},
        "OfSageMaker": {"Role": "reused", "SourceRun": arn},
        "Failed": {"Role": "reused", "SourceRun": "earlier"},
        "NotRun": {"Role": "reused", "SourceRun": "earlier"},
        "NotSelected": {"Role": "not selected"},
    }
    for name, source in sources.items():
        airflow.add_task("run", name, "TrainingOperator", "success")
        publish(airflow, name, source, "sm_pipelines_selection")
        if name in ("Failed", "NotRun"):
            publish(airflow, name, name, STATUS)
    steps = listed(airflow, call)
    found = {one["StepName"]: one.get("SelectiveExecutionResult") for one in steps}
    earlier = {"SourcePipelineExecutionArn": airflow.arn("abalone", "earlier")}
    assert found == {
        "Selected": None,
        "Reused": earlier,
        "OfSageMaker": {"SourcePipelineExecutionArn": arn},
        "Failed": earlier,
    }
    assert {one["StepName"]: one["StepStatus"] for one in steps}["Failed"] == "Failed", "as it ended there"


def test_the_step_that_started_last_comes_first(airflow: Any, call: Any) -> None:
    for name in ("A", "B", "C"):
        airflow.add_task("run", name, "TrainingOperator", "success")
    airflow.add_task("run", "Waiting", "TrainingOperator", "queued", start_date=None)
    assert [one["StepName"] for one in listed(airflow, call)] == ["Waiting", "C", "B", "A"]
    assert [one["StepName"] for one in listed(airflow, call, SortOrder="Ascending")] == ["A", "B", "C", "Waiting"]


def test_steps_come_page_by_page(airflow: Any, call: Any) -> None:
    for name in ("A", "B", "C"):
        airflow.add_task("run", name, "TrainingOperator", "success")
    arn, names, token = airflow.arn("abalone", "run"), [], {}
    while True:
        page = call(
            "ListPipelineExecutionSteps", PipelineExecutionArn=arn, MaxResults=2, SortOrder="Ascending", **token
        )
        names += [one["StepName"] for one in page["PipelineExecutionSteps"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert names == ["A", "B", "C"]


def test_tasks_of_the_author_and_of_airflow_are_no_steps(airflow: Any, call: Any) -> None:
    airflow.add_task("run", "notify", "BashOperator", "success")
    airflow.add_task("run", "pipeline_status", "PipelineStatusOperator", "success")
    assert listed(airflow, call) == []


# -- loops -------------------------------------------------------------------------------------------------------------


def loop(airflow: Any, result: str) -> None:
    airflow.add_task("run", "Each.items", "ForEachItemsOperator", "success", group="Each")
    for index in range(2):
        airflow.add_task("run", "Each.turn", "ForEachTurnOperator", "success", map_index=index, group="Each")
        airflow.add_task("run", "Body", "TrainingOperator", "success", map_index=index, group="Each")
        publish(airflow, "Body", {"TrainingJobArn": f"{JOB}{index}"}, index=index)
    airflow.add_task("run", "Each.result", "ForEachResultOperator", result, group="Each")
    publish(airflow, "Each.items", [{"a": 1}, "x"])


def test_a_loop_is_one_step_and_its_body_one_step_for_each_iteration(airflow: Any, call: Any) -> None:
    loop(airflow, "success")
    publish(airflow, "Each.result", {"Status": "Succeeded", "InputItemCount": 2, "IterationOutputs": []})
    found = {one["StepName"]: one for one in listed(airflow, call)}
    assert set(found) == {"Each", "Body-0", "Body-1"}
    assert found["Body-0"]["IterationContext"] == {"ParentStepName": "Each", "Index": 0, "Item": '{"a": 1}'}
    assert found["Body-1"]["IterationContext"] == {"ParentStepName": "Each", "Index": 1, "Item": "x"}
    assert found["Body-1"]["Metadata"] == {"TrainingJob": {"Arn": f"{JOB}1"}}
    assert found["Each"]["Metadata"] == {"ForEach": {"Status": "Succeeded", "InputItemCount": 2}}
    assert found["Each"]["EndTime"] > found["Body-1"]["EndTime"]
    assert "IterationContext" not in found["Each"]


@pytest.mark.parametrize("result", [None, "scheduled"])
def test_a_loop_is_in_progress_until_its_result(airflow: Any, call: Any, result: str | None) -> None:
    loop(airflow, result)  # type: ignore[arg-type]
    found = {one["StepName"]: one for one in listed(airflow, call)}
    assert found["Each"]["StepStatus"] == "Executing"
    assert "EndTime" not in found["Each"]


def test_a_loop_that_succeeded_in_part_has_failed_for_the_api(airflow: Any, call: Any) -> None:
    loop(airflow, "failed")
    publish(airflow, "Each.result", {"Status": "PartiallySucceeded", "InputItemCount": 2})
    [each] = [one for one in listed(airflow, call) if one["StepName"] == "Each"]
    assert each["Metadata"] == {"ForEach": {"Status": "Failed", "InputItemCount": 2}}


# -- each type ---------------------------------------------------------------------------------------------------------

OUTPUTS = {"OutputParameters": {"approved": True, "where": "s3://b/k"}}
AS_TEXT = [{"Name": "approved", "Value": "true"}, {"Name": "where", "Value": "s3://b/k"}]
EACH_TYPE: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # Type -> what it has published, what it shows as its request, its Metadata
    "AutoML": ({"AutoMLJobArn": "arn"}, {}, {"AutoMLJob": {"Arn": "arn"}}),
    "Callback": (
        OUTPUTS,
        {"QueueUrl": "https://q", "MessageBody": {"token": "***"}},
        {"Callback": {"SqsQueueUrl": "https://q", "OutputParameters": AS_TEXT}},
    ),
    "ClarifyCheck": (
        {"CalculatedBaselineConstraints": "s3://c"},
        {},
        {"ClarifyCheck": {"CalculatedBaselineConstraints": "s3://c", "CheckJobArn": "record"}},
    ),
    "Cleanup": (
        {"CleanedSteps": ["A"], "SkippedSteps": [], "FailedSteps": [], "DeletedObjectCount": 3},
        {},
        {"Cleanup": {"CleanedSteps": ["A"]}},
    ),
    "Condition": ({"Outcome": False}, {}, {"Condition": {"Outcome": "False"}}),
    "EMR": (
        {"ClusterId": "j-1", "Id": "s-1", "Name": "n"},
        {},
        {"EMR": {"ClusterId": "j-1", "StepId": "s-1", "StepName": "n"}},
    ),
    "EMRServerless": (
        {"applicationId": "a", "jobRunId": "r", "name": "n"},
        {},
        {"EMRServerless": {"ApplicationId": "a", "JobRunId": "r", "JobRunName": "n"}},
    ),
    "Endpoint": ({"EndpointArn": "arn"}, {}, {"Endpoint": {"Arn": "arn"}}),
    "EndpointConfig": ({"EndpointConfigArn": "arn"}, {}, {"EndpointConfig": {"Arn": "arn"}}),
    "ForEach": ({}, {}, {}),
    "InferenceComponent": ({"InferenceComponentArn": "arn"}, {}, {"InferenceComponent": {"Arn": "arn"}}),
    "Job": ({"JobArn": "arn"}, {}, {"Job": {"Arn": "arn"}}),
    "Lambda": (
        OUTPUTS,
        {"FunctionName": "arn:aws:lambda:r:1:function:f"},
        {"Lambda": {"Arn": "arn:aws:lambda:r:1:function:f", "OutputParameters": AS_TEXT}},
    ),
    "Lineage": ({"ActionArns": {"a": "arn"}, "Associations": []}, {}, {"Lineage": {"ActionArns": {"a": "arn"}}}),
    "Model": ({"ModelArn": "arn"}, {}, {"Model": {"Arn": "arn"}}),
    "Processing": ({"ProcessingJobArn": "arn"}, {}, {"ProcessingJob": {"Arn": "arn"}}),
    "QualityCheck": (
        {"BaselineUsedForDriftCheckStatistics": "s3://s"},
        {},
        {"QualityCheck": {"BaselineUsedForDriftCheckStatistics": "s3://s", "CheckJobArn": "record"}},
    ),
    "RegisterModel": ({"ModelPackageArn": "arn"}, {}, {"RegisterModel": {"Arn": "arn"}}),
    "Training": ({"TrainingJobArn": "arn"}, {}, {"TrainingJob": {"Arn": "arn"}}),
    "Transform": ({"TransformJobArn": "arn"}, {}, {"TransformJob": {"Arn": "arn"}}),
    "Tuning": ({"HyperParameterTuningJobArn": "arn"}, {}, {"TuningJob": {"Arn": "arn"}}),
}


@pytest.mark.parametrize("step_type", EACH_TYPE)
def test_each_type_has_its_metadata(airflow: Any, call: Any, step_type: str) -> None:
    published, request, expected = EACH_TYPE[step_type]
    operator = CATALOG[step_type].operator.rpartition(".")[2]
    airflow.add_task("run", "Step", operator, "success", rendered_fields={"request": request})
    airflow.stored["run", "Step", -1, RECORD] = {"type": "job", "epoch": "4/4", "name": "n", "arn": "record"}
    publish(airflow, "Step", published)
    [step] = listed(airflow, call)
    assert step.get("Metadata", {}) == expected


def test_a_fail_step_has_its_message(airflow: Any, call: Any) -> None:
    airflow.add_task("run", "Refuse", "FailOperator", "failed")
    publish(airflow, "Refuse", "MSE is 7", FAILURE)
    [step] = listed(airflow, call)
    assert step["Metadata"] == {"Fail": {"ErrorMessage": "MSE is 7"}}
    assert step["FailureReason"] == "MSE is 7"


def test_no_type_is_missing() -> None:
    assert set(EACH_TYPE) | {"Fail"} == set(CATALOG) == set(metadata._BUILDERS)


@pytest.mark.parametrize(
    ("step_type", "expected"),
    [
        ("EMR", {"EMR": {"ClusterId": "first", "StepId": "s-2"}}),
        ("EMRServerless", {"EMRServerless": {"ApplicationId": "first", "JobRunId": "s-2"}}),
    ],
)
def test_a_running_step_of_emr_is_known_by_its_ids(
    airflow: Any, call: Any, step_type: str, expected: dict[str, Any]
) -> None:
    operator = CATALOG[step_type].operator.rpartition(".")[2]
    airflow.add_task("run", "Step", operator, "running")
    record = {"type": "job", "epoch": "4/4", "name": "n", "reference": "first/s-2"}
    airflow.stored["run", "Step", -1, RECORD] = record
    [step] = listed(airflow, call)
    assert step["Metadata"] == expected


@pytest.mark.parametrize("request_text", ["{'FunctionName': … cut", None])
def test_a_request_that_airflow_has_cut_tells_nothing(airflow: Any, call: Any, request_text: str | None) -> None:
    airflow.add_task("run", "Call", "LambdaOperator", "success", rendered_fields={"request": request_text})
    publish(airflow, "Call", OUTPUTS)
    [step] = listed(airflow, call)
    assert step["Metadata"] == {"Lambda": {"OutputParameters": AS_TEXT}}


# -- against botocore's model of the API -------------------------------------------------------------------------------


def unfit(value: Any, shape: Any, place: str) -> list[str]:
    """The places at which a value is not what a shape says."""
    if shape.type_name == "structure":
        members = shape.members
        known = (unfit(value[name], members[name], f"{place}.{name}") for name in value if name in members)
        return [*(f"{place}.{name}" for name in value if name not in members), *chain.from_iterable(known)]
    if shape.type_name == "list":
        return [*chain.from_iterable(unfit(one, shape.member, f"{place}[]") for one in value)]
    types = {"string": str, "integer": int, "timestamp": float, "boolean": bool, "map": dict}
    allowed = getattr(shape, "enum", None)
    fits = isinstance(value, types[shape.type_name]) and (not allowed or value in allowed)
    return [] if fits else [place]


@pytest.mark.newest
def test_what_is_told_fits_the_shapes_of_the_api(airflow: Any, call: Any) -> None:
    from botocore.session import get_session

    for number, (step_type, (published, request, _)) in enumerate(EACH_TYPE.items()):
        operator = CATALOG[step_type].operator.rpartition(".")[2]
        airflow.add_task("run", f"S{number}", operator, "success", rendered_fields={"request": request})
        publish(airflow, f"S{number}", published)
    airflow.add_task("run", "Refuse", "FailOperator", "failed")
    loop(airflow, "success")
    publish(airflow, "Each.result", {"Status": "Succeeded", "InputItemCount": 2})
    model = get_session().get_service_model("sagemaker").operation_model("ListPipelineExecutionSteps")
    steps = listed(airflow, call)
    assert len(steps) == len(EACH_TYPE) + 4
    assert unfit({"PipelineExecutionSteps": steps}, model.output_shape, "") == []
