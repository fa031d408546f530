"""Rehearsal: no job computes anything; each ends as it is told, with synthetic outputs of the right shape and place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from airflow_sm_pipelines.local.errors import AwsError

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
        violation: Whether a job that checks data against a baseline finds a violation; others complete.
    """

    failure_reason: str | None = None
    stopped: bool = False
    violation: bool = False


COMPLETED = Outcome()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that AWS would refuse.

    Args:
        step: The step that sent it; ``""`` if it is tagged with none.
        operation: What it asked for.
        reason: What AWS would say.
    """

    step: str
    operation: str
    reason: str


class Refusals:
    """What AWS would refuse, noted while a rehearsal goes on. Safe for use by many threads."""

    def __init__(self) -> None:
        self._noted: dict[Refusal, None] = {}

    def note(self, step: str, operation: str, reason: str) -> None:
        """Note that AWS would refuse an operation."""
        self._noted.setdefault(Refusal(step, operation, reason))

    def note_request(self, request: Mapping[str, Any], operation: str, reason: str) -> None:
        """Note that AWS would refuse a request, which may be tagged with its step."""
        self.note(step_of_request(request), operation, reason)

    def noted(self) -> list[Refusal]:
        """Each refusal once, in the order in which they came."""
        return list(self._noted)


@contextmanager
def noting(rehearsal: Rehearsal | None, step: str, operation: str) -> Iterator[None]:
    """Note what is refused in the block, and go on after it, if the rehearsal is to; else let it be refused.

    Args:
        rehearsal: The rehearsal, if there is one.
        step: The step that sent the request; ``""`` if none is known.
        operation: What it asked for.

    Raises:
        AwsError: It is refused.
    """
    try:
        yield
    except AwsError as error:
        if rehearsal is None or rehearsal.refusals is None:
            raise
        rehearsal.refusals.note(step, operation, error.message)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the jobs of a rehearsal do instead of what they are for.

    Args:
        outcomes: How the jobs of a step end, by the step's name; those of other steps complete.
        files: JSON documents that the outputs of a step hold beside the label, by the step's name.
        outputs: The outputs that a step declares by itself, where no job has them: those of Lambda and Callback steps,
            by the step's name.
        job_seconds: How long each job takes.
        refusals: Where it is noted what AWS would refuse for a value: a pattern, a limit, a rule of the service. The
            rehearsal goes on then. ``None`` refuses it.
    """

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    files: Mapping[str, StepFiles] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    job_seconds: float = 0.2
    refusals: Refusals | None = None

    def outcome_of(self, step: str) -> Outcome:
        """How a job of this step ends; ``""`` is no step."""
        return self.outcomes.get(step) or self.outcomes.get(_without_iteration(step), COMPLETED)

    def files_of(self, step: str) -> StepFiles:
        """The documents in the outputs of a step."""
        return self.files.get(step, {})

    def outputs_of(self, step: str) -> Mapping[str, Any]:
        """The declared outputs of a step."""
        return self.outputs.get(step) or self.outputs.get(_without_iteration(step), {})


def _without_iteration(step: str) -> str:
    """A step in the body of a ForEach calls itself ``<step>-<index>``; no other step is called like that."""
    return re.sub(r"-[0-9]+$", "", step)


def step_of(tags: Iterable[Mapping[str, str]]) -> str:
    """The step that a job belongs to, from its tags; ``""`` if they name none."""
    return next((tag["Value"] for tag in tags if tag["Key"] == STEP_TAG), "")


def step_of_request(request: Mapping[str, Any]) -> str:
    """The step that sent a request, from its tags, which nobody has looked at yet; ``""`` if they name none."""
    tags = request.get("Tags")
    return step_of(tags) if isinstance(tags, list) else ""
