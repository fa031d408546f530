"""The trigger that waits for a step's resource."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse
from airflow.triggers.base import TriggerEvent

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.execution import log_looks, triggers, watcher
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.daemon_threads import in_daemon_thread
from airflow_sm_pipelines.execution.triggers import QUIET_SECONDS, JobTrigger
from airflow_sm_pipelines.execution.xcoms import ATTEMPT_KEY
from airflow_sm_pipelines.semantics.ownership import ABSENT
from tests.conftest import FakeLogs
from tests.virtual_time import at_once, run_in_virtual_time

NAME = "pipelines-abcdef012345-Step-t0k3nt0k3n-0"
POLL = 30.0


_sleep, _woken_within = asyncio.sleep, watcher._woken_within


class Clock:
    """Writes every wait of a trigger down; in virtual time it takes none."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self._note(seconds)
        await _sleep(seconds)

    async def woken_within(self, woken: asyncio.Event, seconds: float) -> None:
        self._note(seconds)
        await _woken_within(woken, seconds)

    def _note(self, seconds: float) -> None:
        self.pauses.append(seconds)
        assert len(self.pauses) < 200, "never ends"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(triggers.asyncio, "sleep", clock.sleep)
    monkeypatch.setattr(watcher, "_woken_within", clock.woken_within)
    monkeypatch.setattr(triggers, "in_daemon_thread", at_once)
    return clock


