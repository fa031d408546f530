"""The progress of the steps of a run, as lines for people."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TextIO

from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.demo.airflow_api import ApiObject
from airflow_sm_pipelines.rehearsal.step_states import instance_name, task_of_step

# Airflow's own words, except for the states before "running", which pass too fast to matter.
_SHOWN_STATES = {None: "waiting", "scheduled": "waiting", "up_for_retry": "waits for retry"}


@dataclass(frozen=True, slots=True)
class StepProgress:
    """The progress of one step at one moment.

    Attributes:
        name: Name of the step.
        state: What to call the state of its task.
        seconds: Seconds since its task was first started, or until it ended; ``None`` before.
        job: Name of its last AWS job; empty if it has none.
    """

    name: str
    state: str
    seconds: float | None = None
    job: str = ""


def step_progress(task_instance: ApiObject, job: str, now: datetime) -> StepProgress:
    """Read the progress of a step from its task instance.

    Args:
        task_instance: As Airflow's REST API returns it.
        job: Name of the step's AWS job, empty if there is none.
        now: The present time, with a time zone.
    """
    state = task_instance["state"]
    start, end = (_time(task_instance[member]) for member in ("start_date", "end_date"))
    seconds = None if start is None else max((end or now) - start, timedelta(0)).total_seconds()
    return StepProgress(progress_name(task_instance), str(_SHOWN_STATES.get(state, state)), seconds, job)


def progress_name(task_instance: ApiObject) -> str:
    """Return the name of a task instance: its task, and in a ForEach the iteration.

    Args:
        task_instance: As Airflow's REST API returns it.
    """
    return instance_name(task_instance["task_id"], task_instance.get("map_index", -1))


def tasks_in_order(steps: Sequence[Step], task_instances: Iterable[ApiObject]) -> list[ApiObject]:
    """Return the task instances that stand for steps, in the order of the definition, iterations by their index.

    Args:
        steps: All steps of the definition.
        task_instances: Those of a run, as Airflow's REST API returns them.
    """
    position = {task_of_step(step): index for index, step in enumerate(steps)}
    shown = [task for task in task_instances if task["task_id"] in position]
    return sorted(shown, key=lambda task: (position[task["task_id"]], task.get("map_index", -1)))


def format_steps(steps: Sequence[StepProgress]) -> list[str]:
    """Return one line for each step, in columns."""
    names = max((len(step.name) for step in steps), default=0)
    states = max((len(step.state) for step in steps), default=0)
    return [_line(step, names, max(states, len("upstream_failed"))) for step in steps]


def changed_steps(before: Iterable[StepProgress], after: Iterable[StepProgress]) -> set[str]:
    """Return the names of the steps whose state or job has changed; the seconds do not count."""
    known = {step.name: (step.state, step.job) for step in before}
    return {step.name for step in after if known.get(step.name, ("waiting", "")) != (step.state, step.job)}


class ProgressDisplay(Protocol):
    """A display of the steps of a run."""

    def show(self, steps: Sequence[StepProgress]) -> None:
        """Show the present progress."""


class ProgressLog:
    """A display for files and pipes: a line for each change.

    Args:
        out: Where to write.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shown: Sequence[StepProgress] = ()

    def show(self, steps: Sequence[StepProgress]) -> None:
        """Write the lines of the steps that have changed."""
        changed = changed_steps(self._shown, steps)
        for step, line in zip(steps, format_steps(steps), strict=True):
            if step.name in changed:
                self._out.write(f"{line}\n")
        self._out.flush()
        self._shown = tuple(steps)


class ProgressTable:
    """A display for terminals: a table that is overwritten in place.

    Args:
        out: The terminal.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._height = 0

    def show(self, steps: Sequence[StepProgress]) -> None:
        """Overwrite the table."""
        width = shutil.get_terminal_size().columns
        up = f"\x1b[{self._height}A" if self._height else ""
        # A line that wraps would take two lines, and the way up would be too short.
        lines = "".join(f"\x1b[2K{line[: width - 1]}\n" for line in format_steps(steps))
        self._out.write(up + lines)
        self._out.flush()
        self._height = len(steps)


def progress_display(out: TextIO, rows: int = 0) -> ProgressDisplay:
    """Return the display that suits the output: on a terminal a table, if it is not too long for that.

    Args:
        out: Where to write.
        rows: How many steps there will be, as far as that is known.
    """
    return ProgressTable(out) if out.isatty() and rows < shutil.get_terminal_size().lines else ProgressLog(out)


def _line(step: StepProgress, names: int, states: int) -> str:
    seconds = "" if step.seconds is None else f"{step.seconds:.0f} s"
    return f"  {step.name:<{names}}  {step.state:<{states}}  {seconds:>6}  {step.job}".rstrip()


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
