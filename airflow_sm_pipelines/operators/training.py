"""The Training step."""

from __future__ import annotations

from airflow_sm_pipelines.aws.kinds import TRAINING_JOB
from airflow_sm_pipelines.operators.base import JobOperator


class TrainingOperator(JobOperator):
    """Runs a SageMaker training job; its properties are the DescribeTrainingJob response."""

    kind = TRAINING_JOB
    ui_color = TRAINING_JOB.colour
