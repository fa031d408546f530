"""One row per step type that this version runs; what other tables say of types is derived from here.

A row is data: it names the operator and the builder of the calls, which are imported only where a step needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from airflow_sm_pipelines.aws.kinds import (
    AUTO_ML_JOB,
    EMR_CLUSTER,
    EMR_SERVERLESS_APPLICATION,
    EMR_SERVERLESS_JOB,
    EMR_STEP,
    ENDPOINT,
    ENDPOINT_CONFIG,
    INFERENCE_COMPONENT,
    MODEL,
    MODEL_CUSTOMIZATION_JOB,
    MODEL_PACKAGE,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TUNING_JOB,
    ResourceKind,
)

if TYPE_CHECKING:
    from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, StepStart

    Builder = Callable[[StepStart], Calls[AwsCall | None]]

_PACKAGE = "airflow_sm_pipelines"
_JOB_CALLS = "aws.requests.jobs.job_calls"
_TUNING_CALLS = "aws.requests.jobs.tuning_calls"


class AnsweredBy(Enum):
    """Who tells how a step has ended."""

    AWS = "the resource that the step creates"
    FUNCTION = "the function that the step invokes"
    PEOPLE = "whoever receives the step's message"
    NOBODY = "the step itself"


@dataclass(frozen=True, slots=True)
class StepTypeRow:
    """What this version does with one step type.

    Attributes:
        step_type: ``Type`` of the step.
        operator: Path of the class that runs it, below this package.
        kind: Row of the resource that it creates; ``None`` if it creates none.
        own_kind: The same for a step whose Arguments have the member ``own_kind_member``.
        own_kind_member: Member of Arguments for what is made for the step alone; ``""`` if there is nothing of that
            sort.
        calls: Path of the builder of the calls that start its work, below this package; ``""`` if it makes none.
        answered_by: Who tells how it has ended.
        finds_violations: Whether its job may complete with violations of a baseline.
    """

    step_type: str
    operator: str
    kind: ResourceKind | None = None
    own_kind: ResourceKind | None = None
    own_kind_member: str = ""
    calls: str = _JOB_CALLS
    answered_by: AnsweredBy = AnsweredBy.AWS
    finds_violations: bool = False

    @property
    def role_member(self) -> str:
        """Member of the Create request for the pipeline's role; ``""`` if the step needs none."""
        return self.kind.role_member if self.kind else ""

    @property
    def joins_trial(self) -> bool:
        """Whether its jobs are added to the experiment and the trial of the run, which the first step creates."""
        return self.calls == _TUNING_CALLS or (self.kind is not None and self.kind.takes_experiment)

    def kind_of(self, arguments: Any) -> ResourceKind | None:
        """Return the row of the resource that a step of this type creates.

        Args:
            arguments: The step's Arguments.
        """
        return self.own_kind if self.own_kind_member and self.own_kind_member in arguments else self.kind

    def builder(self) -> Builder:
        """Import and return the builder of the calls that start the work of such a step; not where `calls` is empty."""
        return cast("Builder", _imported(self.calls))

    def operator_class(self) -> type[Any]:
        """Import and return the class that runs such a step."""
        return cast("type[Any]", _imported(self.operator))


def _imported(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(import_module(f"{_PACKAGE}.{module}"), name)


_CHECK_CALLS = "aws.requests.check_jobs.check_calls"

CATALOG: dict[str, StepTypeRow] = {
    row.step_type: row
    for row in (
        StepTypeRow("AutoML", "operators.jobs.AutoMLOperator", AUTO_ML_JOB),
        StepTypeRow(
            "Callback",
            "sensors.callback.CallbackSensor",
            calls="aws.requests.messages.callback_calls",
            answered_by=AnsweredBy.PEOPLE,
        ),
        StepTypeRow(
            "ClarifyCheck",
            "operators.checks.ClarifyCheckOperator",
            PROCESSING_JOB,
            calls=_CHECK_CALLS,
            finds_violations=True,
        ),
        StepTypeRow(
            "Cleanup",
            "operators.without_job.CleanupOperator",
            calls="aws.requests.cleanup.cleanup_calls",
            answered_by=AnsweredBy.NOBODY,
        ),
        StepTypeRow("Condition", "operators.control_flow.ConditionOperator", calls="", answered_by=AnsweredBy.NOBODY),
        StepTypeRow(
            "EMR",
            "sensors.emr.EmrStepSensor",
            EMR_STEP,
            own_kind=EMR_CLUSTER,
            own_kind_member="ClusterConfig",
            calls="aws.requests.emr.emr_calls",
        ),
        StepTypeRow(
            "EMRServerless",
            "sensors.emr.EmrServerlessJobSensor",
            EMR_SERVERLESS_JOB,
            own_kind=EMR_SERVERLESS_APPLICATION,
            own_kind_member="ApplicationConfig",
            calls="aws.requests.emr.emr_serverless_calls",
        ),
        StepTypeRow("Endpoint", "operators.jobs.EndpointOperator", ENDPOINT),
        StepTypeRow("EndpointConfig", "operators.jobs.EndpointConfigOperator", ENDPOINT_CONFIG),
        StepTypeRow("Fail", "operators.control_flow.FailOperator", calls="", answered_by=AnsweredBy.NOBODY),
        StepTypeRow("ForEach", "operators.for_each.ForEachItemsOperator", calls="", answered_by=AnsweredBy.NOBODY),
        StepTypeRow("InferenceComponent", "operators.jobs.InferenceComponentOperator", INFERENCE_COMPONENT),
        StepTypeRow("Job", "operators.jobs.ModelCustomizationJobOperator", MODEL_CUSTOMIZATION_JOB),
        StepTypeRow(
            "Lambda",
            "operators.lambda_function.LambdaOperator",
            calls="aws.requests.messages.lambda_calls",
            answered_by=AnsweredBy.FUNCTION,
        ),
        StepTypeRow(
            "Lineage",
            "operators.without_job.LineageOperator",
            calls="aws.requests.lineage.lineage_calls",
            answered_by=AnsweredBy.NOBODY,
        ),
        StepTypeRow("Model", "operators.jobs.ModelOperator", MODEL),
        StepTypeRow("Processing", "operators.jobs.ProcessingOperator", PROCESSING_JOB),
        StepTypeRow(
            "QualityCheck",
            "operators.checks.QualityCheckOperator",
            PROCESSING_JOB,
            calls=_CHECK_CALLS,
            finds_violations=True,
        ),
        StepTypeRow(
            "RegisterModel",
            "operators.jobs.RegisterModelOperator",
            MODEL_PACKAGE,
            calls="aws.requests.jobs.model_package_calls",
        ),
        StepTypeRow("Training", "operators.jobs.TrainingOperator", TRAINING_JOB),
        StepTypeRow("Transform", "operators.jobs.TransformOperator", TRANSFORM_JOB),
        StepTypeRow("Tuning", "operators.jobs.TuningOperator", TUNING_JOB, calls=_TUNING_CALLS),
    )
}
"""The rows by step type."""
