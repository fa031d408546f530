"""The report of `pull`: what ``sm-pipelines pull --format json`` prints. It needs pydantic: import it in functions."""

from __future__ import annotations

from airflow_sm_pipelines.preview.reports import Report


class PulledPipeline(Report):
    """A pipeline of the account, or a file whose pipeline is gone."""

    pipeline: str
    """Its name."""
    file: str
    """Its file; empty if it has none."""
    state: str
    """``new``, ``changed``, ``unchanged``, ``gone`` or ``failed``."""
    note: str
    """Why it failed, or what is wrong with the definition; empty if there is nothing to say."""


class PullReport(Report):
    """The pipelines of an account and region, and their files."""

    checked_only: bool
    """Whether nothing was written (``--check``)."""
    pipelines: list[PulledPipeline]
