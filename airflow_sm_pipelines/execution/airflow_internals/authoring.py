"""What DAG files need of Airflow beside ``airflow.sdk``; loaded in every Airflow process."""

from __future__ import annotations

from typing import Any

from airflow.sdk import RetryPolicy
from airflow.sdk.bases.operator import DEFAULT_RETRIES  # type: ignore[attr-defined]
from airflow.sdk.bases.skipmixin import SkipMixin
from airflow.sdk.definitions.dag import ScheduleArg
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.definitions.retry_policy import RetryDecision

__all__ = [
    "DEFAULT_RETRIES",
    "ParamsDict",
    "RetryDecision",
    "RetryPolicy",
    "ScheduleArg",
    "SkipMixin",
    "retry_policy_argument",
]


def retry_policy_argument(policy: RetryPolicy) -> dict[str, Any]:
    """Return the argument of ``BaseOperator`` that sets a task's retry policy (Airflow 3.3)."""
    return {"retry_policy": policy}
