"""What is read of an execution in the service."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from airflow_sm_pipelines.aws.pipeline_executions import (
    ExecutedStep,
    execution_parameters,
    is_execution_arn,
    pipeline_of_execution,
    read_execution,
    region_of_execution,
)

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/abalone/execution/123ab12cd3ef"


@pytest.mark.parametrize(
    ("text", "is_arn"),
    [
        (ARN, True),
        (ARN.replace("aws", "aws-us-gov", 1), True),
        ("arn:aws:sagemaker:eu-west-1:123456789012:pipeline/abalone", False),
        ("manual__2026-01-01T00:00:00+00:00", False),
        (f"{ARN}/steps", False),
    ],
)
def test_an_arn_of_an_execution_is_told_from_a_run_id(text: str, is_arn: bool) -> None:
    assert is_execution_arn(text) is is_arn
    assert region_of_execution(text) == ("eu-west-1" if is_arn else "")


def test_an_arn_tells_the_pipeline_in_lower_case() -> None:
    assert pipeline_of_execution(ARN.replace("abalone", "Abalone")) == "abalone"
    assert pipeline_of_execution("manual__2026-01-01T00:00:00+00:00") == ""


@pytest.mark.newest
def test_an_execution_is_its_state_and_its_steps_without_iterations(sagemaker_client: Any) -> None:
    loop = {"ForEach": {"Status": "Succeeded"}}
    with Stubber(sagemaker_client) as answers:
        request = {"PipelineExecutionArn": ARN}
        answers.add_response("describe_pipeline_execution", {"PipelineExecutionStatus": "Failed"}, request)
        first = [{"StepName": "Train", "StepStatus": "Failed", "Metadata": {"TrainingJob": {"Arn": "arn:train"}}}]
        second = [
            {"StepName": "Loop", "StepStatus": "Succeeded", "Metadata": loop},
            {"StepName": "Each", "StepStatus": "Succeeded", "IterationContext": {"ParentStepName": "Loop"}},
            {"StepName": "Waiting"},
        ]
        listed = "list_pipeline_execution_steps"
        answers.add_response(listed, {"PipelineExecutionSteps": first, "NextToken": "next"}, request)
        answers.add_response(listed, {"PipelineExecutionSteps": second}, {**request, "NextToken": "next"})
        execution = read_execution(sagemaker_client, ARN)

    assert execution.status == "Failed"
    assert execution.steps == {
        "Train": ExecutedStep("Failed", {"TrainingJob": {"Arn": "arn:train"}}),
        "Loop": ExecutedStep("Succeeded", loop),
        "Waiting": ExecutedStep(""),
    }
    assert execution.steps["Train"].results == {"Arn": "arn:train"}
    assert execution.steps["Waiting"].results == {}


def test_the_parameters_of_an_execution_are_texts(sagemaker_client: Any) -> None:
    with Stubber(sagemaker_client) as answers:
        listed, request = "list_pipeline_parameters_for_execution", {"PipelineExecutionArn": ARN}
        first = {"PipelineParameters": [{"Name": "MaxDepth", "Value": "6"}], "NextToken": "next"}
        answers.add_response(listed, first, request)
        answers.add_response(
            listed, {"PipelineParameters": [{"Name": "Go", "Value": "yes"}]}, {**request, "NextToken": "next"}
        )

        assert execution_parameters(sagemaker_client, ARN) == {"MaxDepth": "6", "Go": "yes"}
