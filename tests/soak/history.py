"""What a round leaves behind, in plain records: from AWS, from Airflow, and from whoever meddled."""

from __future__ import annotations

from dataclasses import dataclass

LIVE, SUCCEEDED, FAILED, STOPPED = "live", "succeeded", "failed", "stopped"
"""What a job's status means, whatever its service calls it. A job that is being stopped is live."""

WHOLE_RUN = ""
RUN_STARTED = "run started"
"""What the act is called with which a run with a bound began."""


@dataclass(frozen=True, order=True)
class StepKey:
    """A task instance.

    Attributes:
        deployment: Name of the Airflow.
        run_id: The run; there is one DAG.
        task_id: The task; `WHOLE_RUN` for all of the run.
        map_index: Index of a mapped task, else -1.
    """

    deployment: str
    run_id: str
    task_id: str = WHOLE_RUN
    map_index: int = -1

    def covers(self, other: StepKey) -> bool:
        """Tell whether this is the other one, or the whole run that it is part of."""
        mine, others = (self.deployment, self.run_id), (other.deployment, other.run_id)
        return mine == others and (
            self.task_id == WHOLE_RUN or (self.task_id, self.map_index) == (other.task_id, other.map_index)
        )

    def __str__(self) -> str:
        index = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.task_id}{index} of {self.run_id} of {self.deployment}"


@dataclass(frozen=True)
class AwsJob:
    """A job as AWS's own records tell it. Times are seconds since the epoch.

    Attributes:
        step: The task instance that its tags name.
        execution: The execution in its name: another one for a run that was deleted and created again.
        kind: The kind of resource.
        name: Its name.
        state: `LIVE`, `SUCCEEDED`, `FAILED` or `STOPPED`.
        created: When it was created.
        ended: When it ended; ``None`` if it has not.
        stopped: When it was first told to stop; ``None`` if it was not.
    """

    step: StepKey
    execution: str
    kind: str
    name: str
    state: str
    created: float
    ended: float | None = None
    stopped: float | None = None


@dataclass(frozen=True)
class Act:
    """Something that a person did, from the request to its answer.

    Attributes:
        deed: What.
        step: To what.
        began: When it was asked for.
        ended: When it was answered.
        bound: The bound that was set, for a change of the bound, and at the start of a run with one.
    """

    deed: str
    step: StepKey
    began: float
    ended: float
    bound: int | None = None


@dataclass(frozen=True)
class TaskEnd:
    """A task instance when everything had come to rest.

    Attributes:
        step: Which.
        state: Its state.
        try_number: Number of its last try.
        max_tries: How many tries it may have beyond the first.
        outputs: The value of the answer that a Callback step took, if it took one.
        id: Airflow's id of it, which is in the titles of its processes.
    """

    step: StepKey
    state: str | None
    try_number: int = 1
    max_tries: int = 8
    outputs: str | None = None
    id: str = ""


@dataclass(frozen=True)
class RunEnd:
    """A run when everything had come to rest."""

    step: StepKey
    state: str


TAKEN, REFUSED, UNKNOWN = "taken", "refused", "unknown"


@dataclass(frozen=True)
class Answer:
    """An answer to a Callback step.

    Attributes:
        step: The step that asked.
        token: Its token.
        value: What was answered; no two answers have the same value.
        said: `TAKEN`, `REFUSED`, or `UNKNOWN`: the connection broke. An answer that comes too late to change anything
            is not refused.
        asked: When the question was sent.
        sent: When the answer was sent.
    """

    step: StepKey
    token: str
    value: str
    said: str
    asked: float
    sent: float


@dataclass(frozen=True)
class History:
    """Everything about one round.

    Attributes:
        jobs, acts, tasks, runs, answers: The records.
        edited: Whether a definition was edited.
        lost: Ids of the task instances on which a worker of the LocalExecutor was at work when it was killed.
    """

    jobs: tuple[AwsJob, ...] = ()
    acts: tuple[Act, ...] = ()
    tasks: tuple[TaskEnd, ...] = ()
    runs: tuple[RunEnd, ...] = ()
    answers: tuple[Answer, ...] = ()
    edited: bool = False
    lost: tuple[str, ...] = ()
