"""The Model step."""

from __future__ import annotations

from airflow_sm_pipelines.aws.kinds import MODEL
from airflow_sm_pipelines.operators.base import JobOperator


class ModelOperator(JobOperator):
    """Creates a SageMaker model; its properties are the DescribeModel response."""

    kind = MODEL
    ui_color = MODEL.colour