@pytest.fixture
def aws(sagemaker: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """SageMaker with one running job."""
    sagemaker.jobs[NAME] = {"ProcessingJobName": NAME, "ProcessingJobStatus": "InProgress"}
    sagemaker.ending = None
    monkeypatch.setattr(AwsConnection, "client", lambda _self, service: {"sagemaker": sagemaker}[service])
    return sagemaker


@pytest.fixture
def trigger() -> JobTrigger:
    return JobTrigger(
        kind="processing-job",
        name=NAME,
        connection=AwsConnection(None, "eu-west-1").as_arguments(),
        poll_interval=POLL,
        attempt=NAME,
    )


def events_of(trigger: JobTrigger) -> list[Any]:
    async def collect() -> list[TriggerEvent]:
        return [event async for event in trigger.run()]

    return [event.payload for event in run_in_virtual_time(collect())]


def test_it_comes_back_from_what_airflow_stores(trigger: JobTrigger) -> None:
    path, arguments = trigger.serialize()
    stored = json.loads(json.dumps(arguments))
    again = JobTrigger(**stored)
    downgraded = JobTrigger(**{**stored, "added_later": 1})

    assert path == "airflow_sm_pipelines.execution.triggers.JobTrigger"
    assert again.serialize() == downgraded.serialize() == trigger.serialize()
    assert AwsConnection.from_arguments(again.connection) == AwsConnection(None, "eu-west-1")


# -- run ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped"])
def test_it_fires_once_when_the_job_has_ended(trigger: JobTrigger, aws: Any, status: str) -> None:
    aws.jobs[NAME]["ProcessingJobStatus"] = status

    assert events_of(trigger) == [{"name": NAME, "status": status}]


def test_it_says_nothing_in_its_first_seconds(trigger: JobTrigger, aws: Any, clock: Clock) -> None:
    aws.jobs[NAME]["ProcessingJobStatus"] = "Completed"

    events_of(trigger)

    assert clock.pauses == [QUIET_SECONDS]
    assert QUIET_SECONDS >= 10


def test_it_looks_again_until_the_job_has_ended(
    trigger: JobTrigger, aws: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.5)
    ends_after(2, aws, monkeypatch)

    assert events_of(trigger) == [{"name": NAME, "status": "Completed"}]
    assert clock.pauses == [QUIET_SECONDS, POLL * 1.05, POLL * 1.05]


def ends_after(looks: int, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    describe = aws.describe_processing_job

    def look(**request: Any) -> Any:
        if aws.calls.count("DescribeProcessingJob") == looks:
            aws.jobs[NAME]["ProcessingJobStatus"] = "Completed"
        return describe(**request)

    monkeypatch.setattr(aws, "describe_processing_job", look)


def test_the_pause_is_at_most_a_tenth_longer_than_asked_for(
    trigger: JobTrigger, aws: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_after(150, aws, monkeypatch)

    events_of(trigger)

    assert len(clock.pauses) == 151
    assert all(POLL <= pause <= POLL * 1.1 for pause in clock.pauses[1:])
    assert len(set(clock.pauses)) > 2


def test_a_job_that_is_gone_wakes_the_worker(trigger: JobTrigger, aws: Any) -> None:
    aws.jobs.clear()

    assert events_of(trigger) == [{"name": NAME, "status": "absent"}]


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("InternalFailure", 500)])
def test_throttling_and_outages_never_end_it(
    trigger: JobTrigger, aws: Any, client_error: Any, clock: Clock, code: str, status: int
) -> None:
    aws.faults["DescribeProcessingJob"] = [client_error(code, "", status) for _ in range(50)]
    aws.jobs[NAME]["ProcessingJobStatus"] = "Completed"

    assert events_of(trigger) == [{"name": NAME, "status": "Completed"}]
    assert min(clock.pauses[1:]) >= 2 * POLL


def test_five_refusals_in_a_row_wake_the_worker(trigger: JobTrigger, aws: Any, client_error: Any) -> None:
    aws.faults["DescribeProcessingJob"] = [client_error("AccessDeniedException", "no") for _ in range(5)]

    assert events_of(trigger) == [{"name": NAME, "error": "DescribeProcessingJob: AccessDeniedException: no"}]
    assert aws.calls == ["DescribeProcessingJob"] * 5


def test_refusals_that_are_not_in_a_row_do_not_add_up(trigger: JobTrigger, aws: Any, client_error: Any) -> None:
    denied = [client_error("AccessDeniedException", "no") for _ in range(8)]
    throttled = client_error("ThrottlingException")
    aws.faults["DescribeProcessingJob"] = [*denied[:4], throttled, *denied[4:]]
    aws.jobs[NAME]["ProcessingJobStatus"] = "Completed"

    assert events_of(trigger) == [{"name": NAME, "status": "Completed"}]


def test_a_look_that_succeeds_forgets_the_refusals_before_it(
    trigger: JobTrigger, aws: Any, client_error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = aws.describe_processing_job

    def look(**request: Any) -> Any:
        looks = aws.calls.count("DescribeProcessingJob")
        if looks == 10:
            aws.jobs[NAME]["ProcessingJobStatus"] = "Completed"
        elif looks % 5 != 4:
            aws.faults["DescribeProcessingJob"] = [client_error("AccessDeniedException", "no")]
        return describe(**request)

    monkeypatch.setattr(aws, "describe_processing_job", look)

    assert events_of(trigger) == [{"name": NAME, "status": "Completed"}]


# -- on_kill -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def killed(trigger: JobTrigger, aws: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Tell the trigger that it is killed while its task goes through some states; the last one stays.

    The task names the trigger's attempt as its own, or whatever ``named`` says.
    """
    trigger.task_instance = SimpleNamespace(dag_id="dag", run_id="run", task_id="Step", map_index=-1)  # type: ignore[assignment]

    def kill(*states: str | Exception | None, named: str | None = NAME) -> str:
        pending = list(states)

        def task_state(*task: Any) -> str | None:
            assert task == ("dag", "run", "Step", -1)
            state = pending.pop(0) if len(pending) > 1 else pending[0]
            if isinstance(state, Exception):
                raise state
            return state

        def other_xcom(*task_and_key: Any) -> str | None:
            assert task_and_key == ("dag", "run", "Step", -1, ATTEMPT_KEY)
            return named

        monkeypatch.setattr(triggers, "task_state_at_once", task_state)
        monkeypatch.setattr(triggers, "other_xcom_at_once", other_xcom)
        run_in_virtual_time(trigger.on_kill())
        return str(aws.jobs[NAME]["ProcessingJobStatus"])

    return kill


@pytest.fixture
def log(trigger: JobTrigger, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the trigger warns of."""
    said: list[str] = []

    def say(message: str, *arguments: Any) -> None:
        said.append(message % arguments)

    monkeypatch.setattr(trigger.log, "warning", say)
    monkeypatch.setattr(trigger.log, "error", say)
    return said


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "removed", "upstream_failed", ABSENT])
def test_a_task_that_was_ended_stops_its_job(killed: Any, clock: Clock, state: str) -> None:
    assert killed(state) == "Stopped"
    assert clock.pauses == []


@pytest.mark.parametrize("state", ["deferred", "up_for_retry"])
def test_a_trigger_that_moved_leaves_the_job_alone(killed: Any, clock: Clock, state: str) -> None:
    assert killed(state) == "InProgress"
    assert clock.pauses == []


