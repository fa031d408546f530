"""Airflow's own metrics: its ``[metrics]`` settings send them to StatsD, Datadog or OpenTelemetry, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta


def count(name: str, tags: Mapping[str, str]) -> None:
    """Add one to a counter; does nothing where Airflow sends no metrics.

    Args:
        name: Name of the counter; Airflow puts the prefix of its configuration before it.
        tags: What is counted apart, where the receiver knows tags.
    """
    from airflow.sdk.observability import stats

    stats.incr(name, tags=dict(tags))


def tell_duration(name: str, took: timedelta, tags: Mapping[str, str]) -> None:
    """Tell how long something took; does nothing where Airflow sends no metrics.

    Args:
        name: Name of the timer.
        took: The time.
        tags: What is told apart.
    """
    from airflow.sdk.observability import stats

    stats.timing(name, took, tags=dict(tags))
