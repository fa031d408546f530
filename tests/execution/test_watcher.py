"""Triggers that share one look at their jobs, in virtual time against a model of AWS."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.aws.kinds import EMR_STEP, MODEL_CUSTOMIZATION_JOB, PROCESSING_JOB, ResourceKind
from airflow_sm_pipelines.execution import triggers, watcher
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.connection_in_triggerer import ConnectionInTriggerer
from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS, JobTrigger
from airflow_sm_pipelines.execution.watcher import watcher_of
from airflow_sm_pipelines.semantics import watching
from tests.conftest import client_error
from tests.virtual_time import at_once, run_in_virtual_time

INTERVAL = 10.0
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONNECTION = ConnectionInTriggerer(None, "eu-west-1")


def now() -> float:
    return asyncio.get_running_loop().time()


class Fleet:
    """SageMaker with many processing jobs, which end by the clock of the event loop.

    Attributes:
        created: When each job was created, in seconds of that clock.
        ends: When each job ends, of those that end.
        calls: Operation and time of each call.
        faults: What an operation does instead of answering.
    """

    def __init__(self) -> None:
        self.created: dict[str, float] = {}
        self.ends: dict[str, float] = {}
        self.calls: list[tuple[str, float]] = []
        self.queries: list[dict[str, Any]] = []
        self.faults: dict[str, Callable[[], object]] = {}
        self._newest_first: list[tuple[float, str]] = []

    def start(self, name: str, created: float = 0.0, ends: float | None = None) -> str:
        self.created[name] = created
        if ends is not None:
            self.ends[name] = ends
        return name

    def status(self, name: str) -> str:
        return "Completed" if now() >= self.ends.get(name, now() + 1) else "InProgress"

    def count(self, operation: str, since: float = 0.0, until: float = float("inf")) -> int:
        return sum(one == operation and since <= when < until for one, when in self.calls)

    def describe_processing_job(self, ProcessingJobName: str) -> dict[str, Any]:  # noqa: N803
        self._called("DescribeProcessingJob")
        if ProcessingJobName not in self.created:
            raise client_error("ValidationException", "Could not find requested job with name: x")
        return {"ProcessingJobName": ProcessingJobName, "ProcessingJobStatus": self.status(ProcessingJobName)}

    def list_processing_jobs(self, **query: Any) -> dict[str, Any]:
        self._called("ListProcessingJobs")
        self.queries.append(query)
        assert (query["SortBy"], query["SortOrder"]) == ("CreationTime", "Descending")
        after = query.get("CreationTimeAfter", datetime.min.replace(tzinfo=UTC))
        if len(self._newest_first) != len(self.created):
            self._newest_first = sorted(((moment, name) for name, moment in self.created.items()), reverse=True)
        since = (after - NOON).total_seconds()
        found = [
            (moment, name)
            for moment, name in self._newest_first
            if name in self.created and moment > since and query.get("NameContains", "") in name
        ]
        start, size = int(query.get("NextToken", 0)), query["MaxResults"]
        page = [
            {
                "ProcessingJobName": name,
                "ProcessingJobStatus": self.status(name),
                "CreationTime": NOON + timedelta(seconds=moment),
            }
            for moment, name in found[start : start + size]
        ]
        more = {"NextToken": str(start + size)} if start + size < len(found) else {}
        return {"ProcessingJobSummaries": page, **more}

    def _called(self, operation: str) -> None:
        self.calls.append((operation, now()))
        if operation in self.faults:
            self.faults[operation]()


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    return use(Fleet(), monkeypatch)


@pytest.fixture(autouse=True)
def _quiet_triggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of lines take longer than the tests."""
    monkeypatch.setattr(JobTrigger, "log", logging.getLogger("of-no-interest"))
    monkeypatch.setattr(logging.getLogger("of-no-interest"), "disabled", True)


