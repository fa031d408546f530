"""The Tuning step."""

from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.aws.kinds import TUNING_JOB
from airflow_sm_pipelines.aws.protocols.tuning import associate_trials, best_training_jobs, with_role
from airflow_sm_pipelines.errors import StepFailedError
from airflow_sm_pipelines.operators.base import JobOperator


class TuningOperator(JobOperator):
    """Runs a SageMaker hyperparameter tuning job.

    Its properties are the DescribeHyperParameterTuningJob response and ``TrainingJobSummaries``, the 50 best training
    jobs, the best first (developer guide, "Tuning step").
    """

    kind = TUNING_JOB
    ui_color = TUNING_JOB.colour

    def complete_request(self, request: dict[str, Any], client: Any) -> dict[str, Any]:
        """Give each training definition a role; make the trial that the training jobs will belong to."""
        self.trial()
        return with_role(request, self.settings.role_arn)

    def complete_properties(self, properties: dict[str, Any], client: Any) -> dict[str, Any]:
        """Add the best training jobs, and put all of them into the pipeline's experiment."""
        name = properties["HyperParameterTuningJobName"]
        try:
            best = best_training_jobs(client, properties)
        except CallRefusedError as error:
            advice = "" if error.exception_type else "; allow sagemaker:ListTrainingJobsForHyperParameterTuningJob"
            message = f"cannot list the training jobs of {name}, which has completed: {error.in_words()}{advice}"
            raise StepFailedError(
                self.plan.step.name, message, exception_type=error.exception_type, job=name
            ) from error
        self._join_trial(name, client)
        return {**properties, "TrainingJobSummaries": best}

    def _join_trial(self, name: str, client: Any) -> None:
        """Trained models are worth more than their place in an experiment: what is refused here is only told."""
        names = self.trial()
        if names is None:
            return
        _, trial = names
        try:
            left_out = associate_trials(client, name, trial)
        except CallRefusedError as error:
            advice = "" if error.exception_type else _ADVICE
            told = "Not all training jobs of %s could be put into trial %s: %s%s"
            self.log.warning(told, name, trial, error.in_words(), advice)
            return
        self.log.info("The training jobs of %s are in trial %s", name, trial)
        if left_out:
            self.log.warning("except these, of which SageMaker has no trial component: %s", ", ".join(left_out))


_ADVICE = (
    "; allow sagemaker:AssociateTrialComponent, or set PipelineExperimentConfig to null in the definition to do without"
)
