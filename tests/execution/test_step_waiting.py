"""One try of a step's task that waits for its job: deferred, resumed, edited meanwhile, killed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB, TRAINING_JOB
from airflow_sm_pipelines.errors import (
    StepError,
    StepFailedError,
    StepInterruptedError,
    StepTimeoutError,
)
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.execution.settings import Waiting
from airflow_sm_pipelines.semantics.settling import SETTLE_SECONDS
from tests.conftest import FakeLogs
from tests.execution.step_stand_ins import DeferredError, Task, the_job

# -- the wait ----------------------------------------------------------------------------------------------------------


def test_a_short_job_never_defers(make_task: Any, context: Any, sagemaker: Any) -> None:
    task = make_task()
    sagemaker.ending = None
    waited: list[float] = task.killed.waits

    def wait(timeout: float) -> bool:
        waited.append(timeout)
        if len(waited) == 3:
            sagemaker.ending = {"ProcessingJobStatus": "Completed"}
        return False

    task.killed.wait = wait
    assert task.step(context).start()["ProcessingJobStatus"] == "Completed"
    assert sum(waited) < task.waiting.settle


def test_a_longer_job_defers_after_the_settle_time(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    task = make_task()

    with pytest.raises(DeferredError) as deferred:
        task.step(context).start()

    assert 0 < sum(task.killed.waits) <= task.waiting.settle
    assert deferred.value.method_name == "resume"
    assert deferred.value.timeout is None
    assert deferred.value.trigger.serialize()[1] == {
        "kind": "processing-job",
        "name": the_job(sagemaker)["ProcessingJobName"],
        "connection": task.connection.as_arguments(),
        "poll_interval": task.waiting.poll_interval,
        "attempt": the_job(sagemaker)["ProcessingJobName"],
        "logs": True,
    }


def test_a_job_on_aws_defers_after_its_first_look(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    task = make_task()
    task.waiting = Waiting()

    with pytest.raises(DeferredError):
        task.step(context).start()

    assert task.killed.waits == []
    assert sagemaker.calls == ["CreateProcessingJob", "DescribeProcessingJob"]


def test_a_job_on_a_local_aws_is_waited_for(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    sagemaker.meta = SimpleNamespace(
        **{name: getattr(sagemaker.meta, name) for name in ("service_model", "region_name", "partition", "events")},
        endpoint_url="http://127.0.0.1:4566",
    )
    task = make_task()
    task.waiting = Waiting()

    with pytest.raises(DeferredError):
        task.step(context).start()

    assert 5 < sum(task.killed.waits) <= SETTLE_SECONDS


def test_a_resource_that_can_be_ready_within_seconds_is_waited_for(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    sagemaker.ending = None
    task = make_task()
    task.waiting = Waiting()
    task.kind = replace(PROCESSING_JOB, ends_within_seconds=True)

    with pytest.raises(DeferredError):
        task.step(context).start()

    assert 5 < sum(task.killed.waits) <= SETTLE_SECONDS


def test_a_task_that_is_killed_before_it_defers_stops_its_job(
    make_task: Any, context: Any, sagemaker: Any, task_state: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow refuses the deferral of a task that has ended, and no trigger would stop the job."""
    sagemaker.ending, task_state["state"] = None, "failed"
    task = make_task()
    task.waiting = Waiting()
    describe = sagemaker.describe_processing_job

    def killing(**request: Any) -> Any:
        task.killed.flip()
        return describe(**request)

    monkeypatch.setattr(sagemaker, "describe_processing_job", killing)

    with pytest.raises(StepError, match="its job was stopped"):
        task.step(context).start()
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


