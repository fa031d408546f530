"""Rehearsal: no job computes anything; each ends as it is told, with synthetic outputs of the right shape and place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

NOTE = "synthetic output of a rehearsal: not computed"
"""Stands in everything that a rehearsal puts out: in each file, in each object's metadata, in each job's log."""

STEP_TAG = "sm-pipelines:task"
"""Tag of a job whose value is the name of the pipeline step that it belongs to."""

StepFiles = Mapping[str, Mapping[str, Any]]
"""JSON documents of one step: name of an output -> path of the file below it -> content."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the jobs of a step end.

    Args:
        failure_reason: Why they fail; ``None`` if they do not.
        stopped: Whether they end Stopped.
    """

    failure_reason: str | None = None
    stopped: bool = False


COMPLETED = Outcome()


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the jobs of a rehearsal do instead of what they are for.

    Args:
        outcomes: How the jobs of a step end, by the step's name; those of other steps complete.
        files: JSON documents that the outputs of a step hold beside the label, by the step's name.
        job_seconds: How long each job takes.
    """

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    files: Mapping[str, StepFiles] = field(default_factory=dict)
    job_seconds: float = 0.2

    def outcome_of(self, step: str) -> Outcome:
        """How a job of this step ends; ``""`` is no step."""
        return self.outcomes.get(step, COMPLETED)

    def files_of(self, step: str) -> StepFiles:
        """The documents in the outputs of a step."""
        return self.files.get(step, {})


def step_of(tags: Iterable[Mapping[str, str]]) -> str:
    """The step that a job belongs to, from its tags; ``""`` if they name none."""
    return next((tag["Value"] for tag in tags if tag["Key"] == STEP_TAG), "")
