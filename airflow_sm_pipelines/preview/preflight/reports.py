"""The report of ``preflight``: what it prints with ``--format json``.

It needs pydantic, which takes time to import: import this module inside functions.
"""

from __future__ import annotations

from collections.abc import Iterable

from airflow_sm_pipelines.preview.preflight.outcome import Checked, Verdict
from airflow_sm_pipelines.preview.preflight.run import Preflight
from airflow_sm_pipelines.preview.reports import Report


class NamedAt(Report):
    """Where the definition names something."""

    step: str
    path: str
    """JSON path."""


class CheckOutcome(Report):
    """The outcome of one check."""

    subject: str
    """What was checked."""
    places: list[NamedAt]
    expected: str
    found: str
    """What was found instead, or why it could not be checked; empty if all is well."""
    advice: str
    """What to do about it; empty if there is nothing to add."""

    @classmethod
    def of(cls, one: Checked) -> CheckOutcome:
        """Return an outcome as part of the report."""
        return cls(
            subject=one.subject,
            places=[NamedAt(step=place.step, path=place.path) for place in one.places],
            expected=one.expected,
            found=one.found,
            advice=one.advice,
        )


class PreflightReport(Report):
    """What was found before a first run."""

    account: str
    region: str
    principal: str
    """The principal whose permissions were simulated; empty if it could not be told."""
    errors: list[CheckOutcome]
    """What makes a run fail."""
    warnings: list[CheckOutcome]
    """What a run can do without."""
    unchecked: list[CheckOutcome]
    """What could not be checked, and why."""
    ok: list[CheckOutcome]
    """What is as it should be."""

    @classmethod
    def of(cls, found: Preflight) -> PreflightReport:
        """Return what was found as a report."""

        def listed(verdict: Verdict) -> list[CheckOutcome]:
            outcomes: Iterable[Checked] = found.of(verdict)
            return [CheckOutcome.of(one) for one in outcomes]

        return cls(
            account=found.where.account,
            region=found.where.region,
            principal=found.principal,
            errors=listed(Verdict.ERROR),
            warnings=listed(Verdict.WARNING),
            unchecked=listed(Verdict.UNCHECKED),
            ok=listed(Verdict.OK),
        )