def use(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setattr(AwsConnection, "client", lambda _self, service: {"sagemaker": fleet}[service])
    monkeypatch.setattr(triggers, "in_daemon_thread", at_once)
    monkeypatch.setattr(watcher, "in_daemon_thread", at_once)
    return fleet


def raising(error: Exception) -> Callable[[], object]:
    def fault() -> object:
        raise error

    return fault


class Waiting:
    """Triggers at work.

    Attributes:
        fired: When each trigger has fired, and its event.
        tasks: The tasks that run them.
    """

    def __init__(self) -> None:
        self.fired: dict[str, tuple[float, Any]] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, *names: str, interval: float = INTERVAL) -> None:
        for name in names:
            self.tasks[name] = asyncio.create_task(self._run(name, interval))

    async def _run(self, name: str, interval: float) -> None:
        connection = CONNECTION.as_arguments()
        trigger = JobTrigger(kind="processing-job", name=name, connection=connection, poll_interval=interval)
        async for event in trigger.run():
            self.fired[name] = now(), event.payload

    async def end(self, *names: str) -> None:
        for name in names or list(self.tasks):
            task = self.tasks.pop(name)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def names_of(count: int, prefix: str = "pipelines-abcdef012345-Step-") -> list[str]:
    return [f"{prefix}{number:04}" for number in range(count)]


def run_for(
    seconds: float, begin: Callable[[Waiting], object], then: Callable[[Waiting], Any] | None = None
) -> Waiting:
    """Let triggers run for some time."""
    waiting = Waiting()

    async def scenario() -> None:
        begin(waiting)
        await asyncio.sleep(seconds)
        going_on = then(waiting) if then else None
        if isinstance(going_on, Coroutine):
            await going_on
        await waiting.end()
        assert watcher_of(PROCESSING_JOB, CONNECTION)._groups == {}

    run_in_virtual_time(scenario())
    return waiting


# -- what it costs -----------------------------------------------------------------------------------------------------


def test_a_few_jobs_are_described_each_by_itself(fleet: Fleet) -> None:
    names = [fleet.start(name) for name in names_of(watching.FEW)]

    run_for(3600, lambda waiting: waiting.start(*names))

    assert fleet.count("ListProcessingJobs") == 0
    assert 3400 / (INTERVAL * 1.1) <= fleet.count("DescribeProcessingJob") / watching.FEW <= 3600 / INTERVAL


