"""An execution in SageMaker as the source of a run: the properties of its steps are read from the service."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.aws.pipeline_executions import ExecutedStep, PipelineExecution
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.models import PipelineResource, Step
from airflow_sm_pipelines.errors import CallRefusedError, OutputParametersError, StepError, StepFailedError
from airflow_sm_pipelines.execution import source_run
from airflow_sm_pipelines.execution.source_execution import SourceExecution
from airflow_sm_pipelines.execution.source_run import named_source
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/abalone/execution/123ab12cd3ef"
JOB = "arn:aws:sagemaker:eu-west-1:123456789012:a-job/its-name"


class FakeClient:
    """Answers every Describe with its request, and a time."""

    def __init__(self, *, absent: bool = False) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.absent = absent

    def __getattr__(self, operation: str) -> Any:
        def called(**request: Any) -> Any:
            self.calls.append((operation, request))
            if self.absent:
                from tests.conftest import client_error

                raise client_error("ResourceNotFound", "it does not exist")
            return _ANSWERS.get(operation, lambda sent: {**sent, "CreationTime": datetime(2026, 1, 1, tzinfo=UTC)})(
                request
            )

        return called


_ANSWERS: dict[str, Any] = {
    "describe_step": lambda sent: {"Step": {"Id": sent["StepId"], "Status": {"State": "COMPLETED"}}},
    "get_job_run": lambda sent: {"jobRun": {"state": "SUCCESS", "jobRunId": sent["jobRunId"]}},
    "describe_hyper_parameter_tuning_job": lambda sent: {**sent, "HyperParameterTuningJobConfig": {}},
    "list_training_jobs_for_hyper_parameter_tuning_job": lambda sent: {
        "TrainingJobSummaries": [{"TrainingJobName": "best", "TrainingJobStatus": "Completed"}]
    },
}


def source(
    step: Step, status: str = "Succeeded", client: Any = None, *, metadata: Any = MappingProxyType({})
) -> SourceExecution:
    execution = PipelineExecution("Succeeded", {step.name: ExecutedStep(status, dict(metadata))})
    return SourceExecution(ARN, execution, {step.name: step}, lambda service: client)


@pytest.mark.parametrize(
    ("step_type", "metadata", "operation", "request_"),
    [
        ("Processing", "ProcessingJob", "describe_processing_job", {"ProcessingJobName": "its-name"}),
        ("Training", "TrainingJob", "describe_training_job", {"TrainingJobName": "its-name"}),
        ("Transform", "TransformJob", "describe_transform_job", {"TransformJobName": "its-name"}),
        ("Model", "Model", "describe_model", {"ModelName": "its-name"}),
        ("RegisterModel", "RegisterModel", "describe_model_package", {"ModelPackageName": JOB}),
        ("Endpoint", "Endpoint", "describe_endpoint", {"EndpointName": "its-name"}),
        ("EndpointConfig", "EndpointConfig", "describe_endpoint_config", {"EndpointConfigName": "its-name"}),
        (
            "InferenceComponent",
            "InferenceComponent",
            "describe_inference_component",
            {"InferenceComponentName": "its-name"},
        ),
        ("Job", "Job", "describe_job", {"JobCategory": "FineTuning", "JobName": "its-name"}),
    ],
)
def test_what_a_step_created_is_described_again(step_type: str, metadata: str, operation: str, request_: Any) -> None:
    client = FakeClient()
    step = Step("S", step_type, {"JobCategory": "FineTuning"})
    properties = source(step, client=client, metadata={metadata: {"Arn": JOB}}).properties("S")

    assert client.calls == [(operation, request_)]
    assert properties == {**request_, "CreationTime": "2026-01-01T00:00:00+00:00"}


def test_the_best_jobs_of_a_tuning_job_are_listed_again() -> None:
    client = FakeClient()
    properties: Any = source(Step("S", "Tuning", {}), client=client, metadata={"TuningJob": {"Arn": JOB}}).properties(
        "S"
    )

    assert properties["TrainingJobSummaries"] == [{"TrainingJobName": "best", "TrainingJobStatus": "Completed"}]


def test_the_best_candidate_of_an_automl_job_is_known() -> None:
    properties: Any = source(
        Step("S", "AutoML", {}), client=FakeClient(), metadata={"AutoMLJob": {"Arn": JOB}}
    ).properties("S")

    assert properties["BestCandidateProperties"] == {}


@pytest.mark.parametrize(
    ("step_type", "metadata", "properties"),
    [
        ("Condition", {"Condition": {"Outcome": "True"}}, {"Outcome": True}),
        ("Condition", {"Condition": {"Outcome": "False"}}, {"Outcome": False}),
        (
            "QualityCheck",
            {"QualityCheck": {"CheckType": "DATA_QUALITY", "CalculatedBaselineStatistics": "s3://b/statistics.json"}},
            {"CalculatedBaselineStatistics": "s3://b/statistics.json"},
        ),
        (
            "ClarifyCheck",
            {"ClarifyCheck": {"BaselineUsedForDriftCheckConstraints": "s3://b/c.json", "SkipCheck": False}},
            {"BaselineUsedForDriftCheckConstraints": "s3://b/c.json"},
        ),
        ("Lineage", {"Lineage": {"ActionArns": {"a": "arn"}}}, {"ActionArns": {"a": "arn"}}),
        (
            "ForEach",
            {"ForEach": {"Status": "Succeeded", "InputItemCount": 2, "Selector": {"Index": 1}}},
            {"Status": "Succeeded", "InputItemCount": 2},
        ),
        ("EMR", {"EMR": {"ClusterId": "j-1", "StepId": "s-2"}}, None),
        ("EMRServerless", {"EMRServerless": {"ApplicationId": "00a", "JobRunId": "00b"}}, None),
    ],
)
def test_what_a_step_returned_is_in_its_metadata(step_type: str, metadata: Any, properties: Any) -> None:
    found = source(Step("S", step_type, {}), client=FakeClient(), metadata=metadata).properties("S")

    if step_type == "EMR":
        properties = {"Id": "s-2", "Status": {"State": "COMPLETED"}, "ClusterId": "j-1"}
    if step_type == "EMRServerless":
        properties = {"jobRun": {"state": "SUCCESS", "jobRunId": "00b"}}
    assert found == properties


@pytest.mark.parametrize("step_type", ["Lambda", "Callback"])
def test_the_outputs_of_a_function_or_a_callback_have_their_declared_types(step_type: str) -> None:
    declared: Any = [{"OutputName": "Rows", "OutputType": "Integer"}, {"OutputName": "Place", "OutputType": "String"}]
    returned = [{"Name": "Rows", "Value": "12"}, {"Name": "Place", "Value": "s3://b/k"}]
    step = Step("S", step_type, {}, {"OutputParameters": declared})

    found = source(step, metadata={step_type: {"OutputParameters": returned}})
    assert found.properties("S") == {"OutputParameters": {"Rows": 12, "Place": "s3://b/k"}}
    with pytest.raises(OutputParametersError, match="'Place'"):
        source(step, metadata={step_type: {"OutputParameters": returned[:1]}}).properties("S")


def test_every_type_of_step_can_be_read() -> None:
    """A type that creates nothing and tells nothing has no properties to reuse."""
    for step_type in CATALOG:
        step = Step("S", step_type, {})
        assert source(step, client=FakeClient()).properties("S") in (None, {}, {"OutputParameters": {}})


def test_what_is_gone_has_no_properties() -> None:
    step = Step("S", "Processing", {})

    assert (
        source(step, client=FakeClient(absent=True), metadata={"ProcessingJob": {"Arn": JOB}}).properties("S") is None
    )
    assert source(step).properties("Other") is None


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("Succeeded", StepStatus.SUCCEEDED),
        ("Failed", StepStatus.FAILED),
        ("Stopped", StepStatus.STOPPED),
        ("Executing", StepStatus.NOT_RUN),
    ],
)
def test_the_states_of_steps_are_the_services(status: str, wanted: StepStatus) -> None:
    found = source(Step("S", "Processing", {}), status)

    assert found.outcomes(["S", "Other"]) == {"S": UpstreamStep(wanted), "Other": UpstreamStep(StepStatus.NOT_RUN)}


def test_the_branch_of_a_condition_is_known() -> None:
    found = source(Step("S", "Condition", {}), metadata={"Condition": {"Outcome": "False"}})

    assert found.outcomes(["S"]) == {"S": UpstreamStep(StepStatus.SUCCEEDED, "else")}


# -- which executions can be a source ----------------------------------------------------------------------------------


def read(
    monkeypatch: pytest.MonkeyPatch,
    status: Any,
    region: str = "eu-west-1",
    *,
    name: str = "Abalone",
    resource: PipelineResource = PipelineResource(),  # noqa: B008 - it never changes
) -> Any:
    def read_execution(client: Any, arn: str) -> PipelineExecution:
        if isinstance(status, Exception):
            raise status
        return PipelineExecution(status, {})

    monkeypatch.setattr(source_run, "read_execution", read_execution)
    client = SimpleNamespace(meta=SimpleNamespace(region_name=region))
    pipeline = SimpleNamespace(steps=(), resource=resource)
    settings: Any = SimpleNamespace(pipeline=pipeline, task_ids={}, name=name)
    connection: Any = SimpleNamespace(client=lambda service: client)
    return named_source(ARN, "S", settings, {}, connection)


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "CompletedWithFailures"])
def test_an_execution_that_has_ended_can_be_a_source(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    assert read(monkeypatch, status).name == ARN


@pytest.mark.parametrize("status", ["Executing", "Stopping", "Stopped"])
def test_an_execution_must_have_succeeded_or_failed(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    with pytest.raises(StepError, match=f"is {status}, and must have succeeded or failed"):
        read(monkeypatch, status)


def test_an_execution_of_another_region_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StepError, match="is in eu-west-1, but the connection of this step leads to us-east-1"):
        read(monkeypatch, "Succeeded", "us-east-1")


def test_an_execution_of_another_pipeline_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    message = r"is an execution of the pipeline abalone, and this is wines: .* as pipeline_name"
    with pytest.raises(StepError, match=message):
        read(monkeypatch, "Succeeded", name="wines")


def test_a_pipeline_is_known_by_its_name_in_sagemaker_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, "Succeeded", name="wines", resource=PipelineResource(name="Abalone")).name == ARN


def test_an_execution_that_cannot_be_read_fails_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = CallRefusedError("DescribePipelineExecution", "AccessDeniedException", "not allowed", None)
    with pytest.raises(StepFailedError, match=r"cannot read the source run arn.*not allowed"):
        read(monkeypatch, refusal)
