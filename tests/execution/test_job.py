"""One AWS job for one step; `test_attempt_machine` tries it against crashes, clears and moving triggers."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.jobs import Outcome
from airflow_sm_pipelines.aws.kinds import EMR_STEP, PROCESSING_JOB
from airflow_sm_pipelines.aws.requests.tags import Owner, owner_tags
from airflow_sm_pipelines.errors import StepFailedError, StepTimeoutError
from airflow_sm_pipelines.execution.attempts import AttemptBook
from airflow_sm_pipelines.execution.identity import Epoch, StepIdentity
from airflow_sm_pipelines.execution.job import JobRun
from airflow_sm_pipelines.execution.records import COUNTS_KEY, Attempt, RetryCounts, as_stored

IDENTITY = StepIdentity("Train", Owner("blue", "dag", "run", "Train"), "abcdef012345", Epoch(3, 3), 1)


class Clock:
    """Time that passes only in pauses."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)
        assert len(self.pauses) < 500, "never ends"


class FakeLogs:
    def __init__(self, lines: list[str] | Exception) -> None:
        self._lines = lines

    def describe_log_streams(self, **_: Any) -> dict[str, Any]:
        if isinstance(self._lines, Exception):
            raise self._lines
        return {"logStreams": [{"logStreamName": "algo-1"}]}

    def get_log_events(self, **_: Any) -> dict[str, Any]:
        assert isinstance(self._lines, list)
        return {"events": [{"timestamp": time, "message": line} for time, line in enumerate(self._lines)]}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_run(sagemaker: Any, context: Any, clock: Clock) -> Callable[..., JobRun]:
    def make(
        *, lines: list[str] | Exception | None = None, timeout: timedelta | None = None, **identity: Any
    ) -> JobRun:
        who = dataclasses.replace(IDENTITY, **identity)
        return JobRun(
            identity=who,
            kind=PROCESSING_JOB,
            client=sagemaker,
            logs_client=lambda: FakeLogs([] if lines is None else lines),
            book=AttemptBook(context["task_state_store"], who, PROCESSING_JOB),
            pause=clock.pause,
            log=logging.getLogger("job"),
            timeout=timeout,
            now=lambda: clock.now,
        )

    return make


@pytest.fixture
def start(sagemaker: Any) -> Callable[[JobRun], Attempt]:
    """Claim and submit, as a try does."""

    def submit(run: JobRun) -> Attempt:
        sagemaker.ending = None
        attempt, seen = run.claim()
        assert seen is None
        return run.submit(attempt, {"ProcessingJobName": attempt.name, "Tags": owner_tags(IDENTITY.owner)})

    return submit


@pytest.fixture
def grant(context: Any) -> Callable[[Attempt], None]:
    """Grant a retry after an attempt, as a step's retry policy does."""

    def write(attempt: Attempt) -> None:
        counts = RetryCounts(attempt.epoch, (1,), after=attempt.failures)
        context["task_state_store"].set(COUNTS_KEY, as_stored(counts))

    return write


def ends(sagemaker: Any, attempt: Attempt, status: str, **members: Any) -> None:
    sagemaker.jobs[attempt.name].update({"ProcessingJobStatus": status, **members})


# -- claim -------------------------------------------------------------------------------------------------------------


def test_the_first_try_opens_an_attempt_without_asking_aws(make_run: Any, sagemaker: Any) -> None:
    _, seen = make_run().claim()

    assert seen is None
    assert sagemaker.calls == []


def test_a_try_after_a_crash_finds_the_job(make_run: Any, start: Any) -> None:
    first = start(make_run())

    attempt, seen = make_run(try_number=2).claim()

    assert attempt == first
    assert seen.outcome is Outcome.RUNNING


