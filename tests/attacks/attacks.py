"""The table of attacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.attacks.deeds import answers, api_server, definitions, deployments, ended_tasks, same_run_id
from tests.attacks.ground import Ground
from tests.attacks.invariants import Findings


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        key: What to call it on the command line.
        deed: What is done.
        must_hold: What must hold in spite of it.
        carry_out: Does it a number of times, and returns what each time has broken.
    """

    key: str
    deed: str
    must_hold: str
    carry_out: Callable[[Ground, int], list[Findings]]


_EXACTLY_ONCE = "every step succeeds with exactly one job"
_NOTHING_RUNS = "the job is stopped, at the latest by one sweep; a cleared task's new job lives"
_DEFINITE = "tasks and run end in a definite state, and no job is left"
_FIRST_COUNTS = "the first complete answer counts, once, and the step succeeds with its values"

ATTACKS = (
    Attack("1a", "API server killed for 16 s while 8 tasks start", _EXACTLY_ONCE, api_server.while_tasks_start),
    Attack("1b", "API server killed for 16 s while 8 tasks resume", _EXACTLY_ONCE, api_server.while_tasks_resume),
    Attack("1c", "API server killed for 16 s while 8 tasks run", _EXACTLY_ONCE, api_server.while_tasks_run),
    Attack("1d", "API server killed for 16 s between Create and the record", _EXACTLY_ONCE, api_server.after_create),
    Attack(
        "2a",
        "run marked failed, deleted, and started again with its id 0 to 0.5 s later",
        "the old job is stopped, at the latest by one sweep; the new run succeeds with one job",
        same_run_id.failed_and_deleted,
    ),
    Attack(
        "2b",
        "run put back into the queue, deleted, and started again with its id 0 to 0.5 s later",
        "the old job is stopped, at the latest by one sweep; the new run succeeds with one job",
        same_run_id.queued_and_deleted,
    ),
    Attack("3a", "without a triggerer: task or run ended", _NOTHING_RUNS, ended_tasks.without_triggerer),
    Attack(
        "3b",
        "within a second of the deferral: task or run ended, then the triggerer killed",
        _NOTHING_RUNS,
        ended_tasks.within_a_second,
    ),
    Attack(
        "4",
        "stop-orphans of a nameless deployment beside another on one AWS",
        "lists nothing of the other, in either direction; the other's job lives",
        deployments.without_names,
    ),
    Attack(
        "5a",
        "step renamed, removed, or its type changed while it is deferred",
        _DEFINITE,
        definitions.read_at_once,
    ),
    Attack(
        "5b",
        "the same, but the scheduler reads the file only minutes after the jobs have ended",
        _DEFINITE,
        definitions.read_late,
    ),
    Attack("6a", "form answered empty, then with values", _FIRST_COUNTS, answers.empty_form),
    Attack("6b", "form of a Boolean answered empty", "false is answered", answers.empty_boolean_form),
    Attack("6c", "form answered twice with values", _FIRST_COUNTS, answers.twice),
    Attack("6d", "form answered at an API server without the plugin", _FIRST_COUNTS, answers.without_plugin),
    Attack("6e", "answered over the API and by a person at once", _FIRST_COUNTS, answers.at_once),
)