def test_a_deferral_carries_what_is_left_of_the_timeout(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    task = make_task()
    task.execution_timeout = timedelta(hours=1)

    with pytest.raises(DeferredError) as deferred:
        task.step(context).start()

    assert timedelta(minutes=59) < deferred.value.timeout <= timedelta(hours=1)


def test_without_deferral_it_polls_in_the_worker(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    task = make_task()
    task.waiting = Waiting(deferrable=False)
    waited: list[float] = []

    def wait(timeout: float) -> bool:
        waited.append(timeout)
        if len(waited) == 50:
            sagemaker.ending = {"ProcessingJobStatus": "Completed"}
        return False

    task.killed.wait = wait
    assert task.step(context).start()["ProcessingJobStatus"] == "Completed"
    assert max(waited) == task.waiting.poll_interval
    assert len(waited) == 50


def poll_in_worker(task: Task, context: Any, sagemaker: Any, cloudwatch: FakeLogs, *, logs: bool = True) -> None:
    """Let a job write a line in each pause, and end in the 30th."""
    sagemaker.ending = None
    task.waiting = Waiting(deferrable=False, logs=logs)
    task.connection.clients["logs"] = cloudwatch
    pauses = 0

    def wait(timeout: float) -> bool:
        nonlocal pauses
        pauses += 1
        cloudwatch.lines.setdefault("algo-1-17", []).append(f"line {pauses}")
        if pauses == 30:
            sagemaker.ending = {"ProcessingJobStatus": "Completed"}
        return False

    task.killed.wait = wait  # type: ignore[method-assign]
    task.step(context).start()


def test_what_a_job_writes_is_shown_line_by_line_while_the_worker_waits_for_it(
    make_task: Any, context: Any, sagemaker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    logs = FakeLogs()

    poll_in_worker(make_task(), context, sagemaker, logs)

    told = [message for message in caplog.messages if message.startswith("line ")]
    assert told == [f"line {number}" for number in range(1, 31)]
    assert 5 < len(logs.calls) < 40


def test_without_logs_cloudwatch_is_not_asked(make_task: Any, context: Any, sagemaker: Any) -> None:
    logs, task = FakeLogs(), make_task()

    poll_in_worker(task, context, sagemaker, logs, logs=False)

    assert logs.calls == []
    assert "logs" not in task.connection.asked


def test_a_log_that_may_not_be_read_is_one_line_and_no_failure(
    make_task: Any, context: Any, sagemaker: Any, caplog: pytest.LogCaptureFixture, client_error: Any
) -> None:
    logs = FakeLogs()
    logs.fault = client_error("AccessDeniedException", "not authorized to perform: logs:DescribeLogStreams")

    poll_in_worker(make_task(), context, sagemaker, logs)

    [line] = [message for message in caplog.messages if "CloudWatch" in message]
    assert "logs:DescribeLogStreams" in line
    assert len(logs.calls) == 1


def test_airflows_own_timeout_stops_the_job(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    task = make_task()

    def wait(timeout: float) -> bool:
        raise AirflowTaskTimeout("Timeout")

    task.killed.wait = wait
    with pytest.raises(StepTimeoutError, match="was stopped"):
        task.step(context).start()
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


def test_a_timeout_while_the_job_is_created_stops_what_may_have_been_created(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    sagemaker.ending = None
    create = sagemaker.create_processing_job

    def create_too_slowly(**request: Any) -> Any:
        create(**request)
        raise AirflowTaskTimeout("Timeout")

    sagemaker.create_processing_job = create_too_slowly
    with pytest.raises(StepTimeoutError, match="was stopped"):
        make_task().step(context).start()
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


# -- resume ------------------------------------------------------------------------------------------------------------


def test_a_resumed_step_asks_aws_and_not_the_event(deferred: Task, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    properties = deferred.step(context).resume({"status": "Failed"})

    assert properties["ProcessingJobStatus"] == "Completed"
    assert deferred.request["ProcessingJobName"] == the_job(sagemaker)["ProcessingJobName"]


def test_a_resumed_step_whose_job_still_runs_defers_again(deferred: Task, context: Any) -> None:
    with pytest.raises(DeferredError):
        deferred.step(context).resume({"status": "Completed"})


def test_what_the_triggerer_could_not_see_is_logged(
    deferred: Task, context: Any, sagemaker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    deferred.step(context).resume({"error": "DescribeProcessingJob: AccessDeniedException: no"})

    assert "The triggerer could not look at" in caplog.text
    assert "AccessDeniedException: no" in caplog.text


def test_a_deferral_whose_time_is_over_stops_the_job(deferred: Task, context: Any, sagemaker: Any) -> None:
    deferred.execution_timeout = timedelta(microseconds=1)

    with pytest.raises(StepTimeoutError):
        deferred.step(context).resume({})
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


def test_a_timed_out_deferral_stops_the_job(deferred: Task, context: Any, sagemaker: Any) -> None:
    with pytest.raises(StepTimeoutError):
        deferred.step(context).time_out()
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


def test_a_timed_out_deferral_whose_job_has_ended_takes_what_it_did(
    deferred: Task, context: Any, sagemaker: Any
) -> None:
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    assert deferred.step(context).time_out()["ProcessingJobStatus"] == "Completed"
    assert "StopProcessingJob" not in sagemaker.calls


def test_retries_that_were_edited_during_a_deferral_do_not_lose_the_job(
    deferred: Task, context: Any, sagemaker: Any
) -> None:
    context["ti"].task.retries += 1
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    assert deferred.step(context).resume({})["ProcessingJobStatus"] == "Completed"


def test_after_such_a_resume_a_dead_worker_loses_the_job_no_more(
    deferred: Task, make_task: Any, context: Any, sagemaker: Any
) -> None:
    context["ti"].task.retries += 1
    with pytest.raises(DeferredError):
        deferred.step(context).resume({})  # its job still runs
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    context["ti"].try_number = 2
    make_task().step(context).start()

    assert len(sagemaker.requests) == 1
    assert "StopProcessingJob" not in sagemaker.calls


@pytest.mark.parametrize("lost", ["record", "epoch"])
def test_a_resume_without_its_record_says_what_to_do(deferred: Task, context: Any, lost: str) -> None:
    if lost == "record":
        context["task_state_store"].texts.clear()
    else:
        context["ti"].max_tries += 1

    with pytest.raises(StepError, match="clear the task to start it afresh, and run `sm-pipelines stop-orphans`"):
        deferred.step(context).resume({})


# -- the definition was edited meanwhile -------------------------------------------------------------------------------


@pytest.fixture
def reached(sagemaker: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections with which the job of a former step is reached."""
    used: list[Any] = []
    monkeypatch.setattr(AwsConnection, "client", lambda self, service: used.append(self) or sagemaker)
    return used


def former_job(context: Any, sagemaker: Any, **members: Any) -> str:
    """A job that runs, and that the record names, although the step is of another type now."""
    record = context["task_state_store"].get(RECORD_KEY)
    connection = AwsConnection("other", "eu-west-1").as_arguments()
    context["task_state_store"].set(RECORD_KEY, {**record, "connection": connection, **members})
    return str(record["name"])


def test_a_step_of_another_type_stops_the_job_and_says_so(
    deferred: Task, context: Any, sagemaker: Any, reached: list[Any]
) -> None:
    name = former_job(context, sagemaker)
    deferred.kind = TRAINING_JOB

    with pytest.raises(StepError) as caught:
        deferred.step(context).resume({})

    assert str(caught.value) == (
        "Step Step: the definition was edited while this task waited: the step has another type now; its processing "
        f"job {name} was stopped; clear the task, or start a new run, to run the definition as it is now"
    )
    assert sagemaker.jobs[name]["ProcessingJobStatus"] == "Stopped"
    assert reached == [AwsConnection("other", "eu-west-1")]


@pytest.mark.parametrize("record", [{"digest": "d"}, {"type": "invocation", "name": "n", "submitted_at": "now"}])
def test_a_step_that_was_no_job_says_so(deferred: Task, context: Any, record: dict[str, str]) -> None:
    epoch = context["task_state_store"].get(RECORD_KEY)["epoch"]
    context["task_state_store"].set(RECORD_KEY, {"epoch": epoch, **record})

    with pytest.raises(StepError, match="the step has another type now; clear the task"):
        deferred.step(context).resume({})


@pytest.mark.parametrize("added_tries", [0, 1], ids=["crash", "clear"])
def test_a_new_try_of_another_type_stops_the_job_and_starts_its_own(
    make_task: Any, deferred: Task, context: Any, sagemaker: Any, reached: list[Any], added_tries: int
) -> None:
    name = former_job(context, sagemaker, kind="training-job")
    jobs = sagemaker.jobs
    sagemaker.describe_training_job = lambda TrainingJobName: {  # noqa: N803
        "TrainingJobName": name,
        "TrainingJobStatus": jobs[TrainingJobName]["ProcessingJobStatus"],
    }

    def stop_training_job(TrainingJobName: str) -> dict[str, str]:  # noqa: N803
        jobs[TrainingJobName]["ProcessingJobStatus"] = "Stopped"
        return {}

    sagemaker.stop_training_job = stop_training_job
    context["ti"].max_tries += added_tries
    context["ti"].try_number = 2
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    published = make_task().step(context).start()

    assert sagemaker.jobs[name]["ProcessingJobStatus"] == "Stopped"
    assert published["ProcessingJobName"] != name
    assert len(sagemaker.requests) == 2


def test_a_job_that_cannot_be_stopped_is_not_forgotten(
    deferred: Task, context: Any, sagemaker: Any, reached: list[Any], client_error: Any
) -> None:
    name = former_job(context, sagemaker)
    deferred.kind = TRAINING_JOB
    sagemaker.faults["StopProcessingJob"] = [client_error("ThrottlingException", "slowly")]

    with pytest.raises(StepFailedError, match=f"the processing job {name} may still run") as caught:
        deferred.step(context).resume({})

    assert caught.value.exception_type == "Step.THROTTLING"


# -- kill --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "removed", None, "queued"])
def test_a_killed_worker_stops_the_job_of_a_task_that_was_ended_or_cleared(
    make_task: Any, context: Any, sagemaker: Any, task_state: Any, state: str | None
) -> None:
    sagemaker.ending = None
    task_state["state"] = state
    task = make_task()
    task.killed.flipped_at_wait = 2

    with pytest.raises(StepError, match=rf"its task was ended \({state}\); its job was stopped") as caught:
        task.step(context).start()

    assert not isinstance(caught.value, StepInterruptedError)
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


@pytest.mark.parametrize("fail_fast", [True, False])
def test_a_task_that_fail_fast_has_ended_stops_its_job_instead_of_deferring(
    make_task: Any, context: Any, sagemaker: Any, ti: Any, task_state: Any, fail_fast: bool
) -> None:
    """Airflow tells neither a trigger nor a listener of it, and asks only such a DAG's tasks for one call more."""
    sagemaker.ending = None
    ti.task.dag = SimpleNamespace(fail_fast=fail_fast)
    task_state["state"] = "failed"

    with pytest.raises(StepError if fail_fast else DeferredError):
        make_task().step(context).start()

    assert the_job(sagemaker)["ProcessingJobStatus"] == ("Stopped" if fail_fast else "InProgress")


def test_a_killed_worker_leaves_the_job_of_a_running_task_to_the_next_try(
    make_task: Any, context: Any, sagemaker: Any, task_state: Any
) -> None:
    sagemaker.ending = None
    task = make_task()
    task.killed.flipped_at_wait = 2

    with pytest.raises(StepInterruptedError, match="the worker was told to end; the job goes on"):
        task.step(context).start()

    assert the_job(sagemaker)["ProcessingJobStatus"] == "InProgress"
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}
    context["ti"].try_number = 2
    assert make_task().step(context).start()["ProcessingJobStatus"] == "Completed"
    assert len(sagemaker.requests) == 1


def test_a_worker_killed_while_it_waits_for_a_leftover_creates_nothing(
    deferred: Task, context: Any, sagemaker: Any, task_state: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    context["ti"].max_tries += 4
    context["ti"].try_number = 2
    monkeypatch.setattr(sagemaker, "stop_processing_job", lambda **_: {})
    task_state["state"] = "failed"
    deferred.killed.flipped_at_wait = 1

    with pytest.raises(StepError, match=r"its task was ended \(failed\); it had created nothing"):
        deferred.step(context).start()

    assert len(sagemaker.requests) == 1


@pytest.mark.parametrize(
    ("state", "says"),
    [("failed", r"its task was ended \(failed\); it had created nothing$"), ("running", "the worker was told to end$")],
)
def test_a_worker_killed_before_it_has_a_job_creates_none(
    make_task: Any, context: Any, sagemaker: Any, task_state: Any, state: str, says: str
) -> None:
    task_state["state"] = state
    task = make_task()
    task.killed.flip()

    with pytest.raises(StepError, match=says):
        task.step(context).start()

    assert sagemaker.calls == []


# -- the log of a job that has ended -----------------------------------------------------------------------------------


def test_a_resumed_step_shows_the_last_lines_of_the_log_again_since_the_triggers_may_be_lost(
    deferred: Task, context: Any, sagemaker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    deferred.step(context).resume({"status": "Completed", "log": ["epoch 9", "epoch 10"]})

    shown = caplog.messages.index("The last lines that the job wrote while this task was deferred:")
    assert caplog.messages[shown + 1 : shown + 3] == ["epoch 9", "epoch 10"]
    assert deferred.connection.clients["logs"].calls == []


@pytest.mark.parametrize("log", [None, [], "no list"])
def test_a_resumed_step_without_such_lines_shows_none(
    deferred: Task, context: Any, sagemaker: Any, caplog: pytest.LogCaptureFixture, log: Any
) -> None:
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    deferred.step(context).resume({"status": "Completed", "log": log})

    assert "The last lines that the job wrote while this task was deferred:" not in caplog.messages
