"""How the jobs of a rehearsal end, what they have written, and what AWS would have refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_sm_pipelines.definition.json_values import Json

NOTE = "synthetic output of a rehearsal: not computed"
"""Stands in everything that a rehearsal writes: in each file, in each object's metadata, in each job's log."""

StepFiles = Mapping[str, Mapping[str, Json]]
"""JSON documents of one step: name of an output -> path of the file below it -> content."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end that the jobs of a step come to.

    Attributes:
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

    Attributes:
        step: The step that sent it; ``""`` if its tags name none.
        operation: The operation that it asked for.
        reason: What AWS would say.
    """

    step: str
    operation: str
    reason: str


class WrittenObjects:
    """The steps of the objects that the jobs of a rehearsal have written. Safe for use by many threads."""

    def __init__(self) -> None:
        self._steps: dict[str, str] = {}

    def note(self, uri: str, step: str) -> None:
        """Note that a job of a step has written an object; another job may have written it before."""
        self._steps[uri] = step

    def step_of(self, uri: str) -> str:
        """Return the step that has written an object; ``""`` if none has."""
        return self._steps.get(uri, "")


class Refusals:
    """The requests of a rehearsal that AWS would refuse. Safe for use by many threads."""

    def __init__(self) -> None:
        self._noted: dict[Refusal, None] = {}

    def note(self, step: str, operation: str, reason: str) -> None:
        """Note that AWS would refuse an operation."""
        self._noted.setdefault(Refusal(step, operation, reason))

    def noted(self) -> list[Refusal]:
        """Return each refusal once, in the order in which they came."""
        return list(self._noted)
