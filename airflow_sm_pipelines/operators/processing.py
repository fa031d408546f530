"""The Processing step."""

from __future__ import annotations

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.operators.base import JobOperator


class ProcessingOperator(JobOperator):
    """Runs a SageMaker processing job; its properties are the DescribeProcessingJob response."""

    kind = PROCESSING_JOB
    ui_color = PROCESSING_JOB.colour
