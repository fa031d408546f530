"""Steps whose request AWS does not keep, and iterations; tests/cli/test_compare.py has a whole execution."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.aws.pipeline_executions import ExecutedStep, ListedStep, listed_steps
from airflow_sm_pipelines.definition.expressions import Unknown
from airflow_sm_pipelines.errors import EvaluationError
from airflow_sm_pipelines.preview.comparison.execution import (
    ExecutionRecord,
    StepComparison,
    Verdict,
    compare_execution,
)
from airflow_sm_pipelines.preview.comparison.recorded_execution import read_record
from airflow_sm_pipelines.preview.comparison.text import comparison_verdict, summary

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p/execution/a1b2c3d4e5f6"
FUNCTION = "arn:aws:lambda:us-east-1:1:function:f"
QUEUE = "https://sqs/q"


class FakeClient:
    """The answers of the service about one execution, and of S3."""

    def __init__(self, steps: list[Any], descriptions: Any = None) -> None:
        self.steps = steps
        self.descriptions = descriptions or {}

    def describe_pipeline_execution(self, **_: Any) -> Any:
        return {"PipelineExecutionStatus": "Succeeded", "CreationTime": datetime(2026, 1, 5, 10, tzinfo=UTC)}

    def list_pipeline_execution_steps(self, **_: Any) -> Any:
        return {"PipelineExecutionSteps": self.steps}

    def list_pipeline_parameters_for_execution(self, **_: Any) -> Any:
        return {"PipelineParameters": [{"Name": "N", "Value": "3"}]}

    def describe_training_job(self, TrainingJobName: str) -> Any:  # noqa: N803 - boto3's own name
        return self.descriptions[TrainingJobName]


def listed(name: str, kind: str, index: int | None = None, item: str = "", **results: Any) -> dict[str, Any]:
    context = {} if index is None else {"IterationContext": {"ParentStepName": "Loop", "Index": index, "Item": item}}
    return {"StepName": name, "StepStatus": "Succeeded", "Metadata": {kind: results}, **context}


def record(pipeline: Any, *steps: Any, **descriptions: Any) -> ExecutionRecord:
    client: Any = FakeClient(list(steps), descriptions)
    nothing: Any = lambda *_: SimpleNamespace(properties=lambda step: None)  # noqa: E731
    return read_record(ARN, pipeline, lambda service: client, nothing)


def compared(pipeline: Any, *steps: Any, **descriptions: Any) -> dict[str, StepComparison]:
    return {one.name: one for one in compare_execution(record(pipeline, *steps, **descriptions))}


@pytest.mark.parametrize(("arn", "verdict"), [(FUNCTION, Verdict.IN_PART), (f"{FUNCTION}-2", Verdict.DIFFERENT)])
def test_a_lambda_step_is_compared_by_its_function(load: Any, step: Any, arn: str, verdict: Verdict) -> None:
    found = compared(load(step("A")), listed("A", "Lambda", Arn=arn))["A"]
    assert found.verdict is verdict
    assert found.because == "compared by its FunctionArn: the service keeps no message"


def test_a_callback_step_is_compared_by_its_queue(load: Any, step: Any) -> None:
    pipeline = load(step("A", "Callback"))
    assert compared(pipeline, listed("A", "Callback", SqsQueueUrl=QUEUE))["A"].verdict is Verdict.IN_PART
    assert compared(pipeline, listed("A", "Callback"))["A"].verdict is Verdict.UNREADABLE


@pytest.mark.parametrize(("type_", "kind"), [("Lineage", "Lineage"), ("Cleanup", "Cleanup")])
def test_what_the_service_does_not_keep_is_not_claimed(load: Any, step: Any, type_: str, kind: str) -> None:
    found = list(compare_execution(record(load(step("A", type_)), listed("A", kind))))
    assert found[0].verdict is Verdict.NOT_KEPT
    assert comparison_verdict(found) is Verdict.UNREADABLE
    assert summary(found) == "nothing could be compared; 1 not compared"


def test_each_iteration_of_a_loop_is_compared_by_itself(load: Any, step: Any) -> None:
    body = step("Fit", "Training", {"HyperParameters": {"depth": {"Get": "ForEach.CurrentItem"}}})
    loop = step("Loop", "ForEach", {"IterableItems": ["3", "5"], "MaxConcurrency": 1, "ForEachBody": [body]})

    def job(depth: str) -> dict[str, Any]:
        return {"RoleArn": "r", "OutputDataConfig": {"S3OutputPath": "s3://b/out"}, "HyperParameters": {"depth": depth}}

    of = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/"
    found = compared(
        load(loop),
        listed("Loop", "ForEach", InputItemCount=2),
        listed("Fit", "TrainingJob", 1, "5", Arn=f"{of}j1"),
        listed("Fit-0", "TrainingJob", 0, "3", Arn=f"{of}j0"),
        j0=job("3"),
        j1=job("4"),
    )
    assert list(found) == ["Loop", "Fit[0]", "Fit[1]"]
    assert found["Loop"].verdict is Verdict.IN_PART
    assert [change.path for change in found["Fit[1]"].request.differences] == [("HyperParameters", "depth")]
    assert found["Fit[0]"].request.differences == ()


def test_a_number_of_items_that_differs_is_told(load: Any, step: Any) -> None:
    loop = step("Loop", "ForEach", {"IterableItems": ["3"], "MaxConcurrency": 1, "ForEachBody": [step("B")]})
    found = compared(load(loop), listed("Loop", "ForEach", InputItemCount=2))
    assert found["Loop"].verdict is Verdict.DIFFERENT
    assert found["B"].verdict is Verdict.NOT_RUN


def test_values_are_those_of_the_execution(load: Any, step: Any) -> None:
    parameters = [{"Name": "N", "Type": "Integer", "DefaultValue": 1}, {"Name": "P", "Type": "String"}]
    pipeline = load(step("A"), Parameters=parameters, PipelineExperimentConfig={})
    values = record(pipeline).values(ListedStep("A", ExecutedStep("Succeeded")))

    assert values.parameter("N") == 3
    with pytest.raises(EvaluationError, match="ListPipelineParametersForExecution does not tell it"):
        values.parameter("P")
    assert values.execution("PipelineExecutionId") == "a1b2c3d4e5f6"
    assert values.execution("PipelineArn") == ARN.partition("/execution/")[0]
    assert values.execution("StartDateTime") == "2026-01-05T10:00:00.000Z"
    assert isinstance(values.execution("CurrentDateTime"), Unknown)
    assert values.trial() == ("p", "a1b2c3d4e5f6")
    assert values.with_job({"TrainingJobName": "j"}).execution("TrainingJobName") == "j"
    with pytest.raises(EvaluationError, match="no properties"):
        values.properties("A")


def test_steps_are_listed_with_where_their_result_came_from() -> None:
    source = {"SourcePipelineExecutionArn": ARN}
    entries = [
        {"StepName": "A", "CacheHitResult": source},
        {"StepName": "B", "SelectiveExecutionResult": source},
        listed("C", "Model", 4, "x", Arn="arn"),
    ]
    client: Any = FakeClient(entries)
    cached, selected, iteration = listed_steps(client, ARN)

    assert (cached.cached_from, cached.selected_from, cached.iteration) == (ARN, "", None)
    assert selected.selected_from == ARN
    assert (iteration.iteration, iteration.item, iteration.executed.results) == (4, "x", {"Arn": "arn"})
