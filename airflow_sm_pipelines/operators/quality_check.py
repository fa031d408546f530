"""The QualityCheck step."""

from __future__ import annotations

from airflow_sm_pipelines.operators.check import CheckOperator


class QualityCheckOperator(CheckOperator):
    """Checks the quality of data, or of a model's answers, with a processing job of Model Monitor.

    Its properties are the S3 URIs of constraints and statistics: those calculated, and those used for the drift check.
    """
