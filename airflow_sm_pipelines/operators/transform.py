"""The Transform step."""

from __future__ import annotations

from airflow_sm_pipelines.aws.kinds import TRANSFORM_JOB
from airflow_sm_pipelines.operators.base import JobOperator


class TransformOperator(JobOperator):
    """Runs a SageMaker batch transform job; its properties are the DescribeTransformJob response."""

    kind = TRANSFORM_JOB
    ui_color = TRANSFORM_JOB.colour
