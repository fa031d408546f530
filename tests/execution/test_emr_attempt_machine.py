"""Adoption by name, for APIs without an idempotency token: EMR steps and clusters under crashes, lost answers, clears.

Like `test_attempt_machine`, with the two protocols of EMR: the service gives the id, and would make a second one for
the same request. Whatever order of events hypothesis finds, an attempt has at most one step (or cluster), nobody
adopts a foreign one, and nothing is left running.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

from botocore.exceptions import ClientError, ConnectionClosedError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.kinds import EMR_CLUSTER, EMR_STEP, ResourceKind
from airflow_sm_pipelines.aws.requests.emr import step_name
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
LIVE = {"PENDING", "RUNNING"}
CLUSTER = "j-SHARED"


class WorkerDiedError(BaseException):
    """SIGKILL: no handler runs."""


@dataclass
class Unit:
    """A step on the shared cluster, or a cluster with its one step."""

    id: str
    name: str
    tags: list[dict[str, str]]
    creator: tuple[Any, ...]
    state: str = "RUNNING"


class FakeEmr:
    """EMR, with crashes and lost answers at a chosen call."""

    def __init__(self) -> None:
        self.units: dict[str, Unit] = {}
        self.actor: tuple[Any, ...] = ()
        self.fault: tuple[int, str] | None = None
        service = SimpleNamespace(service_id=SimpleNamespace(hyphenize=lambda: "emr"))
        events = SimpleNamespace(register_first=lambda *_, **__: None)
        self.meta = SimpleNamespace(service_model=service, events=events)

    def _call(self, effect: Any) -> Any:
        kind = ""
        if self.fault is not None:
            countdown, kind = self.fault
            self.fault = (countdown - 1, kind) if countdown else None
            kind = kind if countdown == 0 else ""
        if kind == "die before":
            raise WorkerDiedError
        if kind == "drop before":
            raise ConnectionClosedError(endpoint_url="http://aws")
        answer = effect()
        if kind == "die after":
            raise WorkerDiedError
        if kind == "drop after":
            raise ConnectionClosedError(endpoint_url="http://aws")
        return answer

    def _add(self, prefix: str, name: str, tags: list[dict[str, str]]) -> Unit:
        unit = Unit(f"{prefix}{len(self.units)}", name, tags, self.actor)
        self.units[unit.id] = unit
        return unit

    def _unit(self, name: str) -> Unit:
        if name not in self.units:
            raise ClientError({"Error": {"Code": "InvalidRequestException", "Message": "it is not valid"}}, "Describe")
        return self.units[name]

    def live(self) -> list[Unit]:
        return [unit for unit in self.units.values() if unit.state in LIVE]

    def list_clusters(self, **query: Any) -> Any:
        return self._call(lambda: self._clusters(query))

    def list_steps(self, **query: Any) -> Any:
        return self._call(lambda: self._steps(query))

    def _clusters(self, query: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _steps(self, query: dict[str, Any]) -> Any:
        raise NotImplementedError


def described(unit: Unit) -> dict[str, Any]:
    return {"Id": unit.id, "Name": unit.name, "Status": {"State": unit.state}}


class FakeSteps(FakeEmr):
    """Steps on one shared cluster."""

    def add_job_flow_steps(self, JobFlowId: str, Steps: list[dict[str, Any]]) -> Any:  # noqa: N803
        return self._call(lambda: {"StepIds": [self._add("s-", Steps[0]["Name"], []).id]})

    def describe_step(self, ClusterId: str, StepId: str) -> Any:  # noqa: N803
        return self._call(lambda: {"Step": described(self._unit(StepId))})

    def cancel_steps(self, ClusterId: str, StepIds: list[str], StepCancellationOption: str) -> Any:  # noqa: N803
        def effect() -> Any:
            unit, status = self._unit(StepIds[0]), "FAILED"
            if unit.state in LIVE:
                unit.state, status = "CANCELLED", "SUBMITTED"
            return {"CancelStepsInfoList": [{"StepId": unit.id, "Status": status}]}

        return self._call(effect)

    def _clusters(self, query: dict[str, Any]) -> Any:
        return {"Clusters": [{"Id": CLUSTER, "Name": "shared", "Status": {"State": "RUNNING"}}]}

    def _steps(self, query: dict[str, Any]) -> Any:
        states = query.get("StepStates")
        found = [unit for unit in self.units.values() if not states or unit.state in states]
        return {"Steps": [described(unit) for unit in reversed(found)]}


class FakeClusters(FakeEmr):
    """Clusters with one step each."""

    ENDED: ClassVar = {"COMPLETED": "TERMINATED", "FAILED": "TERMINATED_WITH_ERRORS", "CANCELLED": "TERMINATED"}

    def run_job_flow(self, **request: Any) -> Any:
        return self._call(lambda: {"JobFlowId": self._add("j-", request["Name"], request["Tags"]).id})

    def describe_cluster(self, ClusterId: str) -> Any:  # noqa: N803
        def effect() -> Any:
            unit = self._unit(ClusterId)
            state = self.ENDED.get(unit.state, "RUNNING")
            reason = {"Code": "USER_REQUEST"} if unit.state == "CANCELLED" else {}
            status = {"State": state, "StateChangeReason": reason}
            return {"Cluster": {"Id": unit.id, "Name": unit.name, "Status": status, "Tags": unit.tags}}

        return self._call(effect)

    def terminate_job_flows(self, JobFlowIds: list[str]) -> Any:  # noqa: N803
        def effect() -> Any:
            unit = self._unit(JobFlowIds[0])
            unit.state = "CANCELLED" if unit.state in LIVE else unit.state
            return {}

        return self._call(effect)

    def _clusters(self, query: dict[str, Any]) -> Any:
        states = query.get("ClusterStates")
        found = [unit for unit in self.units.values() if not states or self.ENDED.get(unit.state, "RUNNING") in states]
        return {"Clusters": [{"Id": unit.id, "Name": unit.name} for unit in found]}

    def _steps(self, query: dict[str, Any]) -> Any:
        return {"Steps": [{**described(self._unit(query["ClusterId"])), "Id": "s-1"}]}


@dataclass
class TaskRow:
    """A task instance as Airflow's database keeps it."""

    state: str | None = None
    try_number: int = 0
    max_tries: int = RETRIES
    store: dict[str, Any] = field(default_factory=dict)
    named: str | None = None

    @property
    def epoch(self) -> Epoch:
        return Epoch(self.max_tries, RETRIES)

    def get(self, key: str) -> Any:
        return self.store.get(key)

    def set(self, key: str, value: Any) -> None:
        self.store[key] = value


