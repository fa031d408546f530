"""The attempt record against a model of AWS and of Airflow: crashes, clears, deletions, deployments, moving triggers.

Airflow may or may not hear how a try failed. The model of Airflow keeps, for each task instance, what the real one
keeps: state, try number, ``max_tries``, the state store and the attempt that the task names. The model of AWS remembers
for each job which epoch of which task created it. Whatever order of events hypothesis finds, no epoch has two live
jobs, nobody adopts a foreign result, and nothing is left running.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.aws.requests.names import execution_id
from airflow_sm_pipelines.aws.requests.tags import Owner, owner_of, owner_tags
from airflow_sm_pipelines.errors import StepFailedError
from airflow_sm_pipelines.execution.attempts import AttemptBook
from airflow_sm_pipelines.execution.identity import Epoch, Ownership, StepIdentity
from airflow_sm_pipelines.execution.job import JobRun
from airflow_sm_pipelines.execution.records import COUNTS_KEY, RECORD_KEY, RetryCounts, as_stored
from airflow_sm_pipelines.semantics.ownership import (
    Verdict,
    is_orphan,
    verdict_of_trigger_kill,
    verdict_without_an_answer,
)

RETRIES = 4
LIVE = {"InProgress", "Stopping"}


class WorkerDiedError(BaseException):
    """SIGKILL: no handler runs."""


@dataclass
class Job:
    name: str
    request: dict[str, Any]
    creator: tuple[Any, ...]
    status: str = "InProgress"


class FakeSageMaker:
    """The five calls a job needs, with crashes and lost answers at a chosen call."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.actor: tuple[Any, ...] = ()
        self.fault: tuple[int, str] | None = None
        self.in_flight: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def _call(self, effect: Any, *, creates: dict[str, Any] | None = None) -> Any:
        kind = ""
        if self.fault is not None:
            countdown, kind = self.fault
            self.fault = (countdown - 1, kind) if countdown else None
            kind = kind if countdown == 0 else ""
        if kind == "die before":
            raise WorkerDiedError
        if kind == "die in flight":
            if creates is not None:
                self.in_flight.append((self.actor, creates))
            raise WorkerDiedError
        if kind == "drop before":
            raise ConnectionClosedError(endpoint_url="http://aws")
        answer = effect()
        if kind == "die after":
            raise WorkerDiedError
        if kind == "drop after":
            raise ConnectionClosedError(endpoint_url="http://aws")
        return answer

    def create_processing_job(self, **request: Any) -> Any:
        return self._call(lambda: self.land(self.actor, request), creates=request)

    def land(self, actor: tuple[Any, ...], request: dict[str, Any]) -> dict[str, str]:
        name = request["ProcessingJobName"]
        if name in self.jobs:
            raise ClientError({"Error": {"Code": "ResourceInUse", "Message": "already exists"}}, "CreateProcessingJob")
        self.jobs[name] = Job(name, request, actor)
        return {"ProcessingJobArn": f"arn:{name}"}

    def describe_processing_job(self, ProcessingJobName: str) -> Any:  # noqa: N803
        return self._call(lambda: self._describe(ProcessingJobName))

    def _describe(self, name: str) -> dict[str, Any]:
        if name not in self.jobs:
            raise ClientError(
                {"Error": {"Code": "ValidationException", "Message": "Could not find requested job"}}, "Describe"
            )
        return {"ProcessingJobName": name, "ProcessingJobStatus": self.jobs[name].status}

    def stop_processing_job(self, ProcessingJobName: str) -> Any:  # noqa: N803
        return self._call(lambda: self._stop(ProcessingJobName))

    def _stop(self, name: str) -> dict[str, Any]:
        if self.jobs[name].status not in LIVE:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "job has ended"}}, "Stop")
        self.jobs[name].status = "Stopped"
        return {}

    def list_processing_jobs(self, **query: Any) -> Any:
        return self._call(
            lambda: {
                "ProcessingJobSummaries": [
                    {"ProcessingJobName": job.name, "ProcessingJobArn": f"arn:{job.name}"}
                    for job in self.jobs.values()
                    if query["NameContains"] in job.name and job.status == query["StatusEquals"]
                ]
            }
        )

    def list_tags(self, ResourceArn: str) -> Any:  # noqa: N803
        return self._call(lambda: {"Tags": self.jobs[ResourceArn.removeprefix("arn:")].request["Tags"]})

    def live(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.status in LIVE]


@dataclass
class TaskRow:
    """A task instance as Airflow's database keeps it."""

    deployment: str
    run_after: str
    generation: int
    state: str | None = None
    try_number: int = 0
    max_tries: int = RETRIES
    store: dict[str, Any] = field(default_factory=dict)
    named: str | None = None

    @property
    def epoch(self) -> Epoch:
        return Epoch(self.max_tries, RETRIES)

    @property
    def creator(self) -> tuple[Any, ...]:
        return (self.deployment, self.generation, self.epoch)

    @property
    def owner(self) -> Owner:
        return Owner(self.deployment, "dag", "run", "Step")

    def get(self, key: str) -> Any:
        return self.store.get(key)

    def set(self, key: str, value: Any) -> None:
        self.store[key] = value


