"""The InferenceComponent step."""

from __future__ import annotations

from airflow_sm_pipelines.aws.kinds import INFERENCE_COMPONENT
from airflow_sm_pipelines.operators.base import JobOperator


class InferenceComponentOperator(JobOperator):
    """Creates or updates an inference component and waits until it is in service; properties: the Describe response.

    A killed task leaves the component as it is: no operation stops a deployment.
    """

    kind = INFERENCE_COMPONENT
    ui_color = INFERENCE_COMPONENT.colour