@pytest.mark.parametrize(("jobs", "pages"), [(6, 1), (100, 1), (300, 3), (1000, 10)])
def test_many_jobs_cost_a_page_for_each_hundred_and_few_describes(fleet: Fleet, jobs: int, pages: int) -> None:
    names = [fleet.start(name, number / 10) for number, name in enumerate(names_of(jobs))]

    waiting = run_for(1200, lambda waiting: waiting.start(*names))

    assert waiting.fired == {}
    in_interval = Counter((operation, when // INTERVAL) for operation, when in fleet.calls)
    lists = [in_interval["ListProcessingJobs", interval] for interval in range(120)]
    describes = [in_interval["DescribeProcessingJob", interval] for interval in range(120)]
    assert pages <= sum(lists[2:]) / 118 <= 1.15 * pages
    assert sum(describes[10:]) / 110 <= watching.RECHECKS_PER_SECOND * INTERVAL * 1.5
    assert max(listed + described for listed, described in zip(lists, describes, strict=True)) <= 20


def test_a_thousand_triggers_that_start_together_do_not_describe_their_jobs_at_once(fleet: Fleet) -> None:
    """A triggerer that starts again gets all triggers within seconds. The first List tells that their jobs run."""
    names = [fleet.start(name) for name in names_of(1000)]

    run_for(400, lambda waiting: waiting.start(*names))

    per_second = Counter(int(when) for _, when in fleet.calls)
    assert max(per_second.values()) <= 1 / watching.PAGE_PAUSE + watching.FEW + 2
    assert max(fleet.count("DescribeProcessingJob", at, at + INTERVAL) for at in range(0, 400, 10)) <= 20


def test_the_first_event_comes_within_one_interval_of_the_end(fleet: Fleet) -> None:
    names = [fleet.start(name, ends=1000.0 + number) for number, name in enumerate(names_of(1000))]

    waiting = run_for(3000, lambda waiting: waiting.start(*names))

    late = {name: when - fleet.ends[name] for name, (when, _) in waiting.fired.items()}
    assert late.keys() == set(names)
    assert min(late.values()) >= 0
    assert max(late.values()) <= INTERVAL


def test_every_end_costs_one_describe(fleet: Fleet) -> None:
    names = [fleet.start(name, ends=100.0) for name in names_of(300)]

    waiting = run_for(130, lambda waiting: waiting.start(*names))

    assert len(waiting.fired) == 300
    assert fleet.count("DescribeProcessingJob", 99) == 300


def test_a_list_looks_for_names_that_begin_alike_and_for_what_is_young_enough(fleet: Fleet) -> None:
    names = [fleet.start(name, 5.0 + number) for number, name in enumerate(names_of(20))]

    run_for(60, lambda waiting: waiting.start(*names))

    first, second = fleet.queries[:2]
    assert first["NameContains"].startswith("pipelines-abcdef012345-Step-")
    assert "CreationTimeAfter" not in first  # the first page tells how old they are
    assert second["CreationTimeAfter"] == NOON + timedelta(seconds=5) - timedelta(minutes=1)


def test_names_of_ones_own_are_listed_without_a_filter(fleet: Fleet) -> None:
    names = [fleet.start(f"{letter}-abcdef012345") for letter in "abcdefgh"]

    run_for(60, lambda waiting: waiting.start(*names))

    assert fleet.count("ListProcessingJobs") > 2
    assert all("NameContains" not in query for query in fleet.queries)


def test_jobs_of_others_cost_pages_up_to_a_limit(fleet: Fleet) -> None:
    """An old job among thousands of new ones is described; the new ones are listed."""
    old = fleet.start("own-old", created=-10_000.0, ends=400.0)
    others = [fleet.start(f"other-{number}", created=-5000.0 + number) for number in range(3000)]
    young = [fleet.start(f"own-young-{number}", ends=500.0) for number in range(10)]

    waiting = run_for(600, lambda waiting: waiting.start(old, *young))

    assert len(others) == 3000
    assert fleet.count("ListProcessingJobs", 0, 35) <= 3 * watching.most_pages(11, 100)
    assert 19 <= fleet.count("ListProcessingJobs", 100, 300) <= 23, "one page in an interval: only the young ones"
    assert waiting.fired[old][0] <= 400 + INTERVAL * 1.1 + 1
    assert all(waiting.fired[name][0] <= 500 + INTERVAL + 1 for name in young)


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def all_end(fleet: Fleet, count: int = 40, at: float = 1000.0, within: float = 30.0) -> Waiting:
    """Let many jobs end, and check that all triggers fire soon."""
    names = [fleet.start(name, ends=at) for name in names_of(count)]
    waiting = run_for(at + 2 * within, lambda waiting: waiting.start(*names))
    assert waiting.fired.keys() == set(names)
    assert all(at <= when <= at + within for when, _ in waiting.fired.values())
    assert {event["status"] for _, event in waiting.fired.values()} == {"Completed"}
    return waiting


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("InternalFailure", 500)])
def test_a_list_that_is_throttled_is_replaced_by_describes_for_a_while(fleet: Fleet, code: str, status: int) -> None:
    fleet.faults["ListProcessingJobs"] = raising(client_error(code, "Rate exceeded", status))

    all_end(fleet)

    assert 2 <= fleet.count("ListProcessingJobs") <= 4
    per_second = fleet.count("DescribeProcessingJob", 100, 900) / 800
    assert per_second <= watching.DESCRIBES_PER_SECOND


def test_after_throttling_lists_begin_again(fleet: Fleet) -> None:
    fleet.faults["ListProcessingJobs"] = raising(client_error("ThrottlingException"))
    names = [fleet.start(name) for name in names_of(40)]

    def stop_throttling(waiting: Waiting) -> Coroutine[Any, Any, None]:
        del fleet.faults["ListProcessingJobs"]
        return asyncio.sleep(1000)

    run_for(200, lambda waiting: waiting.start(*names), stop_throttling)

    assert fleet.count("ListProcessingJobs", 0, 200) == 1
    assert fleet.count("ListProcessingJobs", 400, 1200) >= 75


