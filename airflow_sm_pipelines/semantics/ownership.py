"""Who owns a running AWS resource: what the state of its task says about it.

Airflow calls a trigger's ``on_kill`` also when the trigger merely moves to another triggerer, and a new try may
start before the old trigger is told of a clear. Only the task's state tells a real kill from these; the tables
here are the whole decision.
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

_ENDED = frozenset({"failed", "success", "skipped", "removed", "upstream_failed", ABSENT})
# The task was cleared: a new attempt is on its way, and it stops the leftover before it creates anything.
_CLEARED = frozenset({None, "none", "scheduled", "queued", "restarting"})


def verdict_of_trigger_kill(state: str | None) -> Verdict:
    """Decide when a trigger's ``on_kill`` is called, by the task's state.

    Args:
        state: Airflow's task state, `ABSENT` if the task has no row.
    """
    if state in _ENDED:
        return Verdict.STOP
    if state in _CLEARED:
        return Verdict.ASK_AGAIN
    return Verdict.KEEP  # deferred, up_for_retry: the trigger moved; running: the new attempt takes over


def verdict_of_worker_kill(state: str | None) -> Verdict:
    """Decide when the worker is told to terminate, by the task's state.

    A task that is still ``running`` for Airflow is still wanted, only its machine is going away. The next try adopts
    the resource.
    """
    return Verdict.STOP if state in _ENDED or state in _CLEARED else Verdict.KEEP


def is_orphan(state: str | None, recorded_name: str | None, name: str) -> bool:
    """Tell whether a running resource outlived its task.

    Args:
        state: The state of the task that its tags name, `ABSENT` if the task has no row.
        recorded_name: The resource that the task's attempt record names, ``None`` if there is no record.
        name: The resource in question. The record is written before a resource is created, so a resource that it
            does not name belongs to an attempt that is over.
    """
    return state in _ENDED or not _belongs_to(name, recorded_name)


def _belongs_to(name: str, recorded_name: str | None) -> bool:
    """Tell whether a resource is the recorded one, or a training job that the recorded tuning job launched.

    A tuning job passes its tags on to its training jobs, whose names begin with its own.
    """
    return recorded_name is not None and (name == recorded_name or name.startswith(f"{recorded_name}-"))
