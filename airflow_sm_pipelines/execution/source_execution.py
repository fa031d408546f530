"""Results of an execution in SageMaker, for a run that reuses them; runs in the worker.

The service keeps no properties. What a step has created is described again; what it has returned is in the metadata of
the execution's steps (API reference, ``PipelineExecutionStepMetadata``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow_sm_pipelines.aws.created_resources import described_resource
from airflow_sm_pipelines.aws.jobs import PROTOCOLS
from airflow_sm_pipelines.aws.kinds import EMR_SERVERLESS_JOB, EMR_STEP, ResourceKind
from airflow_sm_pipelines.aws.pipeline_executions import ExecutedStep, PipelineExecution
from airflow_sm_pipelines.aws.properties import best_candidate_properties, plain_properties
from airflow_sm_pipelines.aws.tuning_jobs import best_training_jobs
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.semantics.output_parameters import typed_outputs
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep

if TYPE_CHECKING:
    from botocore.client import BaseClient

_BASELINES = (
    "CalculatedBaselineConstraints",
    "CalculatedBaselineStatistics",
    "BaselineUsedForDriftCheckConstraints",
    "BaselineUsedForDriftCheckStatistics",
)


class SourceExecution:
    """An execution in SageMaker as the source of a run.

    Args:
        arn: Its ARN.
        execution: What the service tells of it.
        steps: The steps of this pipeline, by name.
        client: Return a boto3 client of a service.

    Attributes:
        name: Its ARN.
        title: What it is, for messages.
    """

    def __init__(
        self, arn: str, execution: PipelineExecution, steps: Mapping[str, Step], client: Callable[[str], BaseClient]
    ) -> None:
        self.name = arn
        self.title = f"the execution {arn}"
        self._execution = execution
        self._steps = steps
        self._client = client

    def outcomes(self, steps: Sequence[str]) -> dict[str, UpstreamStep]:
        """Return how some steps ended there."""
        return {step: self._outcome(step) for step in steps}

    def properties(self, step: str) -> Json:
        """Return the properties that a step had there, ``None`` if they cannot be read any more.

        Raises:
            AwsCallError: A call failed.
            OutputParametersError: The step returned something else than it declares now.
        """
        executed = self._execution.steps.get(step)
        if executed is None:
            return None
        read = _READERS.get(self._steps[step].type, _described)
        return read(self._steps[step], executed.results, self._client)

    def _outcome(self, step: str) -> UpstreamStep:
        executed = self._execution.steps.get(step)
        if executed is None:
            return UpstreamStep(StepStatus.NOT_RUN)
        return UpstreamStep(_status(executed), _branch(executed))


def _status(executed: ExecutedStep) -> StepStatus:
    known = {str(status): status for status in StepStatus}
    return known.get(executed.status, StepStatus.NOT_RUN)


def _branch(executed: ExecutedStep) -> Literal["if", "else"] | None:
    branches: dict[Any, Literal["if", "else"]] = {"True": "if", "False": "else"}
    return branches.get(executed.metadata.get("Condition", {}).get("Outcome"))


# -- the properties of each type of step -------------------------------------------------------------------------------

_Client = Callable[[str], "BaseClient"]


def _described(step: Step, results: Mapping[str, Any], client: _Client) -> Json:
    kind = CATALOG[step.type].kind
    arn = results.get("Arn")
    if kind is None or arn is None:
        return None
    found: Json = described_resource(kind, str(arn), step.arguments, client)
    return found


def _tuning(step: Step, results: Mapping[str, Any], client: _Client) -> Json:
    properties = _described(step, results, client)
    if not isinstance(properties, dict):
        return None
    return {**properties, "TrainingJobSummaries": [*best_training_jobs(client("sagemaker"), properties)]}


def _auto_ml(step: Step, results: Mapping[str, Any], client: _Client) -> Json:
    properties = _described(step, results, client)
    if not isinstance(properties, dict):
        return None
    return {**properties, "BestCandidateProperties": {**best_candidate_properties(properties)}}


def _observed(kind: ResourceKind, parent: str, own: str) -> Callable[[Step, Mapping[str, Any], _Client], Json]:
    def read(_: Step, results: Mapping[str, Any], client: _Client) -> Json:
        if parent not in results or own not in results:
            return None
        service = client(kind.service)
        seen = PROTOCOLS[kind.protocol](service, kind).observe(f"{results[parent]}/{results[own]}")
        return None if seen is None else plain_properties(seen.description)

    return read


def _outputs(step: Step, results: Mapping[str, Any], _: _Client) -> Json:
    returned = {str(one["Name"]): one["Value"] for one in results.get("OutputParameters", ())}
    declared: Any = step.members.get("OutputParameters") or []
    return {"OutputParameters": typed_outputs(declared, returned)}


def _outcome(_: Step, results: Mapping[str, Any], __: _Client) -> Json:
    outcome: JsonObject | None = {"Outcome": results["Outcome"] == "True"} if "Outcome" in results else None
    return outcome


def _baselines(_: Step, results: Mapping[str, Any], __: _Client) -> Json:
    return {name: results[name] for name in _BASELINES if results.get(name)}


def _as_listed(_: Step, results: Mapping[str, Any], __: _Client) -> Json:
    return plain_properties(results)


def _loop(_: Step, results: Mapping[str, Any], __: _Client) -> Json:
    """Return the counts; the service does not tell the outputs of each iteration here."""
    return {name: value for name, value in results.items() if name != "Selector"}


_READERS: Mapping[str, Callable[[Step, Mapping[str, Any], _Client], Json]] = {
    "AutoML": _auto_ml,
    "Callback": _outputs,
    "Cleanup": _as_listed,
    "ClarifyCheck": _baselines,
    "Condition": _outcome,
    "EMR": _observed(EMR_STEP, "ClusterId", "StepId"),
    "EMRServerless": _observed(EMR_SERVERLESS_JOB, "ApplicationId", "JobRunId"),
    "ForEach": _loop,
    "Lambda": _outputs,
    "Lineage": _as_listed,
    "QualityCheck": _baselines,
    "Tuning": _tuning,
}
"""How the properties of a step are read, by its type; all others are described by the ARN of what they created."""
