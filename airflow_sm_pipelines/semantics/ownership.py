"""Who owns a running AWS resource: what the state of its task says about it.

Airflow calls a trigger's ``on_kill`` also when the trigger merely moves to another triggerer, and a new try may
start before the old trigger is told of a clear. Only the task's state, and the resource that the task names as its
own, tell a real kill from these. The tables here are the whole decision.
"""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What to do with the AWS resource of a task."""

    KEEP = "keep"
    STOP = "stop"
    ASK_AGAIN = "ask again"


ABSENT = "absent"
"""State of a task that no longer has a row: its run was deleted."""

ENDED_STATES = frozenset({"failed", "success", "skipped", "removed", "upstream_failed", ABSENT})
# The task was cleared: a new attempt is on its way, and it stops the leftover before it creates anything.
_CLEARED = frozenset({None, "none", "scheduled", "queued", "restarting"})
# Of these, the states that a retry does not pass through: the cleared task may not start for hours.
_NOT_STARTED = frozenset({None, "none"})


def verdict_of_trigger_kill(state: str | None, is_owned: bool | None) -> Verdict:
    """Decide when a trigger's ``on_kill`` is called.

    Args:
        state: Airflow's state of the task, `ABSENT` if the task has no row.
        is_owned: Whether the task names the trigger's resource as that of its present attempt; ``None`` if it names
            none yet. A deleted run can be created again under its id: then the state is that of another task instance.
    """
    if state in ENDED_STATES:
        return Verdict.STOP
    if state in _CLEARED or is_owned is None:
        return Verdict.ASK_AGAIN
    return Verdict.KEEP if is_owned else Verdict.STOP


def verdict_without_an_answer(state: str | None) -> Verdict:
    """Decide when `verdict_of_trigger_kill` has said `Verdict.ASK_AGAIN` for as long as a trigger can wait.

    A running try that names no resource yet may still adopt this one. If it does not, `stop-orphans` finds it.
    """
    return Verdict.KEEP if state == "running" else Verdict.STOP


def verdict_of_worker_kill(state: str | None) -> Verdict:
    """Decide when the worker is told to terminate, by the task's state.

    A task that is still ``running`` for Airflow is still wanted, only its machine is going away. The next try adopts
    the resource.
    """
    return Verdict.STOP if state in ENDED_STATES or state in _CLEARED else Verdict.KEEP


def is_orphan(state: str | None, owned_name: str | None, name: str) -> bool:
    """Tell whether a running resource outlived its task.

    Args:
        state: The state of the task that its tags name, `ABSENT` if the task has no row.
        owned_name: The resource of the task's present attempt. It is written down before the resource is created, so
            another one belongs to an attempt that is over. ``None`` if it cannot be told.
        name: The resource in question.
    """
    if state in ENDED_STATES or state in _NOT_STARTED:
        return True
    return owned_name is not None and not _belongs_to(name, owned_name)


def _belongs_to(name: str, owned_name: str) -> bool:
    """Tell whether a resource is the owned one, or a training job that an owned tuning job launched.

    A tuning job passes its tags on to its training jobs, whose names begin with its own.
    """
    return name == owned_name or name.startswith(f"{owned_name}-")
