"""The Endpoint step."""

from __future__ import annotations

from airflow_sm_pipelines.aws.kinds import ENDPOINT
from airflow_sm_pipelines.operators.base import JobOperator


class EndpointOperator(JobOperator):
    """Creates or updates an endpoint and waits until it is in service; its properties are the Describe response.

    A killed task leaves the endpoint as it is: no operation stops a deployment.
    """

    kind = ENDPOINT
    ui_color = ENDPOINT.colour