FAULTS = st.tuples(
    st.sampled_from([0, 0, 0, 1, 1, 2, 3]), st.sampled_from(["die before", "die after", "drop before", "drop after"])
)
OWNER = Owner("blue", "dag", "run", "Step")


class StepMachine(RuleBasedStateMachine):
    kind: ResourceKind = EMR_STEP
    fake: type[FakeEmr] = FakeSteps

    def __init__(self) -> None:
        super().__init__()
        self.aws = self.fake()
        self.row = TaskRow()
        self.pending_kills: list[str] = []

    def request(self, attempt: str) -> dict[str, Any]:
        return {"JobFlowId": CLUSTER, "Steps": [{"Name": step_name(attempt, owner_tags(OWNER))}]}

    def in_state(self, *states: str | None) -> bool:
        return self.row.state in states

    def _job_run(self) -> tuple[JobRun, AttemptBook]:
        owned = Ownership(OWNER, execution_id("blue", "dag", "run"))
        identity = StepIdentity("Step", self.row.epoch, self.row.try_number, lambda: owned)
        book = AttemptBook(self.row, identity, self.kind)
        run = JobRun(
            identity=identity,
            kind=self.kind,
            client=self.aws,
            logs_client=lambda: None,
            book=book,
            pause=lambda _: None,
            log=logging.getLogger("machine"),
        )
        return run, book

    def _work(self, body: Any, heard: bool) -> None:
        self.aws.actor = (self.row.epoch,)
        self.row.state = "running"
        try:
            self.row.state = body()
        except (WorkerDiedError, StepFailedError) as ending:
            if isinstance(ending, StepFailedError) and heard:
                _, book = self._job_run()
                last = book.read()
                granted = RetryCounts(self.row.epoch, (1,), after=-1 if last is None else last.failures)
                self.row.store[COUNTS_KEY] = as_stored(granted)
            self.row.state = "up_for_retry" if self.row.try_number <= self.row.max_tries else "failed"
        finally:
            self.aws.fault = None

    # -- what a worker does ----------------------------------------------------------------------------------------

    @precondition(lambda machine: machine.in_state(None, "up_for_retry"))
    @rule(fault=st.none() | FAULTS, forget=st.booleans(), heard=st.booleans())
    def start(self, fault: tuple[int, str] | None, forget: bool, heard: bool) -> None:
        if forget and self.row.state is None and self.row.try_number > 0:
            self.row.store.clear()  # a coming Airflow discards a cleared task's state
        self.row.try_number += 1
        self.row.named = None  # Airflow removes the XComs of a try that starts
        self.aws.fault = fault

        def body() -> str:
            run, _ = self._job_run()
            attempt, seen = run.claim()
            self.row.named = attempt.name
            if seen is None:
                left = [unit.name for unit in self.aws.live() if unit.creator != self.aws.actor]
                assert not left, f"still running beside the new one: {left}"
                attempt = run.submit(attempt, self.request(attempt.name))
            else:
                attempt = run.submitted(attempt)
            seen = run.wait(attempt, 0, 1)
            return self._conclude(run, attempt, seen) if seen else "deferred"

        self._work(body, heard)

    @precondition(lambda machine: machine.in_state("deferred"))
    @rule(fault=st.none() | FAULTS, heard=st.booleans())
    def resume(self, fault: tuple[int, str] | None, heard: bool) -> None:
        self.aws.fault = fault

        def body() -> str:
            run, book = self._job_run()
            attempt = book.read()
            assert attempt is not None
            assert book.is_current(attempt)
            seen = run.look(attempt)
            if seen is None or seen.outcome is jobs.Outcome.RUNNING:
                return "deferred"
            return self._conclude(run, attempt, seen)

        self._work(body, heard)

    def _conclude(self, run: JobRun, attempt: Any, seen: jobs.Observation) -> str:
        unit = next(unit for unit in self.aws.units.values() if unit.name.startswith(attempt.name))
        assert unit.creator == self.aws.actor, "adopted a foreign one"
        if seen.outcome is jobs.Outcome.SUCCEEDED:
            return "success"
        raise run.conclude_failure(attempt, seen)

    # -- what AWS does ---------------------------------------------------------------------------------------------

    @precondition(lambda machine: machine.aws.live())
    @rule(state=st.sampled_from(["COMPLETED", "FAILED", "CANCELLED"]), pick=st.integers(0, 3))
    def it_ends(self, state: str, pick: int) -> None:
        live = self.aws.live()
        live[pick % len(live)].state = state

    # -- what people and Airflow do --------------------------------------------------------------------------------

    def _cancel_trigger(self) -> None:
        if self.row.state == "deferred":
            self.pending_kills.append(self.row.store[RECORD_KEY]["reference"])

    @precondition(lambda machine: machine.in_state("deferred", "up_for_retry", "failed", "success"))
    @rule()
    def clear(self) -> None:
        self._cancel_trigger()
        self.row.max_tries = self.row.try_number + RETRIES
        self.row.state = None

    @precondition(lambda machine: machine.in_state("deferred", "up_for_retry"))
    @rule(state=st.sampled_from(["failed", "success"]))
    def mark(self, state: str) -> None:
        self._cancel_trigger()
        self.row.state = state

    @precondition(lambda machine: machine.pending_kills)
    @rule(told=st.booleans())
    def cancelled_trigger_is_told(self, told: bool) -> None:
        reference = self.pending_kills.pop(0)
        if not told:
            return
        named = self.row.named
        verdict = verdict_of_trigger_kill(self.row.state, None if named is None else reference.endswith(named))
        if verdict is Verdict.ASK_AGAIN:
            verdict = verdict_without_an_answer(self.row.state)
        if verdict is Verdict.STOP:
            jobs.stop(self.aws, self.kind, reference)

    @rule()
    def stop_orphans(self) -> None:
        for reference, arn in list(jobs.running(self.aws, self.kind)):
            assert owner_of(jobs.tags(self.aws, self.kind, arn)) == OWNER
            present = "" if self.row.state == "deferred" and self.row.named is None else self.row.named
            if is_orphan(self.row.state, present, reference.rpartition("/")[2]):
                jobs.stop(self.aws, self.kind, reference)

    # -- what must hold --------------------------------------------------------------------------------------------

    @invariant()
    def an_attempt_has_at_most_one(self) -> None:
        names = [unit.name for unit in self.aws.units.values()]
        assert len(names) == len(set(names))

    @invariant()
    def no_epoch_has_two_live_ones(self) -> None:
        creators = [unit.creator for unit in self.aws.live()]
        assert len(creators) == len(set(creators))

    def teardown(self) -> None:
        self.stop_orphans()
        if self.in_state("failed", "success"):
            assert not self.aws.live(), "left running"


class ClusterMachine(StepMachine):
    kind = EMR_CLUSTER
    fake = FakeClusters

    def request(self, attempt: str) -> dict[str, Any]:
        return {"Name": attempt, "Tags": owner_tags(OWNER)}


_SETTINGS = settings(
    max_examples=150, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestStepMachine = StepMachine.TestCase
TestStepMachine.settings = _SETTINGS
TestClusterMachine = ClusterMachine.TestCase
TestClusterMachine.settings = _SETTINGS
