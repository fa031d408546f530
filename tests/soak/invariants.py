"""What must hold of a round, whatever was done in it; pure functions over its records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from tests.soak.history import (
    LIVE,
    RUN_STARTED,
    STOPPED,
    SUCCEEDED,
    TAKEN,
    UNKNOWN,
    WHOLE_RUN,
    Act,
    AwsJob,
    History,
    StepKey,
    TaskEnd,
)
from tests.soak.plan import BOUND, MARK_SUCCESS

ENDED = frozenset({"success", "failed", "skipped", "removed", "upstream_failed"})
_CLOCK = 0.05
"""AWS's times are rounded to milliseconds."""
_BOUND_SECONDS = 20.0
"""How long a step may still go by the bound before: it looks, then it writes down, then it creates."""
_HEARTBEAT_SECONDS = 5.0
"""How long the process of a task that was cleared may not know it: until its next heartbeat. A job that it creates
meanwhile belongs to the try before the clear."""
_ANSWER = "Ask"
_WITHOUT_JOBS = frozenset(
    {
        "Ask",
        "Call",
        "Model",
        "Config",
        "Endpoint",
        "Choose",
        "Each.items",
        "Each.turn",
        "Each.result",
        "pipeline_status",
    }
)
_CONSEQUENCES = frozenset({"pipeline_status", "Each.result"})
"""Tasks that fail because others have failed."""
EDITED = "Extra"
"""The step that edits remove and add again."""


@dataclass(frozen=True)
class Violation:
    """Something that must not be.

    Attributes:
        invariant: Name of the invariant.
        step: Where.
        what: What was found.
    """

    invariant: str
    step: StepKey
    what: str


def two_live_jobs(history: History) -> Iterator[Violation]:
    """No step of an execution has two live jobs at any moment."""
    for jobs in _by_step(history.jobs).values():
        for first, second in pairwise(jobs):
            if first.ended is None or first.ended > second.created + _CLOCK:
                yield _violation(two_live_jobs, first, f"{first.name} was live when {second.name} was created")


def none_left(history: History) -> Iterator[Violation]:
    """At rest and after a sweep, no job is live."""
    states = {task.step: task.state for task in history.tasks}
    for job in history.jobs:
        if job.state == LIVE:
            yield _violation(
                none_left, job, f"{job.kind} {job.name} is live, its task {states.get(job.step, 'absent')}"
            )


def none_lost(history: History) -> Iterator[Violation]:
    """A step that has succeeded has a job that has succeeded, unless a person marked it."""
    jobs = _by_step(history.jobs)
    succeeded = {key[0] for key, found in jobs.items() if any(job.state == SUCCEEDED for job in found)}
    for task in history.tasks:
        if task.state != "success" or task.step.task_id in _WITHOUT_JOBS or task.step in succeeded:
            continue
        if not _acts_on(history.acts, task.step):
            yield Violation(none_lost.__name__, task.step, "succeeded, but none of its jobs has")


def none_done_again(history: History) -> Iterator[Violation]:
    """A step whose job has succeeded gets another one only if a person wants it."""
    for jobs in _by_step(history.jobs).values():
        for first, second in pairwise(jobs):
            acts = _acts_on(history.acts, first.step, first.created - _HEARTBEAT_SECONDS, second.created)
            if first.state == SUCCEEDED and not acts:
                yield _violation(none_done_again, first, f"{first.name} had succeeded, and {second.name} followed")


def none_stopped_in_vain(history: History) -> Iterator[Violation]:
    """A job is stopped only if a person has ended or cleared its task since it was created, or an edit removed it."""
    for job in history.jobs:
        if job.state != STOPPED or (history.edited and job.step.task_id == EDITED):
            continue
        if not _acts_on(history.acts, job.step, job.created - _HEARTBEAT_SECONDS, job.stopped or job.ended):
            yield _violation(none_stopped_in_vain, job, f"{job.kind} {job.name} was stopped, and nobody wanted that")


def none_failed_with_retries_left(history: History) -> Iterator[Violation]:
    """A task fails only if its retries are used up, if a person wants it, or because of another one."""
    for task in history.tasks:
        if task.state == "failed" and task.try_number <= task.max_tries and not _is_expected(task, history):
            what = f"failed in try {task.try_number} of {task.max_tries + 1}"
            yield Violation(none_failed_with_retries_left.__name__, task.step, what)


def none_stuck(history: History) -> Iterator[Violation]:
    """Every run ends, and so does every task in it."""
    ended = {run.step for run in history.runs if run.state in ENDED}
    for run in history.runs:
        if run.step not in ended:
            yield Violation(none_stuck.__name__, run.step, f"the run is {run.state}")
    for task in history.tasks:
        if task.state not in ENDED:
            yield Violation(none_stuck.__name__, task.step, f"the task is {task.state}")


