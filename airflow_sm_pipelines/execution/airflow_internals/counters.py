"""Airflow's own metrics, as ``[metrics]`` of its configuration sends them: StatsD, Datadog or OpenTelemetry."""

from __future__ import annotations

from collections.abc import Mapping


def count(name: str, tags: Mapping[str, str]) -> None:
    """Add one to a counter; does nothing where Airflow sends no metrics.

    Args:
        name: Name of the counter; Airflow puts the prefix of its configuration before it.
        tags: What is counted apart, where the receiver knows tags.
    """
    from airflow.sdk.observability import stats

    stats.incr(name, tags=dict(tags))