FAULTS = st.tuples(
    st.sampled_from([0, 0, 0, 1, 1, 2, 3]),
    st.sampled_from(["die before", "die after", "die in flight", "drop before", "drop after"]),
)
DEPLOYMENTS = ("blue", "green")


def rows_in(*states: str | None) -> Any:
    """Run a rule only when some task is in one of these states."""
    return precondition(lambda machine: bool(machine.in_state(*states)))


class AttemptMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.aws = FakeSageMaker()
        self.generations = 0
        self.rows: dict[str, TaskRow] = {name: self._row(name) for name in DEPLOYMENTS}
        # Triggers that Airflow has cancelled and not yet told: (deployment, job name).
        self.pending_kills: list[tuple[str, str]] = []
        self.heard_failures: set[str] = set()
        self.landed_late: set[str] = set()

    def _row(self, deployment: str, run_after: str = "2026-01-01") -> TaskRow:
        self.generations += 1
        return TaskRow(deployment, run_after, self.generations)

    def in_state(self, *states: str | None) -> list[TaskRow]:
        return [row for row in self.rows.values() if row.state in states]

    def _identity(self, row: TaskRow) -> StepIdentity:
        owned = Ownership(row.owner, execution_id(row.deployment, "dag", "run", row.run_after))
        return StepIdentity("Step", row.epoch, row.try_number, lambda: owned)

    def _job_run(self, row: TaskRow) -> tuple[JobRun, AttemptBook]:
        identity = self._identity(row)
        book = AttemptBook(row, identity, PROCESSING_JOB)
        run = JobRun(
            identity=identity,
            kind=PROCESSING_JOB,
            client=self.aws,
            logs_client=lambda: None,
            book=book,
            pause=lambda _: None,
            log=logging.getLogger("machine"),
        )
        run._last_log_lines = lambda name: []  # type: ignore[method-assign]
        return run, book

    # -- what a worker does ------------------------------------------------------------------------------------

    def _work(self, row: TaskRow, body: Any, heard: bool) -> None:
        self.aws.actor = row.creator
        row.state = "running"
        try:
            row.state = body()
        except (WorkerDiedError, StepFailedError) as ending:
            if isinstance(ending, StepFailedError) and heard:
                last = AttemptBook(row, self._identity(row), PROCESSING_JOB).read()
                granted = RetryCounts(row.epoch, (1,), after=-1 if last is None else last.failures)
                row.store[COUNTS_KEY] = as_stored(granted)
            row.state = "up_for_retry" if row.try_number <= row.max_tries else "failed"
        finally:
            self.aws.fault = None

    @rows_in(None, "up_for_retry")
    @rule(pick=st.integers(0, 1), fault=st.none() | FAULTS, forget=st.booleans(), heard=st.booleans())
    def start(self, pick: int, fault: tuple[int, str] | None, forget: bool, heard: bool) -> None:
        ready = self.in_state(None, "up_for_retry")
        row = ready[pick % len(ready)]
        if forget and row.state is None and row.try_number > 0:
            row.store.clear()  # a coming Airflow discards a cleared task's state
        row.try_number += 1
        row.named = None  # Airflow removes the XComs of a try that starts
        self.aws.fault = fault

        def body() -> str:
            run, _ = self._job_run(row)
            attempt, seen = run.claim()
            row.named = attempt.name
            if seen is None:
                self._assert_nothing_left_of(row)
                request = {"ProcessingJobName": attempt.name, "Tags": owner_tags(row.owner)}
                attempt = run.submit(attempt, request)
            else:
                attempt = run.submitted(attempt)
            seen = run.wait(attempt, 0, 1)
            return self._conclude(row, run, attempt, seen, heard) if seen else "deferred"

        self._work(row, body, heard)

    def _assert_nothing_left_of(self, row: TaskRow) -> None:
        """A new job starts only when those of earlier epochs have ended (but for a Create that is still on its way)."""
        left = [
            job.name
            for job in self.aws.live()
            if job.creator[:2] == row.creator[:2] and job.creator != row.creator and job.name not in self.landed_late
        ]
        assert not left, f"still running beside the new job: {left}"

    @rows_in("deferred")
    @rule(pick=st.integers(0, 1), fault=st.none() | FAULTS, heard=st.booleans())
    def resume(self, pick: int, fault: tuple[int, str] | None, heard: bool) -> None:
        waiting = self.in_state("deferred")
        row = waiting[pick % len(waiting)]
        self.aws.fault = fault

        def body() -> str:
            run, book = self._job_run(row)
            attempt = book.read()
            assert attempt is not None
            assert book.is_current(attempt)
            seen = run.look(attempt)
            if seen is None or seen.outcome is jobs.Outcome.RUNNING:
                return "deferred"
            return self._conclude(row, run, attempt, seen, heard)

        self._work(row, body, heard)

    def _conclude(self, row: TaskRow, run: JobRun, attempt: Any, seen: jobs.Observation, heard: bool) -> str:
        assert self.aws.jobs[attempt.name].creator == row.creator, "adopted a foreign job"
        if seen.outcome is jobs.Outcome.SUCCEEDED:
            return "success"
        assert attempt.name not in self.heard_failures, "a retry met the failed job again"
        if heard:
            self.heard_failures.add(attempt.name)
        raise run.conclude_failure(attempt, seen)

    # -- what AWS does -----------------------------------------------------------------------------------------

    @precondition(lambda machine: machine.aws.live())
    @rule(outcome=st.sampled_from(["Completed", "Failed", "Stopped"]), pick=st.integers(0, 3))
    def job_ends(self, outcome: str, pick: int) -> None:
        live = self.aws.live()
        live[pick % len(live)].status = outcome

    @precondition(lambda machine: machine.aws.in_flight)
    @rule()
    def request_in_flight_lands(self) -> None:
        actor, request = self.aws.in_flight.pop(0)
        with contextlib.suppress(ClientError):  # the next try has created it
            self.aws.land(actor, request)
            self.landed_late.add(request["ProcessingJobName"])

    # -- what people and Airflow do ----------------------------------------------------------------------------

    def _cancel_trigger(self, row: TaskRow) -> None:
        if row.state == "deferred":
            self.pending_kills.append((row.deployment, row.store[RECORD_KEY]["name"]))

    @rows_in("deferred", "up_for_retry", "failed", "success")
    @rule(pick=st.integers(0, 1))
    def clear(self, pick: int) -> None:
        cleared = self.in_state("deferred", "up_for_retry", "failed", "success")
        row = cleared[pick % len(cleared)]
        self._cancel_trigger(row)
        row.max_tries = row.try_number + RETRIES
        row.state = None

    @rows_in("deferred", "up_for_retry")
    @rule(pick=st.integers(0, 1), state=st.sampled_from(["failed", "success"]))
    def mark(self, pick: int, state: str) -> None:
        marked = self.in_state("deferred", "up_for_retry")
        row = marked[pick % len(marked)]
        self._cancel_trigger(row)
        row.state = state

    @rows_in("failed", "success")
    @rule(pick=st.integers(0, 1), same_time=st.booleans())
    def delete_and_create_again(self, pick: int, same_time: bool) -> None:
        ended = self.in_state("failed", "success")
        row = ended[pick % len(ended)]
        self.rows[row.deployment] = self._row(row.deployment, row.run_after if same_time else f"{row.run_after}+")

    @rows_in("deferred")
    @rule(pick=st.integers(0, 1))
    def trigger_moves(self, pick: int) -> None:
        waiting = self.in_state("deferred")
        row = waiting[pick % len(waiting)]
        self._on_kill(row.deployment, row.store[RECORD_KEY]["name"])

    @precondition(lambda machine: machine.pending_kills)
    @rule(told=st.booleans())
    def cancelled_trigger_is_told(self, told: bool) -> None:
        kill = self.pending_kills.pop(0)
        if told:  # Airflow forgets triggers that never started
            self._on_kill(*kill)

    def _on_kill(self, deployment: str, job: str) -> None:
        row = self.rows[deployment]
        verdict = verdict_of_trigger_kill(row.state, None if row.named is None else row.named == job)
        if verdict is Verdict.ASK_AGAIN:
            verdict = verdict_without_an_answer(row.state)
        if verdict is Verdict.KEEP:
            return
        owned = row.state == "deferred" and row.store[RECORD_KEY]["name"] == job
        assert not owned, "stopped the job of a task that waits for it"
        jobs.stop(self.aws, PROCESSING_JOB, job)

    @rule()
    def stop_orphans(self) -> None:
        for job in self.aws.live():
            owner = owner_of(job.request["Tags"])
            assert owner is not None
            row = self.rows[owner.deployment]
            present = "" if row.state == "deferred" and row.named is None else row.named
            if is_orphan(row.state, present, job.name):
                jobs.stop(self.aws, PROCESSING_JOB, job.name)

    # -- what must hold ----------------------------------------------------------------------------------------

    @invariant()
    def no_epoch_has_two_live_jobs(self) -> None:
        creators = [job.creator for job in self.aws.live()]
        assert len(creators) == len(set(creators))

    @invariant()
    def a_deferred_task_has_its_job(self) -> None:
        for row in self.in_state("deferred"):
            assert row.store[RECORD_KEY]["name"] in self.aws.jobs

    def teardown(self) -> None:
        while self.aws.in_flight:
            self.request_in_flight_lands()
        self.stop_orphans()
        running = {
            row.store[RECORD_KEY]["name"]
            for row in self.in_state("deferred", "up_for_retry")
            if RECORD_KEY in row.store
        }
        # A try that has died before it named a job: the next one finds what is left.
        undecided = {row.deployment for row in self.in_state("up_for_retry") if row.named is None}
        left = [job for job in self.aws.live() if job.name not in running and not {job.creator[0]} <= undecided]
        assert not left, f"left running: {left}"


TestAttemptMachine = AttemptMachine.TestCase
TestAttemptMachine.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
