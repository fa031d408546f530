"""What is done in a round, drawn from a seed: the same seed and round give the same sequence of decisions.

A decision says what is done to which deployment, and holds a number that picks one of what is there when its time has
come: a process, a task, a question. What is there then depends on the machine, and so does the moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

Chosen = TypeVar("Chosen")

AWS, PROCESS, PERSON, NEITHER = "at AWS's door", "processes", "people", "no fault"
GROUPS = (AWS, PROCESS, PERSON)


@dataclass(frozen=True)
class Deed:
    """One kind of fault or act.

    Attributes:
        name: What it is called in tables.
        group: `AWS`, `PROCESS`, `PERSON`, or `NEITHER`: then it does not count.
        weight: How often it is drawn, compared with the others.
        productive: When it counts as productive.
    """

    name: str
    group: str
    weight: float
    productive: str


_HIT = "a task, a trigger, a listener or a sweep made the call"
_RUNNING = "the process was working on a task"
_LIVE_TASK = "the task was running, deferred, queued, scheduled or waiting for a retry, and Airflow accepted the act"
_LIVE_RUN = "the run had not ended, and Airflow accepted the act"
_LIVE_TASKS = "at least one task of the deployment had started and not ended"

DROP_BEFORE, DROP_AFTER = "connection dropped before the call", "connection dropped after the call"
THROTTLED, SERVER_ERROR, SLOW = "throttled", "500", "slow answer"
KILLED_AFTER = "client killed after the call"
TASK, SUPERVISOR = "task process killed", "supervisor killed"
TRIGGERER, SCHEDULER = "triggerer killed", "scheduler killed with its workers"
API_SERVER, DAG_PROCESSOR = "API server killed", "DAG processor killed after an edit"
MARK_SUCCESS, MARK_FAILED, CLEAR = "task marked successful", "task marked failed", "task cleared"
MARK_RUN, DELETE, AGAIN = "run marked", "run deleted", "run deleted and started again under its id"
EDIT, ANSWER, BOUND, SWEEP = "definition edited", "callback answered", "bound changed", "sweep beside live runs"

DEEDS = (
    Deed(DROP_BEFORE, AWS, 9, _HIT),
    Deed(DROP_AFTER, AWS, 12, _HIT),
    Deed(THROTTLED, AWS, 9, _HIT),
    Deed(SERVER_ERROR, AWS, 9, _HIT),
    Deed(SLOW, AWS, 6, _HIT),
    Deed(KILLED_AFTER, AWS, 9, _HIT),
    Deed(TASK, PROCESS, 10, _RUNNING),
    Deed(SUPERVISOR, PROCESS, 2, _RUNNING),
    Deed(TRIGGERER, PROCESS, 2, f"{_LIVE_TASKS}, and one was deferred"),
    Deed(SCHEDULER, PROCESS, 1, _LIVE_TASKS),
    Deed(API_SERVER, PROCESS, 1, _LIVE_TASKS),
    Deed(DAG_PROCESSOR, PROCESS, 1, "the edit was not read yet, and a run was under way"),
    Deed(MARK_SUCCESS, PERSON, 3, _LIVE_TASK),
    Deed(MARK_FAILED, PERSON, 3, _LIVE_TASK),
    Deed(CLEAR, PERSON, 7, _LIVE_TASK),
    Deed(MARK_RUN, PERSON, 1, _LIVE_RUN),
    Deed(DELETE, PERSON, 1, _LIVE_RUN),
    Deed(AGAIN, PERSON, 2, _LIVE_RUN),
    Deed(EDIT, PERSON, 1, "a run was under way"),
    Deed(ANSWER, PERSON, 5, "the step had sent its message and had no answer"),
    Deed(BOUND, PERSON, 3, _LIVE_RUN),
    Deed(SWEEP, NEITHER, 1, "never"),
)
BY_NAME: Mapping[str, Deed] = {deed.name: deed for deed in DEEDS}

# Signing name of the service, operations, weights for faults that the client survives, and for its death.
_CALLS = (
    ("sagemaker", "Create.*", 8, 10),
    ("sagemaker", "Describe.*", 8, 2),
    ("sagemaker", "Stop.*", 3, 3),
    ("sagemaker", "List.*", 2, 1),
    ("elasticmapreduce", "AddJobFlowSteps|RunJobFlow", 3, 4),
    ("elasticmapreduce", "Describe.*|List.*", 3, 1),
    ("elasticmapreduce", "CancelSteps|TerminateJobFlows", 1, 1),
    ("emr-serverless", "StartJobRun|CreateApplication", 3, 4),
    ("emr-serverless", "Get.*|List.*", 2, 1),
    ("emr-serverless", "CancelJobRun|StopApplication|DeleteApplication", 2, 2),
    ("lambda", "Invoke", 1, 1),
    ("sqs", "SendMessage", 1, 1),
)
_RULES: Mapping[str, Mapping[str, Any]] = {
    DROP_BEFORE: {"action": "drop_before"},
    DROP_AFTER: {"action": "drop_after"},
    THROTTLED: {"action": "error"},
    SERVER_ERROR: {"action": "error", "code": "InternalFailure", "http_status": 500, "message": "Internal failure"},
    SLOW: {"action": "slow"},
    KILLED_AFTER: {"action": "kill_client_after"},
}
_MOST_LET_PASS = 4
_SLOW_SECONDS = (1.0, 8.0)
_AWAY_SECONDS = (1.0, 15.0)
_DRAWN: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    MARK_RUN: lambda chance: {"state": chance.choice(("success", "failed"))},
    ANSWER: lambda chance: {"how": chance.choice(("once", "twice", "at once"))},
    BOUND: lambda chance: {"bound": chance.randint(1, 8)},
    AGAIN: lambda chance: {"pause": chance.uniform(0.0, 1.0)},
}


@dataclass(frozen=True)
class Decision:
    """One thing that is done.

    Attributes:
        number: Its place in the round, from 0.
        pause: How long to wait before it, in units of the chosen pace.
        deed: Name of the deed.
        deployment: Index of the deployment; the faults at AWS's door hit whoever calls.
        pick: Picks one of what is there, from 0 to 1.
        details: What else was drawn, by the deed: a rule of the local AWS, a duration, a value.
    """

    number: int
    pause: float
    deed: str
    deployment: int
    pick: float
    details: Mapping[str, Any] = field(default_factory=dict)

    def choose(self, there: Sequence[Chosen]) -> Chosen | None:
        """Return the one that is picked; ``None`` if there is none."""
        return there[int(self.pick * len(there))] if there else None


def decisions(seed: int, round_number: int, deployments: int = 2) -> Iterator[Decision]:
    """Yield the decisions of a round, without end.

    Args:
        seed: The seed of the whole soak.
        round_number: Which round.
        deployments: How many deployments there are.
    """
    chance = random.Random(f"{seed}/{round_number}")  # a text: its hash is the same in every process
    number = 0
    while True:
        [deed] = chance.choices(DEEDS, [deed.weight for deed in DEEDS])
        yield Decision(
            number=number,
            pause=chance.expovariate(1.0),
            deed=deed.name,
            deployment=chance.randrange(deployments),
            pick=chance.random(),
            details=_details(deed, chance),
        )
        number += 1


def _details(deed: Deed, chance: random.Random) -> dict[str, Any]:
    if deed.group == AWS:
        return _rule(deed.name, chance)
    if deed.group == PROCESS:
        return {"away": chance.uniform(*_AWAY_SECONDS)}
    draw = _DRAWN.get(deed.name)
    return draw(chance) if draw else {}


def _rule(name: str, chance: random.Random) -> dict[str, Any]:
    """Return a fault rule of the local AWS for one call."""
    weights = [killed if name == KILLED_AFTER else survived for _, _, survived, killed in _CALLS]
    [(service, operation, _, _)] = chance.choices(_CALLS, weights)
    rule = {"service": service, "operation": operation, **_RULES[name], "times": 1}
    rule["after"] = chance.randrange(_MOST_LET_PASS)
    if name == SLOW:
        rule["seconds"] = chance.uniform(*_SLOW_SECONDS)
    return rule
