"""What one look at a step's AWS resource tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Outcome(Enum):
    """What a resource's state means for its step."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at a resource.

    Attributes:
        status: The state in the API's own words.
        outcome: What it means.
        reason: Why it failed, in the API's words; empty if it says nothing.
        description: The whole Describe response.
        reference: A reference that finds the resource faster than the one that was asked for; empty if there is none.
    """

    status: str
    outcome: Outcome
    reason: str
    description: Mapping[str, Any]
    reference: str = ""
