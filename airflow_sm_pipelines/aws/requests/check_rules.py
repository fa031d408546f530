"""Which baselines a check uses and publishes: the service's table as a pure function.

Source: developer guide, "Baseline calculation, drift detection and lifecycle with ClarifyCheck and QualityCheck steps",
the table under "Baseline calculation and registration". The job always runs: it calculates the new baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from airflow_sm_pipelines.aws.check_types import Baseline


class Source(Enum):
    """The source of ``BaselineUsedForDriftCheck…``."""

    PREVIOUS = "the previous baseline"
    CALCULATED = "the newly calculated baseline"


@dataclass(frozen=True, slots=True)
class CheckRule:
    """One row of the table.

    Attributes:
        checks_drift: Whether the data are checked against the previous baseline, which must then exist.
        published: Which baseline the step publishes as ``BaselineUsedForDriftCheck…``.
    """

    checks_drift: bool
    published: Source

    @property
    def carries_over(self) -> bool:
        """Tell whether the previous baseline is only published again: looked up, but not checked against."""
        return not self.checks_drift and self.published is Source.PREVIOUS

    def published_baseline(self, previous: Baseline, calculated: Baseline) -> Baseline:
        """Return what the step publishes as ``BaselineUsedForDriftCheck…``; empty if there is no previous one."""
        return calculated if self.published is Source.CALCULATED else previous


_TABLE = {
    # (SkipCheck, RegisterNewBaseline)
    (False, False): CheckRule(checks_drift=True, published=Source.PREVIOUS),
    (False, True): CheckRule(checks_drift=True, published=Source.CALCULATED),
    (True, False): CheckRule(checks_drift=False, published=Source.PREVIOUS),
    (True, True): CheckRule(checks_drift=False, published=Source.CALCULATED),
}


def check_rule(*, skip_check: bool, register_new_baseline: bool) -> CheckRule:
    """Return the row of the table for a step's two flags."""
    return _TABLE[skip_check, register_new_baseline]
