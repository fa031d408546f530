"""The Job step."""

from __future__ import annotations

from airflow_sm_pipelines.aws.kinds import MODEL_CUSTOMIZATION_JOB
from airflow_sm_pipelines.operators.base import JobOperator


class ModelCustomizationJobOperator(JobOperator):
    """Runs a model customization job (CreateJob); its properties are the DescribeJob response.

    References may go on into ``JobConfigDocument``, which is JSON in a text.
    """

    kind = MODEL_CUSTOMIZATION_JOB
    ui_color = MODEL_CUSTOMIZATION_JOB.colour
