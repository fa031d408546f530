"""What Airflow itself breaks: each fault by name, with its evidence, and how a violation that it causes is recognized.

A violation is excused only if the records show what the fault needs. Everything else counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tests.soak.history import WHOLE_RUN, Act, History
from tests.soak.invariants import EDITED, Violation, none_stuck
from tests.soak.plan import CLEAR, MARK_RUN

_ENDED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class AirflowFault:
    """A fault of Airflow.

    Attributes:
        name: What it is called in the report.
        evidence: Where Airflow's source shows it.
        explains: Tells whether it explains a violation.
    """

    name: str
    evidence: str
    explains: Callable[[Violation, History], bool]


def _cleared_while_run_marked(violation: Violation, history: History) -> bool:
    clears, marks = (_acts(deed, violation, history) for deed in (CLEAR, MARK_RUN))
    together = any(_overlap(clear, mark) for clear in clears for mark in marks)
    return together and _is_stateless_in_ended_run(violation, history)


def _removed_before_run_marked(violation: Violation, history: History) -> bool:
    removed = history.edited and violation.step.task_id == EDITED
    never_ran = any(task.step == violation.step and task.try_number == 0 for task in history.tasks)
    marked = bool(_acts(MARK_RUN, violation, history))
    return removed and never_ran and marked and _is_stateless_in_ended_run(violation, history)


def _lost_before_it_began(violation: Violation, history: History) -> bool:
    run = replace(violation.step, task_id=WHOLE_RUN, map_index=-1)
    lost = [
        task.step
        for task in history.tasks
        if run.covers(task.step) and task.state == "queued" and task.id in history.lost
    ]
    # The task itself, those that wait for it, and its run.
    waits = any(task.step == violation.step and task.state is None for task in history.tasks)
    concerned = violation.step in lost or violation.step == run or waits
    return violation.invariant == none_stuck.__name__ and bool(lost) and concerned


def _is_stateless_in_ended_run(violation: Violation, history: History) -> bool:
    ended = any(run.state in _ENDED and run.step.covers(violation.step) for run in history.runs)
    stateless = any(task.step == violation.step and task.state is None for task in history.tasks)
    return violation.invariant == none_stuck.__name__ and ended and stateless


def _acts(deed: str, violation: Violation, history: History) -> list[Act]:
    return [act for act in history.acts if act.deed.startswith(deed) and act.step.covers(violation.step)]


def _overlap(one: Act, other: Act) -> bool:
    return one.began <= other.ended and other.began <= one.ended


AIRFLOW_FAULTS = (
    AirflowFault(
        name="a task that is cleared while its run is marked keeps no state, and nobody schedules it",
        evidence="Airflow 3.3.2, models/taskinstance.py, clear_task_instances: it queues a run again if the run has "
        "ended (`if dr.state in State.finished_dr_states`), by the state that it has read with the tasks and without "
        "a lock. A run that another request marks in between stays ended, and the scheduler does not look at it "
        "again. tests/soak/reproductions/clear_while_run_is_marked.py shows it.",
        explains=_cleared_while_run_marked,
    ),
    AirflowFault(
        name="a task that an edit has removed keeps no state if its run is marked next",
        evidence="Airflow 3.3.2, api/common/mark_tasks.py, _set_dag_run_terminal_state: it skips the unfinished tasks "
        "of the DAG's latest version (`TaskInstance.task_id.in_(task_ids)`). Only the scheduler marks those of earlier "
        "versions as removed, and it does not look at the ended run again. "
        "tests/soak/reproductions/remove_before_run_is_marked.py shows it.",
        explains=_removed_before_run_marked,
    ),
    AirflowFault(
        name="a task stays queued whose worker of the LocalExecutor dies before it has told Airflow that the task runs",
        evidence="Airflow 3.3.2, executors/local_executor.py: the executor replaces a dead worker, but does not notice "
        "what it was at work on. The scheduler requeues what is queued for too long only with executors that have "
        "`revoke_task` (jobs/scheduler_job_runner.py, _handle_tasks_stuck_in_queued: `except NotImplementedError: "
        "continue`), and this one has none.",
        explains=_lost_before_it_began,
    ),
)


def excused(
    found: Iterable[Violation], history: History
) -> tuple[list[Violation], list[tuple[Violation, AirflowFault]]]:
    """Divide violations into those that count, and those that a fault of Airflow explains."""
    counted, explained = [], []
    for violation in found:
        fault = next((one for one in AIRFLOW_FAULTS if one.explains(violation, history)), None)
        if fault is None:
            counted.append(violation)
        else:
            explained.append((violation, fault))
    return counted, explained
