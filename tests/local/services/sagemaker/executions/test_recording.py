"""Recordings of pipeline executions: what is read, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import botocore
import pytest

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.local.services.sagemaker.executions.recording import OF_RESOURCES, read_recording

PIPELINE = "arn:aws:sagemaker:eu-west-1:111122223333:pipeline/abalone"
JOB = "arn:aws:sagemaker:eu-west-1:111122223333:processing-job/pipelines-p1lrnbqnmbbr-Process-x"


def recording(**answers: Any) -> dict[str, Any]:
    """A recording as the AWS CLI writes the answers."""
    described = {
        "PipelineArn": PIPELINE,
        "PipelineExecutionArn": f"{PIPELINE}/execution/p1lrnbqnmbbr",
        "PipelineExecutionStatus": "Succeeded",
        "CreationTime": "2026-11-20T08:00:00.123000+00:00",
    }
    return {"DescribePipelineExecution": described, **answers}


def problems(document: object) -> list[str]:
    with pytest.raises(ValueError, match=r".") as caught:
        read_recording(document)
    return str(caught.value).split("; ")


def test_times_are_read_as_the_cli_writes_them_and_as_numbers() -> None:
    steps = [
        {"StepName": "Process", "StartTime": "2026-11-20T09:00:00+01:00", "EndTime": 1_700_000_000.5},
        {"StepName": "Train", "StartTime": "2026-11-20 08:00:00Z"},  # as a datetime of Python shows itself
    ]
    read = read_recording(recording(ListPipelineExecutionSteps={"PipelineExecutionSteps": steps}))

    assert read["DescribePipelineExecution"]["CreationTime"] == pytest.approx(1_795_161_600.123)
    assert read["ListPipelineExecutionSteps"]["PipelineExecutionSteps"] == [
        {"StepName": "Process", "StartTime": 1_795_161_600.0, "EndTime": 1_700_000_000.5},
        {"StepName": "Train", "StartTime": 1_795_161_600.0},
    ]


def test_what_boto3_adds_to_an_answer_is_left_out() -> None:
    document = recording()
    document["DescribePipelineExecution"]["ResponseMetadata"] = {"HTTPStatusCode": 200}
    document["ListPipelineParametersForExecution"] = {"PipelineParameters": [], "ResponseMetadata": {}}

    assert read_recording(document)["ListPipelineParametersForExecution"] == {"PipelineParameters": []}
    assert "ResponseMetadata" not in read_recording(document)["DescribePipelineExecution"]


def test_a_list_may_be_longer_than_a_page_of_the_api() -> None:
    steps = [{"StepName": f"Step-{number}"} for number in range(250)]
    read = read_recording(recording(ListPipelineExecutionSteps={"PipelineExecutionSteps": steps}))

    assert read["ListPipelineExecutionSteps"]["PipelineExecutionSteps"] == steps


def test_members_that_the_service_leaves_out_although_its_model_requires_them_are_not_missed() -> None:
    package = {"ModelPackageArn": "arn:aws:sagemaker:eu-west-1:111122223333:model-package/models/3"}

    assert read_recording(recording(DescribeModelPackage=[package]))["DescribeModelPackage"] == [package]


def test_all_problems_are_told_at_once_with_their_places() -> None:
    document = recording(
        ListPipelineExecutionSteps={
            "PipelineExecutionSteps": [
                {"StepName": "Process", "StepStatus": "Done"},
                {"StepName": "Train", "StartTime": "yesterday", "Colour": "red"},
                {"StepName": 3},
                "Eval",
            ],
            "Colour": "red",
        },
        DescribePipelineDefinitionForExecution={"CreationTime": "2026-11-20T08:00:00"},
        DescribeProcessingJob=[{"ProcessingJobStatus": "Completed"}],
        DescribeTrainingJob={"TrainingJobName": "one"},
        DescribeDomain=[],
    )
    del document["DescribePipelineExecution"]["PipelineExecutionArn"]
    steps = "ListPipelineExecutionSteps.PipelineExecutionSteps"
    no_time = "must be seconds since the epoch, or an ISO 8601 time with its offset"

    found = problems(document)

    assert len(found) == 12
    assert found[:5] == [
        "DescribePipelineExecution.PipelineExecutionArn: is missing",
        "ListPipelineExecutionSteps.Colour: is no member of this answer",
        f"{steps}[0]: Value 'Done' at 'stepStatus' failed to satisfy constraint: Member must satisfy enum value set: "
        "[Starting, Executing, Stopping, Stopped, Failed, Succeeded]",
        f"{steps}[1].Colour: botocore {botocore.__version__} knows no such member",
        f"{steps}[1].StartTime: {no_time}",
    ]
    assert found[5].startswith(f"{steps}[2]: NUMBER_VALUE can not be converted to a String")
    assert found[6:10] == [
        f"{steps}[3]: must be an object, not 'Eval'",
        "DescribePipelineDefinitionForExecution.PipelineDefinition: is missing",
        f"DescribePipelineDefinitionForExecution.CreationTime: {no_time}",
        "DescribeProcessingJob[0].ProcessingJobName: is missing",
    ]
    assert found[10].startswith("DescribeTrainingJob: must be a list, not {'TrainingJobName'")
    assert found[11].startswith("DescribeDomain: ")


def test_what_cannot_be_recorded_is_told_with_what_can() -> None:
    [problem] = problems(recording(DescribeDomain=[]))

    assert problem.startswith("DescribeDomain: cannot be recorded, only DescribePipelineExecution, List")


def test_an_execution_is_described() -> None:
    assert problems({}) == ["DescribePipelineExecution: is missing"]


def test_the_first_page_of_a_list_is_not_a_recording_of_it() -> None:
    page = {"PipelineParameters": [], "NextToken": "more"}

    assert problems(recording(ListPipelineParametersForExecution=page)) == [
        "ListPipelineParametersForExecution.NextToken: leads to another page: record all pages in one"
    ]


@pytest.mark.parametrize("document", [[], "recording", None, 3])
def test_a_recording_is_an_object(document: object) -> None:
    [problem] = problems(document)

    assert problem.startswith("a recording is a JSON object with the answers by operation, not ")


@pytest.mark.parametrize("answer", [None, [], "text"])
def test_each_answer_has_its_own_form(answer: object) -> None:
    shown = repr(answer)

    assert problems({"DescribePipelineExecution": answer}) == [
        f"DescribePipelineExecution: must be an object, not {shown}"
    ]
    if answer != []:
        assert problems(recording(DescribeModel=answer)) == [f"DescribeModel: must be a list, not {shown}"]
    assert problems(recording(ListPipelineExecutionSteps=answer)) == [
        "ListPipelineExecutionSteps.PipelineExecutionSteps: must be a list, not None"
    ]


def test_a_long_value_is_cut_in_the_message() -> None:
    [problem] = problems(json.loads(f'"{"x" * 1000}"'))

    assert len(problem) < 150


def test_whatever_a_step_creates_in_sagemaker_can_be_recorded_except_tuning_jobs() -> None:
    kinds = [row.kind for row in CATALOG.values() if row.kind is not None and row.kind.service == "sagemaker"]

    assert {kind.describe for kind in kinds} - set(OF_RESOURCES) == {"DescribeHyperParameterTuningJob"}
