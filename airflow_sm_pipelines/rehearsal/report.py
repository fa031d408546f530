"""The report of a rehearsal: what `rehearse` returns, and what ``sm-pipelines rehearse`` prints.

The JSON Schema in ``docs/schemas`` is made from it. It needs pydantic, which takes time to import: import this module
inside functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, JsonValue

from airflow_sm_pipelines.preview import untried
from airflow_sm_pipelines.preview.reports import Report, UntriedSteps
from airflow_sm_pipelines.rehearsal.step_states import State, StepState

_LIST = re.compile(r"\[([^\[\]]*)\]")
_ENTRIES_SHOWN = 10


class RehearsedValue(Report):
    """A value that the definition reads and no job computed."""

    name: str
    """``STEP.PROPERTYFILE.PATH``, ``STEP.OutputParameters.NAME``, or an S3 URI with the path."""
    value: JsonValue


class RehearsedIteration(Report):
    """How a step ended in one iteration of a ForEach."""

    state: State
    reason: str | None
    """Why it failed."""


class RehearsedStep(Report):
    """How a step ended."""

    name: str
    type: str
    state: State
    """Of a step in the body of a ForEach: ``failed`` if it failed in any iteration."""
    reason: str | None
    """Why it failed."""
    iterations: list[RehearsedIteration] = Field(default_factory=list)
    """Only of a step in the body of a ForEach: how each iteration ended."""
    synthetic: list[str]
    """S3 URIs of the synthetic objects that its jobs have written."""

    def in_words(self) -> str:
        """Return how the step ended, for people."""
        iterations = tuple(StepState(one.state, one.reason) for one in self.iterations)
        return StepState(self.state, self.reason, iterations).in_words()


class Refusal(Report):
    """A request that AWS would refuse; the rehearsal went on."""

    step: str | None
    """The step that sent it; null if that is not known."""
    operation: str
    """What was asked for, such as ``CreateTrainingJob``."""
    message: str
    """What AWS would say."""


class StepReuse(Report):
    """What a step with an enabled ``CacheConfig`` reused."""

    hits: int
    """How often a result was reused: once, or in how many iterations of a ForEach."""
    misses: int
    """How often it was computed again."""
    runs: list[int]
    """Numbers of the runs whose results were reused."""
    because: list[str]
    """Why something was computed again."""
    in_words: str
    """The same for people."""


class LaterStep(Report):
    """How a step ended in a later run."""

    name: str
    type: str
    state: State
    reason: str | None
    """Why it failed."""
    cache: StepReuse | None
    """What it reused; null if it is not cached, or did not get so far."""

    def in_words(self) -> str:
        """Return how the step ended, for people."""
        state = StepState(self.state, self.reason).in_words()
        return f"{state} ({self.cache.in_words})" if self.cache else state


class LaterRun(Report):
    """How the definition ran once more, with the same values, against the same AWS."""

    number: int
    """Its number, from 2."""
    state: Literal["succeeded", "failed"]
    steps: list[LaterStep]
    """All steps in the order of the document."""


class RehearsalReport(Report):
    """How a definition ran without its code, its data and AWS."""

    file: str
    """The definition's file; ``<text>`` or ``<dict>`` if it came from none."""
    state: Literal["succeeded", "failed"]
    """How the run ended, or ``failed`` if a later one did; nothing is said of the steps in ``untried``."""
    note: str
    """What every synthetic output says of itself."""
    parameters: dict[str, JsonValue]
    """The values of all parameters."""
    placeholders: list[str]
    """The parameters that had neither a given value nor a default."""
    values: list[RehearsedValue]
    """What the definition read of files, and the outputs of Lambda and Callback steps."""
    steps: list[RehearsedStep]
    """All steps in the order of the document."""
    untried: list[UntriedSteps] = Field(default_factory=list)
    """The steps that did not run, since a branch was not taken or a trigger not fulfilled, and how they would run."""
    notes: list[str]
    """What the rehearsal cannot show, and which values it changed."""
    warnings: list[Refusal]
    """What AWS would refuse."""
    later_runs: list[LaterRun] = Field(default_factory=list)
    """The runs after the first one; only with ``--runs``."""

    @property
    def succeeded(self) -> bool:
        """Whether the pipeline succeeded."""
        return self.state == "succeeded"

    def step(self, name: str) -> RehearsedStep:
        """Return a step.

        Raises:
            KeyError: The definition has no step of this name.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def __str__(self) -> str:
        """Return the report for people, as the command prints it."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"Rehearsal of {self.file}: no code ran, each output is a {self.note}."
        for name in self.placeholders:
            yield f"  parameter {name} = {_shown(self.parameters[name])} (placeholder: it has no default)"
        yield from (f"  value {one.name} = {_shown(one.value)}" for one in self.values)
        yield from (f"  note: {note}" for note in self.notes)
        yield ""
        names = max(len(step.name) for step in self.steps)
        types = max(len(step.type) for step in self.steps)
        for step in self.steps:
            yield f"{step.name:{names}}  {step.type:{types}}  {step.in_words()}"
            yield from (f"{'':{names}}  {'':{types}}  synthetic: {uri}" for uri in step.synthetic)
        for run in self.later_runs:
            yield from ("", f"Run {run.number}, with the same values:", "")
            yield from (f"{step.name:{names}}  {step.type:{types}}  {step.in_words()}" for step in run.steps)
        if self.warnings:
            yield from ("", "AWS would refuse what the rehearsal let pass:")
            yield from (f"  {_refusal_text(one)}" for one in self.warnings)
        if self.untried:
            yield from ("", "Not tried:")
            yield from (f"  {_untried(one).in_words()}" for one in self.untried)
        yield from ("", self._conclusion())

    def _conclusion(self) -> str:
        left_out = sum(len(one.steps) for one in self.untried)
        if not self.succeeded or not left_out:
            return f"The pipeline {self.state}."
        were = "was" if left_out == 1 else "were"
        return f"All that ran has succeeded; {left_out} of {len(self.steps)} steps {were} not tried."


def _untried(one: UntriedSteps) -> untried.UntriedSteps:
    return untried.UntriedSteps(tuple(one.steps), one.because, tuple(one.arguments))


def _refusal_text(refusal: Refusal) -> str:
    """Describe a refusal in a line or two: AWS lists every instance type that it knows. The JSON has all of it."""
    reason = _LIST.sub(_first_entries, refusal.message)
    return ": ".join(filter(None, (refusal.step, refusal.operation, reason)))


def _first_entries(found: re.Match[str]) -> str:
    entries = found[1].split(", ")
    left_out = len(entries) - _ENTRIES_SHOWN
    return f"[{', '.join(entries[:_ENTRIES_SHOWN])} and {left_out} more]" if left_out > 1 else found[0]


def _shown(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)
