"""The AutoML step."""

from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.aws.auto_ml_reports import best_candidate_properties
from airflow_sm_pipelines.aws.kinds import AUTO_ML_JOB
from airflow_sm_pipelines.operators.base import JobOperator


class AutoMLOperator(JobOperator):
    """Runs a SageMaker Autopilot job; its properties are the DescribeAutoMLJob response and the places of reports."""

    kind = AUTO_ML_JOB
    ui_color = AUTO_ML_JOB.colour

    def complete_properties(self, properties: dict[str, Any], client: Any) -> dict[str, Any]:
        """Add ``BestCandidateProperties``."""
        return {**properties, "BestCandidateProperties": best_candidate_properties(properties)}