def test_a_try_after_a_clear_stops_the_leftover_and_waits_for_its_end(
    make_run: Any, start: Any, sagemaker: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(make_run())

    def stop(ProcessingJobName: str) -> dict[str, Any]:  # noqa: N803
        sagemaker.jobs[ProcessingJobName]["ProcessingJobStatus"] = "Stopping"
        return {}

    def pause(seconds: float) -> None:
        clock.pauses.append(seconds)
        if len(clock.pauses) == 3:
            sagemaker.jobs[first.name]["ProcessingJobStatus"] = "Stopped"

    monkeypatch.setattr(sagemaker, "stop_processing_job", stop)
    monkeypatch.setattr(clock, "pause", pause)
    attempt, seen = make_run(epoch=Epoch(7, 3), try_number=2).claim()

    assert (attempt.name != first.name, seen) == (True, None)
    assert len(clock.pauses) == 3


def test_a_leftover_that_is_stopping_already_is_waited_for(
    make_run: Any, start: Any, sagemaker: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(make_run())
    ends(sagemaker, first, "Stopping")
    monkeypatch.setattr(clock, "pause", lambda _: ends(sagemaker, first, "Stopped"))

    make_run(epoch=Epoch(7, 3), try_number=2).claim()

    assert "StopProcessingJob" not in sagemaker.calls
    assert sagemaker.jobs[first.name]["ProcessingJobStatus"] == "Stopped"


def test_a_try_after_a_timeout_waits_for_the_end_of_the_job_that_was_stopped(
    make_run: Any,
    start: Any,
    sagemaker: Any,
    context: Any,
    clock: Clock,
    grant: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = start(make_run())
    grant(first)
    monkeypatch.setattr(sagemaker, "stop_processing_job", lambda **_: ends(sagemaker, first, "Stopping") or {})
    with pytest.raises(StepTimeoutError):
        make_run().time_out(first)

    def pause(seconds: float) -> None:
        clock.pauses.append(seconds)
        assert AttemptBook(context["task_state_store"], IDENTITY, PROCESSING_JOB).read().name == first.name  # type: ignore[union-attr]
        if len(clock.pauses) == 3:
            ends(sagemaker, first, "Stopped")

    monkeypatch.setattr(clock, "pause", pause)
    attempt, seen = make_run(try_number=2).claim()

    assert (attempt.failures, seen) == (1, None)
    assert len(clock.pauses) == 3


def test_a_try_after_a_failure_only_looks_at_the_job_that_failed(
    make_run: Any, start: Any, sagemaker: Any, clock: Clock, grant: Any
) -> None:
    run = make_run()
    first = start(run)
    ends(sagemaker, first, "Failed")
    run.close(first)
    grant(first)
    sagemaker.calls.clear()

    attempt, seen = make_run(try_number=2).claim()

    assert sagemaker.calls == ["DescribeProcessingJob"]
    assert clock.pauses == []
    assert (attempt.failures, seen) == (1, None), "a closed attempt is not adopted"
    assert attempt.name != first.name


def test_a_failure_that_airflow_did_not_hear_of_is_told_again(
    make_run: Any, start: Any, sagemaker: Any, grant: Any
) -> None:
    run = make_run()
    first = start(run)
    ends(sagemaker, first, "Failed")
    run.close(first)

    attempt, seen = make_run(try_number=2).claim()

    assert attempt == dataclasses.replace(first, closed=True)
    assert seen.outcome is Outcome.FAILED
    assert len(sagemaker.jobs) == 1

    grant(first)
    second, seen = make_run(try_number=3).claim()
    assert (second.failures, seen) == (1, None)


def test_each_failure_needs_a_retry_of_its_own(make_run: Any, start: Any, sagemaker: Any, grant: Any) -> None:
    run = make_run()
    first = start(run)
    ends(sagemaker, first, "Failed")
    run.close(first)
    grant(first)
    run = make_run(try_number=2)
    second = start(run)
    ends(sagemaker, second, "Failed")
    run.close(second)

    assert make_run(try_number=3).claim()[0].name == second.name


def test_nothing_is_asked_about_a_resource_that_cannot_be_stopped(
    make_run: Any, start: Any, sagemaker: Any, grant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    first = start(run)
    run.close(first)
    grant(first)
    sagemaker.calls.clear()
    again = make_run(try_number=2)
    monkeypatch.setattr(again, "_kind", dataclasses.replace(PROCESSING_JOB, stop=""))

    again.claim()

    assert sagemaker.calls == []


def test_a_lost_record_is_made_up_for_by_the_tags(make_run: Any, start: Any, sagemaker: Any, context: Any) -> None:
    first = start(make_run())
    other = first.name.replace("-0", "-9")
    sagemaker.create_processing_job(
        ProcessingJobName=other, Tags=owner_tags(dataclasses.replace(IDENTITY.owner, map_index=1))
    )
    context["task_state_store"].texts.clear()

    make_run(epoch=Epoch(7, 3), try_number=2).claim()

    assert sagemaker.jobs[first.name]["ProcessingJobStatus"] == "Stopped"
    assert sagemaker.jobs[other]["ProcessingJobStatus"] == "InProgress"


@pytest.mark.parametrize("operation", ["ListProcessingJobs", "ListTags", "StopProcessingJob", "DescribeProcessingJob"])
def test_no_new_job_beside_a_leftover_that_cannot_be_stopped(
    make_run: Any, start: Any, sagemaker: Any, context: Any, client_error: Any, operation: str
) -> None:
    start(make_run())
    context["task_state_store"].texts.clear()
    sagemaker.faults[operation] = [client_error("ThrottlingException", "Rate exceeded") for _ in range(9)]

    with pytest.raises(StepFailedError, match=f"AWS refused {operation}: ThrottlingException: Rate exceeded") as caught:
        make_run(epoch=Epoch(7, 3), try_number=2).claim()

    assert caught.value.exception_type == "Step.THROTTLING"
    assert context["task_state_store"].texts == {}


# -- submit ------------------------------------------------------------------------------------------------------------


def test_where_the_job_will_be_found_is_written_down_before_it_is_created(
    make_run: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    monkeypatch.setattr(run, "_kind", EMR_STEP)
    attempt, _ = run.claim()
    book, recorded = AttemptBook(context["task_state_store"], IDENTITY, EMR_STEP), []

    def create(*_: Any) -> jobs.Creation:
        recorded.append(book.read())
        return jobs.Creation(True, "j-1/s-1")

    monkeypatch.setattr(jobs, "create", create)
    run.submit(attempt, {"JobFlowId": "j-1"})

    assert [last.reference for last in recorded if last] == [f"j-1/{attempt.name}"]


def test_the_time_of_the_submission_is_written_once(make_run: Any, start: Any, clock: Clock) -> None:
    run = make_run()
    attempt = start(run)
    clock.pause(60)

    assert run.submitted(attempt).submitted_at == attempt.submitted_at == "2026-01-02T03:04:05+00:00"


def test_the_arn_that_create_answers_is_written_down_with_the_submission(
    make_run: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    attempt, _ = run.claim()
    arn = f"arn:aws:sagemaker:us-west-2:123456789012:processing-job/{attempt.name}"
    monkeypatch.setattr(jobs, "create", lambda *_: jobs.Creation(True, attempt.reference, arn))
    run.submit(attempt, {})
    last = AttemptBook(context["task_state_store"], IDENTITY, PROCESSING_JOB).read()
    assert last is not None
    assert (last.arn, bool(last.submitted_at)) == (arn, True)


def test_a_refused_create_has_sagemakers_type_and_leaves_the_attempt_open(
    make_run: Any, start: Any, sagemaker: Any, client_error: Any
) -> None:
    sagemaker.faults["CreateProcessingJob"] = [client_error("ResourceLimitExceeded", "The limit is 0")]

    with pytest.raises(StepFailedError) as caught:
        start(make_run())

    assert str(caught.value) == ("Step Train: AWS refused CreateProcessingJob: ResourceLimitExceeded: The limit is 0")
    assert caught.value.exception_type == "SageMaker.RESOURCE_LIMIT"
    again, seen = make_run(try_number=2).claim()
    assert (again.closed, again.submitted_at, seen) == (False, "", None)


# -- wait --------------------------------------------------------------------------------------------------------------


def test_a_wait_ends_with_the_job(make_run: Any, start: Any, sagemaker: Any) -> None:
    run = make_run()
    attempt = start(run)
    ends(sagemaker, attempt, "Completed")

    seen = run.wait(attempt, 10.0, 2.0)

    assert seen is not None
    assert seen.outcome is Outcome.SUCCEEDED


def test_a_wait_stays_within_its_budget(make_run: Any, start: Any, clock: Clock) -> None:
    run = make_run()

    assert run.wait(start(run), 10.0, 2.0) is None
    assert clock.pauses == [0.5, 0.75, 1.125, 1.6875, 2.0, 2.0]
    assert sum(clock.pauses) <= 10


def test_without_a_budget_it_waits_as_long_as_the_job_takes(
    make_run: Any, start: Any, sagemaker: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    attempt = start(run)

    def pause(seconds: float) -> None:
        clock.pauses.append(seconds)
        if len(clock.pauses) == 300:
            ends(sagemaker, attempt, "Completed")

    run._pause = pause
    seen = run.wait(attempt, None, 30.0)

    assert seen is not None
    assert max(clock.pauses) == 30.0
    assert sum(clock.pauses) > 8000


def test_a_status_is_logged_on_change_only(
    make_run: Any, start: Any, sagemaker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run()
    with caplog.at_level(logging.INFO, "job"):
        attempt = start(run)
        run.wait(attempt, 10.0, 2.0)
        ends(sagemaker, attempt, "Completed")
        run.wait(attempt, 10.0, 2.0)

    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"Created processing job {attempt.name}",
        "Processing job: InProgress",
        "Processing job: Completed",
    ]


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("InternalFailure", 500)])
def test_a_throttled_or_failing_poll_is_no_failure_of_the_job(
    make_run: Any, start: Any, sagemaker: Any, client_error: Any, code: str, status: int
) -> None:
    run = make_run()
    attempt = start(run)
    sagemaker.faults["DescribeProcessingJob"] = [client_error(code, "", status) for _ in range(3)]
    ends(sagemaker, attempt, "Completed")

    seen = run.wait(attempt, 10.0, 2.0)

    assert seen is not None
    assert seen.outcome is Outcome.SUCCEEDED


def test_a_poll_refused_for_good_says_that_the_job_may_still_run(
    make_run: Any, start: Any, sagemaker: Any, client_error: Any
) -> None:
    run = make_run()
    attempt = start(run)
    sagemaker.faults["DescribeProcessingJob"] = [client_error("AccessDeniedException", "no")]

    with pytest.raises(StepFailedError, match=f"{attempt.name} may still run, a new try will find it") as caught:
        run.wait(attempt, 10.0, 2.0)

    assert caught.value.job == attempt.name
    assert make_run(try_number=2).claim()[0] == attempt


def test_a_new_job_may_take_a_minute_to_be_visible(make_run: Any, start: Any, sagemaker: Any, clock: Clock) -> None:
    run = make_run()
    attempt = start(run)
    sagemaker.jobs.clear()
    clock.pause(60)

    assert run.look(attempt) is None


def test_a_job_that_vanished_fails_and_the_next_try_makes_another(
    make_run: Any, start: Any, sagemaker: Any, clock: Clock
) -> None:
    run = make_run()
    attempt = start(run)
    sagemaker.jobs.clear()
    clock.pause(61)

    with pytest.raises(StepFailedError, match=f"the processing job {attempt.name} does not exist any more"):
        run.look(attempt)

    assert make_run(try_number=2).claim()[0].name != attempt.name


def test_what_is_in_the_way_is_waited_for(
    make_run: Any, sagemaker: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [None, None, jobs.Creation(True, "shop")]
    monkeypatch.setattr(jobs, "create", lambda *_: answers.pop(0))
    run = make_run()
    attempt, _ = run.claim()

    assert run.submit(attempt, {}).reference == "shop"
    assert len(clock.pauses) == 2


def test_a_type_that_the_kind_does_not_retry_is_none(
    make_run: Any, start: Any, sagemaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    attempt = start(run)
    ends(sagemaker, attempt, "Failed", FailureReason="InternalServerError: We encountered an internal error")
    seen = run.look(attempt)
    assert run.conclude_failure(attempt, seen).exception_type == "SageMaker.JOB_INTERNAL_ERROR"

    unretried = dataclasses.replace(PROCESSING_JOB, unretried=frozenset({"SageMaker.JOB_INTERNAL_ERROR"}))
    monkeypatch.setattr(run, "_kind", unretried)

    assert run.conclude_failure(attempt, seen).exception_type is None


# -- timeout -----------------------------------------------------------------------------------------------------------


def test_a_job_that_takes_too_long_is_stopped(
    make_run: Any, start: Any, sagemaker: Any, clock: Clock, grant: Any
) -> None:
    run = make_run(timeout=timedelta(seconds=90))
    attempt = start(run)

    with pytest.raises(StepTimeoutError, match=r"took longer than execution_timeout \(0:01:30\) and was stopped"):
        run.wait(attempt, None, 30.0)

    assert 90 <= sum(clock.pauses) <= 120
    assert sagemaker.jobs[attempt.name]["ProcessingJobStatus"] == "Stopped"
    grant(attempt)
    assert make_run(try_number=2).claim()[0].name != attempt.name


def test_the_timeout_counts_from_the_submission_in_every_process(make_run: Any, start: Any, clock: Clock) -> None:
    attempt = start(make_run(timeout=timedelta(seconds=90)))
    clock.pause(60)
    run = make_run(timeout=timedelta(seconds=90))

    assert run.remaining(attempt) == timedelta(seconds=30)
    clock.pause(60)
    assert run.remaining(attempt) == timedelta(0)
    assert make_run().remaining(attempt) is None


def test_a_job_that_ended_in_time_is_not_timed_out(make_run: Any, start: Any, sagemaker: Any, clock: Clock) -> None:
    run = make_run(timeout=timedelta(seconds=90))
    attempt = start(run)
    clock.pause(1000)
    ends(sagemaker, attempt, "Completed")

    assert run.wait(attempt, None, 30.0).outcome is Outcome.SUCCEEDED


def test_a_timed_out_job_that_cannot_be_stopped_stays_recorded(
    make_run: Any, start: Any, sagemaker: Any, client_error: Any
) -> None:
    run = make_run(timeout=timedelta(seconds=90))
    attempt = start(run)
    sagemaker.faults["StopProcessingJob"] = [client_error("AccessDeniedException", "no")]

    with pytest.raises(StepFailedError, match="AWS refused StopProcessingJob: AccessDeniedException: no"):
        run.time_out(attempt)

    assert make_run(try_number=2).claim()[0] == attempt


# -- outcome -----------------------------------------------------------------------------------------------------------


def test_a_failure_tells_job_state_reason_type_and_the_last_log_lines(
    make_run: Any, start: Any, sagemaker: Any, grant: Any
) -> None:
    run = make_run(lines=["Traceback", "ValueError: no data"])
    attempt = start(run)
    ends(sagemaker, attempt, "Failed", FailureReason="InternalServerError: We encountered an internal error.")

    failure = run.conclude_failure(attempt, run.look(attempt))

    assert str(failure) == (
        f"Step Train: the processing job {attempt.name} ended Failed: "
        "InternalServerError: We encountered an internal error.\n"
        "last lines of its log:\n    Traceback\n    ValueError: no data"
    )
    assert failure.exception_type == "SageMaker.JOB_INTERNAL_ERROR"
    assert failure.job == attempt.name
    grant(attempt)
    assert make_run(try_number=2).claim()[0].name != attempt.name


def test_a_job_without_a_reason_or_a_log(make_run: Any, start: Any, sagemaker: Any) -> None:
    run = make_run()
    attempt = start(run)
    ends(sagemaker, attempt, "Stopped")

    failure = run.conclude_failure(attempt, run.look(attempt))

    assert str(failure) == (
        f"Step Train: the processing job {attempt.name} ended Stopped: AWS does not say who stopped it; this task did "
        "not. CloudTrail records calls of StopProcessingJob"
    )
    assert failure.exception_type is None


def test_a_failed_job_without_a_reason(make_run: Any, start: Any, sagemaker: Any) -> None:
    run = make_run()
    attempt = start(run)
    ends(sagemaker, attempt, "Failed")

    failure = run.conclude_failure(attempt, run.look(attempt))

    assert str(failure) == f"Step Train: the processing job {attempt.name} ended Failed: AWS gives no reason"


def test_a_log_that_cannot_be_read_does_not_hide_the_failure(
    make_run: Any, start: Any, sagemaker: Any, client_error: Any
) -> None:
    run = make_run(lines=client_error("AccessDeniedException", "no logs for you"))
    attempt = start(run)
    ends(sagemaker, attempt, "Failed", FailureReason="AlgorithmError")

    message = str(run.conclude_failure(attempt, run.look(attempt)))

    assert "ended Failed: AlgorithmError" in message
    assert "(cannot read the log: DescribeLogStreams: AccessDeniedException: no logs for you)" in message


def test_stop_tells_whether_there_was_something_to_stop(make_run: Any, start: Any) -> None:
    run = make_run()
    attempt = start(run)

    assert run.stop(attempt) is True
    assert run.stop(attempt) is False


# -- what the log says -------------------------------------------------------------------------------------------------


def test_the_errors_of_a_failed_jobs_log_come_first_and_the_summary_after_them(
    make_run: Any, start: Any, sagemaker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run(lines=["ValueError: no data", *(f"line {number}" for number in range(30))])
    attempt = start(run)
    ends(sagemaker, attempt, "Failed")
    caplog.clear()

    message = str(run.conclude_failure(attempt, run.look(attempt)))

    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [f"Errors in the log of {attempt.name}:", "ValueError: no data"]
    assert caplog.messages.index(errors[0]) < caplog.messages.index(f"Summary of the processing job {attempt.name}")
    assert "\nerrors in its log:\n    ValueError: no data\nlast lines of its log:\n    line 10\n" in message


def test_a_change_of_the_state_within_the_state_is_told_once(
    make_run: Any, start: Any, sagemaker: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    attempt = start(run)
    told = iter(["Starting", "Starting", "Training"])
    monkeypatch.setattr(
        "airflow_sm_pipelines.execution.job.state_in_words", lambda *_: f"InProgress, {next(told)}", raising=True
    )
    caplog.clear()

    for _ in range(3):
        run.look(attempt)

    assert caplog.messages == ["Processing job: InProgress, Starting", "Processing job: InProgress, Training"]