def test_a_thousand_jobs_without_a_list_are_described_at_a_bounded_rate(fleet: Fleet) -> None:
    fleet.faults["ListProcessingJobs"] = raising(client_error("ThrottlingException"))
    names = [fleet.start(name) for name in names_of(1000)]

    run_for(2000, lambda waiting: waiting.start(*names))

    in_ten_seconds = [fleet.count("DescribeProcessingJob", at, at + 10) for at in range(20, 2000, 10)]
    assert max(in_ten_seconds) <= 10 * watching.DESCRIBES_PER_SECOND * 2.5
    assert sum(in_ten_seconds) <= 2000 * watching.DESCRIBES_PER_SECOND * 1.1


def test_a_denied_list_is_said_once_and_jobs_are_described(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    message = "not authorized to perform: sagemaker:ListProcessingJobs"
    fleet.faults["ListProcessingJobs"] = raising(client_error("AccessDeniedException", message))

    all_end(fleet)

    assert fleet.count("ListProcessingJobs") == 1
    [line] = [record.getMessage() for record in caplog.records if record.name == watcher.__name__]
    assert line.startswith(f"AWS refused ListProcessingJobs: AccessDeniedException: {message}; each processing job is")


def test_pages_without_end_are_given_up(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """As filters by time can have it: empty pages, each with a token."""
    monkeypatch.setattr(fleet, "list_processing_jobs", lambda **_: fleet._called("L") or {"NextToken": "again"})

    all_end(fleet)

    assert fleet.count("L") <= 4 * watching.most_pages(40, 100)


def test_a_fault_of_the_watcher_leaves_the_triggers_to_themselves(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(watcher, "list_page", broken)

    all_end(fleet)

    assert "a fault of ours" in caplog.text


def test_a_list_that_hangs_is_given_up(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(work: Callable[[], object]) -> object:
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(watcher, "in_daemon_thread", hang)

    all_end(fleet)


def test_what_a_list_says_is_only_a_hint(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A List that calls running jobs ended fires nothing; one that never notices an end delays it by minutes."""
    names = [fleet.start(name, ends=1000.0) for name in names_of(20)]
    answer = fleet.list_processing_jobs

    def lie(status: str) -> Callable[..., Any]:
        def lying(**query: Any) -> Any:
            said = answer(**query)
            summaries = [{**one, "ProcessingJobStatus": status} for one in said["ProcessingJobSummaries"]]
            return {**said, "ProcessingJobSummaries": summaries}

        return lying

    monkeypatch.setattr(fleet, "list_processing_jobs", lie("Completed"))
    assert run_for(900, lambda waiting: waiting.start(*names)).fired == {}

    monkeypatch.setattr(fleet, "list_processing_jobs", lie("InProgress"))
    late = run_for(1600, lambda waiting: waiting.start(*names)).fired
    assert late.keys() == set(names)
    assert max(when for when, _ in late.values()) <= 1000 + watching.RECHECK_SECONDS * 1.5


def test_a_job_that_is_gone_is_found_out(fleet: Fleet) -> None:
    names = [fleet.start(name) for name in names_of(20)]

    def remove(waiting: Waiting) -> Coroutine[Any, Any, None]:
        del fleet.created[names[3]]
        return asyncio.sleep(3 * INTERVAL)

    waiting = run_for(300, lambda waiting: waiting.start(*names), remove)

    assert [(name, event) for name, (_, event) in waiting.fired.items()] == [
        (names[3], {"name": names[3], "status": "absent"})
    ]


def test_refused_describes_wake_the_worker_although_the_list_works(fleet: Fleet) -> None:
    names = [fleet.start(name) for name in names_of(20)]
    fleet.faults["DescribeProcessingJob"] = raising(client_error("AccessDeniedException", "no"))

    waiting = run_for(700, lambda waiting: waiting.start(*names))

    assert {event["error"] for _, event in waiting.fired.values()} == {
        "DescribeProcessingJob: AccessDeniedException: no"
    }


# -- who waits ---------------------------------------------------------------------------------------------------------


def test_triggers_that_are_cancelled_leave_and_the_others_go_on(fleet: Fleet) -> None:
    names = [fleet.start(name, ends=500.0) for name in names_of(300)]

    async def cancel_a_third(waiting: Waiting) -> None:
        await waiting.end(*names[::3])
        assert len(watcher_of(PROCESSING_JOB, CONNECTION)._groups[""].places) == 200
        await asyncio.sleep(200)

    waiting = run_for(400, lambda waiting: waiting.start(*names), cancel_a_third)

    assert waiting.fired.keys() == set(names) - set(names[::3])


def test_when_few_are_left_they_are_described_again(fleet: Fleet) -> None:
    names = [fleet.start(name) for name in names_of(20)]
    for name in names[3:]:
        fleet.ends[name] = 300.0
    fleet.ends[names[0]] = 800.0

    waiting = run_for(1000, lambda waiting: waiting.start(*names))

    assert fleet.count("ListProcessingJobs", 350) == 0
    assert waiting.fired[names[0]][0] <= 800 + INTERVAL * 1.1


def test_nothing_goes_on_when_nobody_waits(fleet: Fleet) -> None:
    names = [fleet.start(name, ends=100.0) for name in names_of(20)]

    async def look(waiting: Waiting) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert all(task.done() for task in others), others
        calls = len(fleet.calls)
        waiting.start(*[fleet.start(f"{name}-again") for name in names])
        await asyncio.sleep(100)
        assert fleet.count("ListProcessingJobs", 200) >= 8
        assert len(fleet.calls) > calls

    run_for(200, lambda waiting: waiting.start(*names), look)


def test_the_watcher_works_in_no_triggers_context(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow sends log lines to a task's log by a context variable of the trigger."""
    trigger: ContextVar[str] = ContextVar("trigger", default="none")
    seen: list[str] = []
    names = [fleet.start(name) for name in names_of(20)]
    monkeypatch.setitem(fleet.faults, "ListProcessingJobs", lambda: seen.append(trigger.get()))
    monkeypatch.setitem(fleet.faults, "DescribeProcessingJob", lambda: seen.append(trigger.get()))

    def start(waiting: Waiting) -> None:
        trigger.set("a trigger")
        waiting.start(*names)

    run_for(60, start)

    assert seen.count("none") == fleet.count("ListProcessingJobs") > 0
    assert seen.count("a trigger") == fleet.count("DescribeProcessingJob") > 0


def test_connections_and_kinds_do_not_share_a_watcher() -> None:
    async def watchers() -> set[int]:
        other = ConnectionInTriggerer(None, "us-east-1")
        pairs = [(PROCESSING_JOB, CONNECTION), (PROCESSING_JOB, other), (EMR_STEP, CONNECTION)]
        assert all(watcher_of(*pair) is watcher_of(*pair) for pair in pairs)
        return {id(watcher_of(*pair)) for pair in pairs}

    assert len(run_in_virtual_time(watchers())) == 3


@pytest.mark.parametrize(
    ("kind", "parents"), [(EMR_STEP, ["j-ONE", "j-TWO"]), (MODEL_CUSTOMIZATION_JOB, ["AgentRFT", "DataTransformation"])]
)
def test_what_one_parent_contains_is_listed_together(
    kind: ResourceKind, parents: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(watcher, "in_daemon_thread", at_once)
    monkeypatch.setattr(
        watcher, "list_page", lambda _client, _kind, request, _token: asked.append(request) or ([], None)
    )

    async def scenario() -> None:
        watched = watcher.Watcher(kind, lambda: None)  # type: ignore[arg-type,return-value]
        places = [watched.place(f"{parents[0]}/s-{number}", INTERVAL) for number in range(8)]
        places += [watched.place(f"{parents[1]}/s-{number}", INTERVAL) for number in range(3)]
        for place in places:
            place.__enter__()
        await asyncio.sleep(INTERVAL + 1)
        for place in places:
            place.__exit__(None, None, None)

    run_in_virtual_time(scenario())

    assert kind.newest_first is not None
    assert [request[kind.newest_first.parent_member] for request in asked] == [parents[0]]


def test_a_change_of_state_that_a_list_tells_is_logged_by_the_jobs_own_trigger_without_a_describe(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger: ContextVar[str] = ContextVar("trigger", default="none")
    told: list[tuple[float, str, str]] = []
    names = [fleet.start(name) for name in names_of(40)]
    stopping = lambda name: name == names[7] and now() > 300  # noqa: E731
    monkeypatch.setattr(fleet, "status", lambda name: "Stopping" if stopping(name) else "InProgress")
    note = SimpleNamespace(info=lambda text, *values: told.append((now(), text % values, trigger.get())))
    monkeypatch.setattr(JobTrigger, "log", note)

    def start(waiting: Waiting) -> None:
        trigger.set("a trigger")
        waiting.start(*names)

    run_for(330, start)

    [(when, text, context)] = [one for one in told if "Stopping" in one[1]]
    assert (text, context) == (f"{names[7]} is Stopping", "a trigger")
    assert 300 < when <= 300 + INTERVAL
    assert fleet.count("DescribeProcessingJob", 300, 330) <= 30 * watching.RECHECKS_PER_SECOND + 1
    assert sorted(text for _, text, _ in told if "Stopping" not in text) == [f"{name} is InProgress" for name in names]


# -- whatever happens --------------------------------------------------------------------------------------------------

_Act = st.one_of(
    st.tuples(st.just("start"), st.integers(1, 12), st.floats(0, 600)),
    st.tuples(st.just("cancel"), st.integers(1, 12), st.just(0.0)),
    st.tuples(st.just("throttle"), st.just(0), st.just(0.0)),
    st.tuples(st.just("answer"), st.just(0), st.just(0.0)),
    st.tuples(st.just("pass"), st.just(0), st.floats(0, 400)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_Act, max_size=25))
def test_every_ended_job_is_told_in_time_and_no_running_one(acts: list[tuple[str, int, float]]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        fleet, waiting = use(Fleet(), monkeypatch), Waiting()
        cancelled: set[str] = set()

        async def scenario() -> None:
            for kind, count, seconds in acts:
                await act(kind, count, seconds)
            fleet.faults.clear()
            await asyncio.sleep(700 + QUIET_SECONDS + 2 * watching.UNLISTED_SECONDS)
            await waiting.end()

        async def act(kind: str, count: int, seconds: float) -> None:
            if kind == "start":
                for _ in range(count):
                    created = now()
                    name = f"pipelines-{len(fleet.created):04}"
                    # Every other job ends within the time.
                    ends = created + seconds if len(fleet.created) % 2 else None
                    waiting.start(fleet.start(name, created, ends))
            elif kind == "cancel":
                live = [name for name in waiting.tasks if name not in waiting.fired][:count]
                await waiting.end(*live)
                # One that has fired in this very moment was not cancelled.
                cancelled.update(name for name in live if name not in waiting.fired)
            elif kind == "throttle":
                fleet.faults["ListProcessingJobs"] = raising(client_error("ThrottlingException"))
            elif kind == "answer":
                fleet.faults.clear()
            else:
                await asyncio.sleep(seconds)

        logging.disable(logging.CRITICAL)
        try:
            run_in_virtual_time(scenario())
        finally:
            logging.disable(logging.NOTSET)

        assert waiting.fired.keys() == fleet.ends.keys() - cancelled
        for name, (when, event) in waiting.fired.items():
            seen_from = max(fleet.ends[name], fleet.created[name] + QUIET_SECONDS)
            # One interval; one more if a List that was throttled in it leaves the job to a Describe at a bounded rate.
            at_most = 2 * max(INTERVAL * 1.1, len(fleet.created) / watching.DESCRIBES_PER_SECOND * 1.5) + 2
            assert fleet.ends[name] <= when <= seen_from + at_most
            assert event == {"name": name, "status": "Completed"}