@pytest.mark.parametrize("state", [None, "scheduled", "queued"])
def test_a_cleared_task_that_does_not_start_in_20_s_stops_its_job(killed: Any, clock: Clock, state: str | None) -> None:
    assert killed(state) == "Stopped"
    assert sum(clock.pauses) == 20


def test_a_task_that_starts_again_and_names_the_job_takes_it_over(killed: Any, clock: Clock) -> None:
    assert killed(None, "scheduled", "queued", "running") == "InProgress"
    assert sum(clock.pauses) == 3


def test_a_task_that_starts_again_and_names_no_job_yet_may_take_it_over(killed: Any, clock: Clock) -> None:
    assert killed(None, "scheduled", "queued", "running", named=None) == "InProgress"
    assert sum(clock.pauses) == 20


@pytest.mark.parametrize("state", ["running", "deferred", "up_for_retry"])
def test_a_task_that_names_another_job_has_left_this_one(killed: Any, clock: Clock, state: str) -> None:
    """The run was deleted and created again under its id: the state is that of another task instance."""
    assert killed(state, named="pipelines-abcdef012345-Step-an0ther000-0") == "Stopped"
    assert clock.pauses == []


def test_a_deferred_task_that_names_no_job_has_left_this_one(killed: Any, clock: Clock) -> None:
    """It waits in its gate; a trigger that moved has a task that names the job."""
    assert killed("deferred", named=None) == "Stopped"
    assert sum(clock.pauses) == 20


@pytest.mark.parametrize(("state", "seconds"), [("deferred", 0), ("up_for_retry", 0), ("running", 20)])
def test_a_task_of_an_older_version_names_no_job(
    trigger: JobTrigger, killed: Any, clock: Clock, state: str, seconds: int
) -> None:
    trigger.attempt = ""

    assert killed(state, named=None) == "InProgress"
    assert sum(clock.pauses) == seconds


def test_a_cleared_task_that_starts_and_is_then_skipped_stops_its_job(killed: Any, clock: Clock) -> None:
    """A new try in its gate is running, too."""
    assert killed(None, "running", "running", "skipped", named=None) == "Stopped"
    assert sum(clock.pauses) == 3


def test_a_stop_that_is_throttled_is_tried_again(
    killed: Any, aws: Any, clock: Clock, client_error: Any, monkeypatch: pytest.MonkeyPatch, log: list[str]
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.5)
    aws.faults["StopProcessingJob"] = [client_error("ThrottlingException", "slowly") for _ in range(2)]

    assert killed("failed") == "Stopped"
    assert clock.pauses == [2 * 1.05, 4 * 1.05]
    refused = "AWS refused StopProcessingJob: ThrottlingException: slowly"
    assert log == [f"Cannot stop {NAME} yet, will try again: {refused}"] * 2


@pytest.mark.parametrize(("code", "tries"), [("ThrottlingException", 6), ("AccessDeniedException", 1)])
def test_a_stop_that_is_refused_for_good_says_what_to_do(
    killed: Any, aws: Any, client_error: Any, log: list[str], code: str, tries: int
) -> None:
    aws.faults["StopProcessingJob"] = [client_error(code, "no") for _ in range(9)]

    with pytest.raises(AwsCallError, match=code):
        killed("failed")

    assert aws.calls.count("StopProcessingJob") == tries
    assert log[-1] == (
        f"Cannot stop {NAME}: AWS refused StopProcessingJob: {code}: no; it may still run: "
        "stop it with `sm-pipelines stop-orphans`"
    )


@pytest.fixture
def no_answer() -> Exception:
    """What the Task SDK raises when Airflow's API server refuses a request, here because of its database."""
    return AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 500}))


def test_airflow_is_asked_again_when_it_does_not_tell_the_state(
    killed: Any, clock: Clock, log: list[str], no_answer: Exception
) -> None:
    assert killed(no_answer, no_answer, "failed") == "Stopped"
    assert clock.pauses == [1, 1]
    assert [line.partition(":")[0] for line in log] == [
        "Airflow does not tell the state of this task yet, will ask again"
    ] * 2


