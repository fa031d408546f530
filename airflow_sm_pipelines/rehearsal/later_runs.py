"""The runs of a rehearsal after the first one: which results they reuse, and why they compute the others again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.rehearsal.step_states import StepState, instance_name, step_state


@dataclass(frozen=True, slots=True)
class EndedLaterRun:
    """How a run ended.

    Attributes:
        number: Its number, from 2.
        state: State of the DAG run.
        tasks: State of each task instance, by `instance_name`.
        reasons: Why instances failed, likewise.
        reuse: What cached instances say of the cache, likewise (`airflow_sm_pipelines.execution.xcoms.CACHE_KEY`).
        numbers: Run id -> number of each run so far.
    """

    number: int
    state: str
    tasks: Mapping[str, str | None]
    reasons: Mapping[str, str] = field(default_factory=dict)
    reuse: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)

    def state_of(self, step: Step) -> StepState:
        """Return how a step ended."""
        return step_state(step, self.tasks, self.reasons)

    def reuse_of(self, step: Step) -> StepReuse | None:
        """Return what a cached step reused; ``None`` if it is not cached, or did not get so far."""
        said = [self.reuse[step.name]] if step.name in self.reuse else []
        while (name := instance_name(step.name, len(said))) in self.tasks and step.body_of:
            said.append(self.reuse.get(name, {}))
        told = [one for one in said if one]
        if not told:
            return None
        hits = [self.numbers[one["run_id"]] for one in told if one["outcome"] == "hit"]
        misses = [self._with_numbers(one["because"]) for one in told if one["outcome"] == "miss"]
        return StepReuse(tuple(hits), tuple(misses))

    def _with_numbers(self, because: str) -> str:
        for run_id, number in self.numbers.items():
            because = because.replace(f"run {run_id}", f"run {number}")
        return because


@dataclass(frozen=True, slots=True)
class StepReuse:
    """What a cached step reused; one in the body of a ForEach in each of its iterations.

    Attributes:
        hits: Number of the run whose result was reused, for each time.
        misses: Why nothing was reused, for each other time.
    """

    hits: tuple[int, ...]
    misses: tuple[str, ...]

    @property
    def sources(self) -> Sequence[int]:
        """The runs whose results were reused."""
        return sorted(set(self.hits))

    @property
    def reasons(self) -> Sequence[str]:
        """Why something was computed again."""
        return list(dict.fromkeys(self.misses))

    def in_words(self) -> str:
        """Return it for people."""
        runs = ", ".join(map(str, self.sources))
        hit = f"cache hit: run {runs}" if runs else ""
        if not self.misses:
            return hit
        miss = f"cache miss: {'; '.join(self.reasons)}"
        return f"{hit} in {len(self.hits)} of {len(self.hits) + len(self.misses)} iterations; {miss}" if hit else miss
