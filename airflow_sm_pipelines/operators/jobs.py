"""The steps that create one SageMaker resource: jobs, models, model packages, and what serves models.

How each is created is a row of `airflow_sm_pipelines.catalog`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.kinds import (
    AUTO_ML_JOB,
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
)
from airflow_sm_pipelines.aws.properties import best_candidate_properties
from airflow_sm_pipelines.aws.tuning_jobs import associate_trials, best_training_jobs
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.errors import AwsCallError, StepFailedError
from airflow_sm_pipelines.operators.base import JobOperator

if TYPE_CHECKING:
    from botocore.client import BaseClient

    from airflow_sm_pipelines.execution.step_run import StepRun


class ProcessingOperator(JobOperator):
    """Runs a SageMaker processing job; its properties are the DescribeProcessingJob response."""

    ui_color = PROCESSING_JOB.colour


class TrainingOperator(JobOperator):
    """Runs a SageMaker training job; its properties are the DescribeTrainingJob response."""

    ui_color = TRAINING_JOB.colour


class TransformOperator(JobOperator):
    """Runs a SageMaker batch transform job; its properties are the DescribeTransformJob response."""

    ui_color = TRANSFORM_JOB.colour


class TuningOperator(JobOperator):
    """Runs a SageMaker hyperparameter tuning job.

    Its properties are the DescribeHyperParameterTuningJob response and ``TrainingJobSummaries``, the 50 best training
    jobs, the best first (developer guide, "Tuning step").
    """

    ui_color = TUNING_JOB.colour

    def complete_properties(self, run: StepRun, properties: JsonObject) -> JsonObject:
        """Add the best training jobs, and put all of them into the pipeline's experiment."""
        client, name = run.client(TUNING_JOB.service), str(properties["HyperParameterTuningJobName"])
        try:
            best = best_training_jobs(client, properties)
        except AwsCallError as error:
            raise StepFailedError.of_refusal(
                run.step,
                error,
                purpose=f"list the training jobs of {name}, which has completed",
                advice="allow sagemaker:ListTrainingJobsForHyperParameterTuningJob",
                job=name,
            ) from error
        names = run.trial()
        if names is not None:
            self._join_trial(client, name, names[1])
        return {**properties, "TrainingJobSummaries": [*best]}

    def _join_trial(self, client: BaseClient, name: str, trial: str) -> None:
        """Add the training jobs to a trial; a refusal is only logged: the models are worth more than their place."""
        try:
            left_out = associate_trials(client, name, trial)
        except AwsCallError as error:
            advice = "" if error.exception_type else _ADVICE
            message = "Not all training jobs of %s could be put into trial %s: %s%s"
            self.log.warning(message, name, trial, error.in_words(), advice)
            return
        self.log.info("The training jobs of %s are in trial %s", name, trial)
        if left_out:
            self.log.warning("except these, of which SageMaker has no trial component: %s", ", ".join(left_out))


_ADVICE = (
    "; allow sagemaker:AssociateTrialComponent, or set PipelineExperimentConfig to null in the definition to do without"
)


class AutoMLOperator(JobOperator):
    """Runs a SageMaker Autopilot job; its properties are the DescribeAutoMLJob response and the places of reports."""

    ui_color = AUTO_ML_JOB.colour

    def complete_properties(self, run: StepRun, properties: JsonObject) -> JsonObject:
        """Add ``BestCandidateProperties``."""
        return {**properties, "BestCandidateProperties": {**best_candidate_properties(properties)}}


class ModelCustomizationJobOperator(JobOperator):
    """Runs a model customization job (CreateJob); its properties are the DescribeJob response.

    References may go on into ``JobConfigDocument``, which is JSON in a text.
    """

    ui_color = MODEL_CUSTOMIZATION_JOB.colour


class ModelOperator(JobOperator):
    """Creates a SageMaker model; its properties are the DescribeModel response."""

    ui_color = MODEL.colour


class RegisterModelOperator(JobOperator):
    """Registers a model package; its properties are the DescribeModelPackage response.

    A crash cannot register twice: each attempt has an idempotency token of its own.
    """

    ui_color = MODEL_PACKAGE.colour


class EndpointConfigOperator(JobOperator):
    """Creates an endpoint configuration, or finds the same one; its properties are the Describe response."""

    ui_color = ENDPOINT_CONFIG.colour


class EndpointOperator(JobOperator):
    """Creates or updates an endpoint and waits until it is in service; its properties are the Describe response.

    A killed task leaves the endpoint as it is: no operation stops a deployment.
    """

    ui_color = ENDPOINT.colour


class InferenceComponentOperator(JobOperator):
    """Creates or updates an inference component and waits until it is in service; properties: the Describe response.

    A killed task leaves the component as it is: no operation stops a deployment.
    """

    ui_color = INFERENCE_COMPONENT.colour
