"""The check types of ClarifyCheck and QualityCheck: their files, and where a model package names them.

Sources: developer guide, "Baseline calculation, drift detection and lifecycle with ClarifyCheck and QualityCheck
steps", "Schema for Violations"; API reference, ``DriftCheckBaselines``; the SDK's examples of model packages, which
show which check's baseline goes into which member.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Baseline:
    """The S3 URIs of a baseline's files.

    Attributes:
        constraints: S3 URI of the constraints; ``""`` if there are none.
        statistics: S3 URI of the statistics, which only a QualityCheck has; ``""`` if there are none.
    """

    constraints: str = ""
    statistics: str = ""

    def __bool__(self) -> bool:
        return bool(self.constraints or self.statistics)


@dataclass(frozen=True, slots=True)
class CheckType:
    """One value of ``CheckType``.

    Attributes:
        name: The value.
        section: Member of a model package's ``DriftCheckBaselines`` that holds its baseline.
        constraints_member: Member of the section for the constraints.
        statistics_member: The same for the statistics; ``""`` if the check has none.
        constraints_file: Name of the file in the job's output that is the new baseline's constraints.
        statistics_file: The same for the statistics; ``""`` if the check has none.
    """

    name: str
    section: str
    constraints_member: str
    constraints_file: str
    statistics_member: str = ""
    statistics_file: str = ""

    def calculated_baseline(self, folder: str) -> Baseline:
        """Return the baseline that a job has written into a folder of S3."""
        start = folder.rstrip("/")
        statistics = f"{start}/{self.statistics_file}" if self.statistics_file else ""
        return Baseline(f"{start}/{self.constraints_file}", statistics)


def _quality(name: str, section: str) -> CheckType:
    return CheckType(name, section, "Constraints", "constraints.json", "Statistics", "statistics.json")


def _clarify(name: str, section: str, constraints_member: str) -> CheckType:
    return CheckType(name, section, constraints_member, "analysis.json")


CHECK_TYPES = {
    row.name: row
    for row in (
        _quality("DATA_QUALITY", "ModelDataQuality"),
        _quality("MODEL_QUALITY", "ModelQuality"),
        _clarify("DATA_BIAS", "Bias", "PreTrainingConstraints"),
        _clarify("MODEL_BIAS", "Bias", "PostTrainingConstraints"),
        _clarify("MODEL_EXPLAINABILITY", "Explainability", "Constraints"),
    )
}
"""The check types by name."""

VIOLATIONS_FILE = "constraint_violations.json"
"""The report of a check, beside the new baseline; all check types have the same name for it."""


# -- which baseline is used for what: the developer guide's table under "Baseline calculation and registration" --------


class BaselineSource(Enum):
    """The source of ``BaselineUsedForDriftCheck…``."""

    PREVIOUS = "the previous baseline"
    CALCULATED = "the newly calculated baseline"


@dataclass(frozen=True, slots=True)
class CheckRule:
    """One row of the table.

    Attributes:
        checks_drift: Whether the data are checked against the previous baseline, which is then required.
        published: Which baseline the step publishes as ``BaselineUsedForDriftCheck…``.
    """

    checks_drift: bool
    published: BaselineSource

    @property
    def needs_previous(self) -> bool:
        """Tell whether the previous baseline must be available: to check the data against it, or to carry it over.

        Source: developer guide, "Controlling step behaviors for drift check".
        """
        return self.checks_drift or self.carries_over

    @property
    def carries_over(self) -> bool:
        """Tell whether the step publishes the previous baseline without checking the data against it."""
        return not self.checks_drift and self.published is BaselineSource.PREVIOUS

    def published_baseline(self, previous: Baseline, calculated: Baseline) -> Baseline:
        """Return the baseline that the step publishes as ``BaselineUsedForDriftCheck…``; it may be empty."""
        return calculated if self.published is BaselineSource.CALCULATED else previous


_TABLE = {
    # (SkipCheck, RegisterNewBaseline)
    (False, False): CheckRule(checks_drift=True, published=BaselineSource.PREVIOUS),
    (False, True): CheckRule(checks_drift=True, published=BaselineSource.CALCULATED),
    (True, False): CheckRule(checks_drift=False, published=BaselineSource.PREVIOUS),
    (True, True): CheckRule(checks_drift=False, published=BaselineSource.CALCULATED),
}


def check_rule(*, skip_check: bool, register_new_baseline: bool) -> CheckRule:
    """Return the row of the table for a step's two flags."""
    return _TABLE[skip_check, register_new_baseline]
