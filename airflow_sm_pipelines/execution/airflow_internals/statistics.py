"""Airflow's own metrics, which its configuration sends to StatsD, Datadog or OpenTelemetry, or nowhere."""

from __future__ import annotations

from airflow.sdk.observability import stats

__all__ = ["incr", "timing"]

incr = stats.incr
timing = stats.timing