def test_airflow_that_does_not_tell_the_state_in_20_s_leaves_the_job_and_says_so(
    killed: Any, aws: Any, clock: Clock, log: list[str], no_answer: Exception
) -> None:
    with pytest.raises(AirflowRuntimeError):
        killed(no_answer)

    assert sum(clock.pauses) == 20
    assert "StopProcessingJob" not in aws.calls
    assert log[-1].endswith(f"{NAME}: it may still run: stop it with `sm-pipelines stop-orphans`")


def test_a_cleared_task_that_is_then_ended_stops_its_job(killed: Any, clock: Clock) -> None:
    assert killed("queued", "failed") == "Stopped"


def test_a_job_that_has_ended_is_not_stopped(killed: Any, aws: Any) -> None:
    aws.jobs[NAME]["ProcessingJobStatus"] = "Completed"

    assert killed("failed") == "Completed"
    assert "StopProcessingJob" not in aws.calls


def test_a_kill_that_airflow_breaks_off_still_stops_the_job(
    trigger: JobTrigger, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow 3.3.2 cancels the trigger of an ended task again and again."""
    monkeypatch.setattr(triggers, "in_daemon_thread", in_daemon_thread)
    trigger.task_instance = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)  # type: ignore[assignment]
    asked, answered = threading.Event(), threading.Event()

    def task_state(*_: Any) -> str:
        asked.set()
        answered.wait(5)
        return "failed"

    monkeypatch.setattr(triggers, "task_state_at_once", task_state)

    async def scenario() -> None:
        kill = asyncio.get_running_loop().create_task(trigger.on_kill())
        await asyncio.to_thread(asked.wait, 5)
        kill.cancel()
        await asyncio.gather(kill, return_exceptions=True)
        answered.set()
        await asyncio.gather(*triggers._running)

    asyncio.run(scenario())

    assert aws.jobs[NAME]["ProcessingJobStatus"] == "Stopped"


def test_a_mapped_task_is_asked_for_by_its_index(
    trigger: JobTrigger, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(triggers, "task_state_at_once", lambda *task: asked.append(task) or "deferred")
    monkeypatch.setattr(triggers, "other_xcom_at_once", lambda *task_and_key: asked.append(task_and_key) or NAME)
    for map_index in (None, 4):
        trigger.task_instance = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=map_index)  # type: ignore[assignment]
        asyncio.run(trigger.on_kill())

    assert [task[:4] for task in asked] == [("d", "r", "t", -1)] * 2 + [("d", "r", "t", 4)] * 2


def test_cancelling_the_wait_does_not_cancel_the_work() -> None:
    done: list[str] = []

    async def scenario() -> None:
        goes_on = asyncio.Event()

        async def work() -> None:
            done.append("look")
            await goes_on.wait()
            done.append("send")

        waiting = asyncio.create_task(triggers.to_its_end(work()))
        await asyncio.wait([waiting], timeout=0.01)
        assert done == ["look"]
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        goes_on.set()
        await asyncio.gather(*triggers._running)

    asyncio.run(scenario())
    assert done == ["look", "send"]
    assert not triggers._running


# -- the job's log -----------------------------------------------------------------------------------------------------


def test_the_event_holds_the_last_lines_that_the_job_wrote(
    trigger: JobTrigger, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = FakeLogs(**{"algo-1-17": ["epoch 9", "epoch 10"]})
    monkeypatch.setattr(AwsConnection, "client", lambda _self, service: {"sagemaker": aws, "logs": logs}[service])
    monkeypatch.setattr(log_looks, "in_daemon_thread", at_once)
    aws.jobs[NAME]["ProcessingJobStatus"] = "Completed"
    trigger.logs = True

    assert events_of(trigger) == [{"name": NAME, "status": "Completed", "log": ["epoch 9", "epoch 10"]}]


def test_a_trigger_of_an_older_version_shows_no_log(trigger: JobTrigger, aws: Any) -> None:
    arguments = {name: value for name, value in trigger.serialize()[1].items() if name != "logs"}
    aws.jobs[NAME]["ProcessingJobStatus"] = "Completed"

    assert events_of(JobTrigger(**arguments)) == [{"name": NAME, "status": "Completed"}]  # type: ignore[arg-type]


def test_a_kind_without_a_log_is_not_asked_for_one(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "observe", lambda *_: None)
    trigger = JobTrigger(
        kind="endpoint", name="e", connection=AwsConnection().as_arguments(), poll_interval=POLL, logs=True
    )

    assert events_of(trigger) == [{"name": "e", "status": "absent"}]
