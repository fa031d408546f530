"""The operations that read executions of pipelines, through a real boto3."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

START = datetime(2026, 11, 20, 8, tzinfo=UTC)
PIPELINE = "arn:aws:sagemaker:us-west-2:111122223333:pipeline/abalone"
ARN = f"{PIPELINE}/execution/p1lrnbqnmbbr"
OTHER = f"{PIPELINE}/execution/another"
JOB = "pipelines-p1lrnbqnmbbr-Process-x"
JOB_ARN = f"arn:aws:sagemaker:us-west-2:111122223333:processing-job/{JOB}"


def description(arn: str = ARN, **members: Any) -> dict[str, Any]:
    return {
        "PipelineArn": arn.partition("/execution/")[0],
        "PipelineExecutionArn": arn,
        "PipelineExecutionStatus": "Succeeded",
        "CreationTime": START.isoformat(),
        **members,
    }


def recording() -> dict[str, Any]:
    return {
        "DescribePipelineExecution": description(PipelineExecutionDisplayName="first", FailureReason="none"),
        "ListPipelineExecutionSteps": {
            "PipelineExecutionSteps": [
                {
                    "StepName": f"Step-{number}",
                    "StepStatus": "Succeeded",
                    "StartTime": (START + timedelta(minutes=number)).isoformat(),
                    "Metadata": {"ProcessingJob": {"Arn": JOB_ARN}},
                }
                for number in (2, 0, 1)
            ]
            + [{"StepName": "Waiting"}]
        },
        "ListPipelineParametersForExecution": {
            "PipelineParameters": [{"Name": name, "Value": "1"} for name in ("C", "A", "B")]
        },
        "DescribePipelineDefinitionForExecution": {"PipelineDefinition": "{}", "CreationTime": START.isoformat()},
    }


@pytest.fixture
def record(bench: Any) -> Iterator[Any]:
    """Puts recordings into the local AWS for the test."""
    yield lambda recorded: bench.control("POST", "executions", recorded)
    bench.control("DELETE", "executions")


def refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_an_execution_is_described_as_it_was_recorded(bench: Any, record: Any) -> None:
    record(recording())
    found = bench.sagemaker.describe_pipeline_execution(PipelineExecutionArn=ARN)

    del found["ResponseMetadata"]
    assert found == {
        "PipelineArn": PIPELINE,
        "PipelineExecutionArn": ARN,
        "PipelineExecutionDisplayName": "first",
        "PipelineExecutionStatus": "Succeeded",
        "FailureReason": "none",
        "CreationTime": START,
    }


def test_steps_are_listed_by_their_start_the_newest_first_or_last(bench: Any, record: Any) -> None:
    record(recording())
    listed = bench.sagemaker.list_pipeline_execution_steps
    newest_first = listed(PipelineExecutionArn=ARN)["PipelineExecutionSteps"]
    oldest_first = listed(PipelineExecutionArn=ARN, SortOrder="Ascending")["PipelineExecutionSteps"]

    assert [step["StepName"] for step in newest_first] == ["Step-2", "Step-1", "Step-0", "Waiting"]
    assert [step["StepName"] for step in oldest_first] == ["Waiting", "Step-0", "Step-1", "Step-2"]
    assert newest_first[0] == {
        "StepName": "Step-2",
        "StepStatus": "Succeeded",
        "StartTime": START + timedelta(minutes=2),
        "Metadata": {"ProcessingJob": {"Arn": JOB_ARN}},
    }


@pytest.mark.parametrize(
    ("operation", "entries", "name", "names"),
    [
        ("list_pipeline_execution_steps", "PipelineExecutionSteps", "StepName", "Step-2 Step-1 Step-0 Waiting"),
        ("list_pipeline_parameters_for_execution", "PipelineParameters", "Name", "C A B"),
    ],
)
def test_lists_have_pages(bench: Any, record: Any, operation: str, entries: str, name: str, names: str) -> None:
    record(recording())
    paginator = bench.sagemaker.get_paginator(operation)
    pages = list(paginator.paginate(PipelineExecutionArn=ARN, PaginationConfig={"PageSize": 2}))

    assert [one[name] for page in pages for one in page[entries]] == names.split()
    assert [len(page[entries]) for page in pages] == [2, len(names.split()) - 2]
    code, _ = refusal(getattr(bench.sagemaker, operation), PipelineExecutionArn=ARN, NextToken="made-up")
    assert code == "ValidationException"


def test_iterations_of_a_step_are_all_listed(bench: Any, record: Any) -> None:
    """They have the same name, and may have started together: a page ends between them all the same."""
    steps = [{"StepName": "Each", "IterationContext": {"ParentStepName": "Loop"}}] * 5
    record({**recording(), "ListPipelineExecutionSteps": {"PipelineExecutionSteps": steps}})
    paginator = bench.sagemaker.get_paginator("list_pipeline_execution_steps")
    pages = paginator.paginate(PipelineExecutionArn=ARN, PaginationConfig={"PageSize": 2})

    assert [step for page in pages for step in page["PipelineExecutionSteps"]] == steps


def test_the_definition_is_the_recorded_one(bench: Any, record: Any) -> None:
    record(recording())
    found = bench.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=ARN)

    assert (found["PipelineDefinition"], found["CreationTime"]) == ("{}", START)


@pytest.mark.parametrize(
    "operation",
    [
        "describe_pipeline_execution",
        "list_pipeline_execution_steps",
        "list_pipeline_parameters_for_execution",
        "describe_pipeline_definition_for_execution",
    ],
)
def test_an_execution_that_was_not_recorded_does_not_exist(bench: Any, record: Any, operation: str) -> None:
    record(recording())
    call = getattr(bench.sagemaker, operation)
    elsewhere = getattr(bench.client("sagemaker", region="eu-west-1"), operation)

    assert refusal(call, PipelineExecutionArn=OTHER) == (
        "ResourceNotFound",
        f"Pipeline execution with ARN {OTHER} does not exist",
    )
    assert refusal(elsewhere, PipelineExecutionArn=ARN)[0] == "ResourceNotFound"


def test_what_was_not_recorded_of_an_execution_is_not_made_up(bench: Any, record: Any) -> None:
    record({"DescribePipelineExecution": description()})

    assert refusal(bench.sagemaker.list_pipeline_parameters_for_execution, PipelineExecutionArn=ARN) == (
        "ResourceNotFound",
        f"The recording of {ARN} has no answer of ListPipelineParametersForExecution",
    )


def test_steps_are_those_of_an_execution(bench: Any) -> None:
    assert refusal(bench.sagemaker.list_pipeline_execution_steps) == (
        "ValidationException",
        "PipelineExecutionArn is required",
    )


def test_a_faulty_recording_is_refused(record: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        record({"DescribePipelineExecution": description(PipelineExecutionStatus="Done")})

    assert caught.value.code == 400
    assert "DescribePipelineExecution: Value 'Done' at 'pipelineExecutionStatus'" in json.load(caught.value)["error"]


# -- the executions of a pipeline --------------------------------------------------------------------------------------


@pytest.fixture
def several(record: Any) -> None:
    """Three executions, a day between each, and one of another pipeline."""
    for number, status in enumerate(["Succeeded", "Failed", "Executing"]):
        more = {"PipelineVersionAliases": ["prod"], "FailureReason": "bad"} if status == "Failed" else {}
        time = (START + timedelta(days=number)).isoformat()
        one = description(
            f"{PIPELINE}/execution/{9 - number}", CreationTime=time, PipelineExecutionStatus=status, **more
        )
        record({"DescribePipelineExecution": one})
    record({"DescribePipelineExecution": description(f"{PIPELINE}-2/execution/5")})


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({}, "7 8 9"),
        ({"SortOrder": "Ascending"}, "9 8 7"),
        ({"SortBy": "PipelineExecutionArn"}, "9 8 7"),
        ({"CreatedAfter": START}, "7 8"),
        ({"CreatedBefore": START + timedelta(days=2)}, "8 9"),
        ({"PipelineVersionAlias": "prod"}, "8"),
    ],
)
@pytest.mark.parametrize("name", ["abalone", "Abalone", PIPELINE])
def test_the_executions_of_a_pipeline_are_listed(bench: Any, name: str, filters: Any, ids: str) -> None:
    pages = bench.sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=name, **filters, PaginationConfig={"PageSize": 2}
    )
    listed = [one for page in pages for one in page["PipelineExecutionSummaries"]]

    assert [one["PipelineExecutionArn"].rpartition("/")[2] for one in listed] == ids.split()


@pytest.mark.usefixtures("several")
def test_a_summary_tells_how_an_execution_ended(bench: Any) -> None:
    request = {"PipelineName": "abalone", "PipelineVersionAlias": "prod"}
    [summary] = bench.sagemaker.list_pipeline_executions(**request)["PipelineExecutionSummaries"]

    assert summary == {
        "PipelineExecutionArn": f"{PIPELINE}/execution/8",
        "StartTime": START + timedelta(days=1),
        "PipelineExecutionStatus": "Failed",
        "PipelineExecutionFailureReason": "bad",
        "PipelineVersionAliases": ["prod"],
    }


@pytest.mark.usefixtures("several")
def test_a_pipeline_without_a_recorded_execution_does_not_exist(bench: Any) -> None:
    for call in (bench.sagemaker.list_pipeline_executions, bench.sagemaker.describe_pipeline):
        assert refusal(call, PipelineName="abal") == ("ResourceNotFound", "Pipeline abal does not exist")


@pytest.mark.usefixtures("several")
def test_no_execution_can_be_started(bench: Any) -> None:
    code, message = refusal(bench.sagemaker.start_pipeline_execution, PipelineName="abalone")

    assert code == "ResourceNotFound"
    assert message.startswith("Pipeline abalone does not exist: the local AWS runs no pipelines. ")


# -- what the steps created --------------------------------------------------------------------------------------------


def test_a_recorded_resource_is_described_as_it_was(bench: Any, record: Any) -> None:
    job = {
        "ProcessingJobName": JOB,
        "ProcessingJobArn": JOB_ARN,
        "ProcessingJobStatus": "Completed",
        "ProcessingEndTime": START.isoformat(),
    }
    record({**recording(), "DescribeProcessingJob": [{**job, "ProcessingJobName": "before-it"}, job]})

    found = bench.describe(JOB)
    assert (found["ProcessingJobArn"], found["ProcessingEndTime"]) == (JOB_ARN, START)
    with pytest.raises(ClientError, match="Could not find requested job"):
        bench.describe("after-it")
    elsewhere = bench.client("sagemaker", region="eu-west-1")
    with pytest.raises(ClientError, match="Could not find requested job"):
        elsewhere.describe_processing_job(ProcessingJobName=JOB)


def test_the_local_aws_describes_its_own_jobs_beside_recorded_ones(bench: Any, record: Any) -> None:
    record({**recording(), "DescribeProcessingJob": [{"ProcessingJobName": JOB, "ProcessingJobArn": JOB_ARN}]})
    bench.create("beside-recorded-ones", ["true"])

    assert bench.wait("beside-recorded-ones")["ProcessingJobStatus"] == "Completed"


def test_a_model_package_and_a_pipeline_are_described_by_name_and_by_arn(bench: Any, record: Any) -> None:
    package = "arn:aws:sagemaker:us-west-2:111122223333:model-package/models/3"
    record(
        {
            **recording(),
            "DescribeModelPackage": [{"ModelPackageArn": package, "ModelPackageVersion": 3}],
            "DescribePipeline": [{"PipelineName": "Abalone", "PipelineArn": PIPELINE, "PipelineDefinition": "{}"}],
        }
    )

    assert bench.sagemaker.describe_model_package(ModelPackageName=package)["ModelPackageVersion"] == 3
    for name in ("Abalone", PIPELINE):
        assert bench.sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] == "{}"


def test_a_job_of_two_names_is_found_by_both(bench: Any, record: Any) -> None:
    arn = "arn:aws:sagemaker:us-west-2:111122223333:job/FineTuning/it"
    record({**recording(), "DescribeJob": [{"JobName": "it", "JobCategory": "AgentRFT", "JobArn": arn}]})
    describe = bench.sagemaker.describe_job

    assert describe(JobName="it", JobCategory="AgentRFT")["JobArn"] == arn
    assert refusal(describe, JobName="it", JobCategory="AgentRFTEvaluation")[0] == "ResourceNotFound"


def test_recordings_are_part_of_the_state(open_workbench: Any, tmp_path: Path) -> None:
    with open_workbench(state_dir=tmp_path) as first:
        first.control("POST", "executions", recording())
    with open_workbench(state_dir=tmp_path) as second:
        found = second.sagemaker.describe_pipeline_execution(PipelineExecutionArn=ARN)
        assert found["CreationTime"] == START
        assert second.control("DELETE", "executions") == {"executions": []}
    with open_workbench(state_dir=tmp_path) as third:
        assert third.control("GET", "executions") == {"executions": []}
