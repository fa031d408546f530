"""The outcome of one check of ``preflight``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from airflow_sm_pipelines.aws.failures import says_denied
from airflow_sm_pipelines.errors import AwsCallError


class Verdict(StrEnum):
    """What came of a check."""

    OK = "ok"
    ERROR = "error"
    WARNING = "warning"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a definition names something.

    Attributes:
        step: Name of the step.
        path: JSON path.
    """

    step: str
    path: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of one check.

    Attributes:
        verdict: What came of it.
        subject: What was checked, e.g. ``bucket sagemaker-data``.
        places: Where the definition names it.
        expected: What was expected.
        found: What was found instead, or why it could not be checked.
        advice: What to do about it.
    """

    verdict: Verdict
    subject: str
    places: tuple[Place, ...]
    expected: str
    found: str = ""
    advice: str = ""


def unchecked(subject: str, places: Sequence[Place], expected: str, error: AwsCallError, action: str = "") -> Checked:
    """Return the outcome of a check that AWS did not answer.

    Args:
        subject: What was to be checked.
        places: Where the definition names it.
        expected: What was expected.
        error: What AWS said.
        action: The IAM action that the check needs.
    """
    advice = f"allow {action} to whoever runs preflight" if action and says_denied(error.code) else ""
    return Checked(Verdict.UNCHECKED, subject, tuple(places), expected, error.in_words(), advice)
