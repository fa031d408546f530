"""The ClarifyCheck step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_sm_pipelines.aws.requests.check_jobs import with_model_name
from airflow_sm_pipelines.operators.check import CheckOperator


class ClarifyCheckOperator(CheckOperator):
    """Checks bias or explainability with a processing job of SageMaker Clarify.

    Its properties are the S3 URIs of the constraints: those calculated, and those used for the drift check.
    """

    def complete_inputs(self, request: dict[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
        """Put the name of the model into a copy of the job's ``analysis_config.json``."""
        model = members.get("ModelName")
        if not model:
            return request
        return with_model_name(request, str(model), str(request[self.kind.name_member]), self.connection.client("s3"))
