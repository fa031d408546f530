"""The EndpointConfig step."""

from __future__ import annotations

from airflow_sm_pipelines.aws.kinds import ENDPOINT_CONFIG
from airflow_sm_pipelines.operators.base import JobOperator


class EndpointConfigOperator(JobOperator):
    """Creates an endpoint configuration, or finds the same one; its properties are the Describe response."""

    kind = ENDPOINT_CONFIG
    ui_color = ENDPOINT_CONFIG.colour