def answered_once(history: History) -> Iterator[Violation]:
    """Of the answers to one question one at most is taken, and the step has the value of one that was.

    An answer to a question that a person may have ended before is no proof: it is not refused, and changes nothing.
    """
    values = defaultdict(set)
    for answer in history.answers:
        if answer.said == TAKEN and not _acts_on(history.acts, answer.step, answer.asked, answer.sent):
            values[answer.step, answer.token].add(answer.value)
    for (step, _), taken in values.items():
        if len(taken) > 1:
            yield Violation(answered_once.__name__, step, f"both {' and '.join(sorted(taken))} were taken")
    possible = {(one.step, one.value) for one in history.answers if one.said in {TAKEN, UNKNOWN}}
    for task in history.tasks:
        if task.step.task_id != _ANSWER or task.state != "success" or _was_marked(task.step, history.acts):
            continue
        if (task.step, task.outputs) not in possible:
            yield Violation(answered_once.__name__, task.step, f"has the value {task.outputs}, which was not taken")


def within_bound(history: History) -> Iterator[Violation]:
    """When a job is created, no more steps of the run are in progress than the bound allows."""
    bounds = [act for act in history.acts if act.bound is not None]
    by_run = defaultdict(list)
    for job in history.jobs:
        by_run[job.step.deployment, job.execution].append(job)
    for jobs in by_run.values():
        for job in jobs:
            bound = _bound_at(job.created, [act for act in bounds if act.step.covers(job.step)])
            units = {_unit(other.step) for other in jobs if _counts(other, job.created, history.acts)} | {
                _unit(job.step)
            }
            if bound is not None and len(units) > bound:
                yield _violation(
                    within_bound, job, f"{len(units)} steps in progress, of {bound} at most: {sorted(units)}"
                )


INVARIANTS: tuple[Callable[[History], Iterator[Violation]], ...] = (
    two_live_jobs,
    none_lost,
    none_done_again,
    none_left,
    none_stopped_in_vain,
    none_failed_with_retries_left,
    none_stuck,
    answered_once,
    within_bound,
)


def violations(history: History) -> list[Violation]:
    """Return everything about a round that must not be."""
    return [violation for invariant in INVARIANTS for violation in invariant(history)]


def used_up(history: History) -> list[TaskEnd]:
    """Return the tasks that failed with no retry left: no violation, but worth a note."""
    return [
        task
        for task in history.tasks
        if task.state == "failed" and task.try_number > task.max_tries and not _is_expected(task, history)
    ]


def _violation(invariant: Callable[[History], Iterator[Violation]], job: AwsJob, what: str) -> Violation:
    return Violation(invariant.__name__, job.step, what)


def _by_step(jobs: Iterable[AwsJob]) -> Mapping[tuple[StepKey, str, str], list[AwsJob]]:
    """Return the jobs of each step of each execution, the oldest first."""
    found: dict[tuple[StepKey, str, str], list[AwsJob]] = defaultdict(list)
    for job in sorted(jobs, key=lambda job: job.created):
        found[job.step, job.execution, job.kind].append(job)
    return found


def _acts_on(acts: Iterable[Act], step: StepKey, since: float = 0.0, until: float | None = None) -> list[Act]:
    """Return what people did to a step that may have had an effect in a span of time; the bound has none."""
    return [
        act
        for act in acts
        if act.bound is None
        and act.step.covers(step)
        and act.ended >= since - _CLOCK
        and (until is None or act.began <= until + _CLOCK)
    ]


def _is_expected(task: TaskEnd, history: History) -> bool:
    if _acts_on(history.acts, task.step) or (history.edited and task.step.task_id == EDITED):
        return True
    if task.step.task_id not in _CONSEQUENCES:
        return False
    run = StepKey(task.step.deployment, task.step.run_id)
    return any(
        other.state in {"failed", "upstream_failed"} and other.step != task.step and run.covers(other.step)
        for other in history.tasks
    )


def _was_marked(step: StepKey, acts: Iterable[Act]) -> bool:
    return any(act.deed.startswith(MARK_SUCCESS) or act.step.task_id == WHOLE_RUN for act in _acts_on(acts, step))


def _bound_at(moment: float, bounds: Iterable[Act]) -> int | None:
    """Return the highest bound that a step could have seen shortly before a moment; ``None`` if there was none.

    Only a run that has started with a bound looks whether it was changed.
    """
    ordered = sorted((act for act in bounds if act.bound is not None), key=lambda act: act.began)
    possible = {act.bound for act in ordered if act.deed == RUN_STARTED}
    if not possible:
        return None
    for act in ordered:
        if act.deed == RUN_STARTED or act.began > moment:
            continue
        if act.deed == BOUND and act.ended <= moment - _BOUND_SECONDS:
            possible = {act.bound}
        else:  # lately, or Airflow answered with an error
            possible.add(act.bound)
    return max(bound for bound in possible if bound is not None)


def _counts(job: AwsJob, moment: float, acts: Iterable[Act]) -> bool:
    """Tell whether a job shows that its step is in progress; nobody waits for that of a task that a person ended."""
    ends = min((end for end in (job.stopped, job.ended) if end is not None), default=moment + 1)
    lives = job.created <= moment and ends > moment + _CLOCK
    return lives and not _acts_on(acts, job.step, job.created - _HEARTBEAT_SECONDS, moment)


def _unit(step: StepKey) -> str:
    """Return what counts as one step: an iteration of a loop does."""
    return f"Each[{step.map_index}]" if step.map_index >= 0 else step.task_id
