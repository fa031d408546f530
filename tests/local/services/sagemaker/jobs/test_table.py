from __future__ import annotations

import pytest

from airflow_sm_pipelines.local.jobs.runner import JobResult
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import (
    JobExistsError,
    JobStatus,
    JobTable,
    SecondaryStatus,
)
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceKey

KEY = ResourceKey("processing-job", "us-west-2", "etl")


@pytest.fixture
def table():
    table = JobTable()
    table.create(KEY, {"ProcessingJobName": "etl"})
    return table


def end(table, *, stopped=False, failure_reason=None, exit_message=None):
    table.end(KEY, JobResult(stopped=stopped, failure_reason=failure_reason, exit_message=exit_message))
    return table.find(KEY)


def test_a_new_job_is_in_progress(table):
    job = table.find(KEY)
    assert job.status is JobStatus.IN_PROGRESS
    assert job.creation_time == job.last_modified_time
    assert (job.start_time, job.end_time) == (None, None)


def test_names_are_unique_for_kind_and_region(table):
    with pytest.raises(JobExistsError, match=":processing-job/etl"):
        table.create(KEY, {})
    table.create(ResourceKey("processing-job", "eu-west-1", "etl"), {})
    table.create(ResourceKey("training-job", "us-west-2", "etl"), {})
    assert len(table.jobs("processing-job", "us-west-2")) == 1


def test_a_job_that_ends_well_is_completed(table):
    table.enter(KEY, SecondaryStatus.TRAINING)
    job = end(table, exit_message="bye")
    assert (job.status, job.exit_message) == (JobStatus.COMPLETED, "bye")
    assert job.creation_time <= job.start_time <= job.end_time <= job.last_modified_time


def test_a_job_with_a_failure_reason_is_failed_and_the_reason_fits_the_api(table):
    job = end(table, failure_reason="x" * 2000)
    assert (job.status, job.failure_reason) == (JobStatus.FAILED, "x" * 1024)


def test_a_job_goes_through_stopping_to_stopped(table):
    assert table.stop(KEY).status is JobStatus.IN_PROGRESS
    assert table.find(KEY).status is JobStatus.STOPPING
    assert end(table, stopped=True).status is JobStatus.STOPPED


def test_a_job_that_ends_while_stopping_is_stopped_however_it_ended(table):
    table.stop(KEY)
    job = end(table, failure_reason="AlgorithmError: , exit code: 1")
    assert (job.status, job.failure_reason) == (JobStatus.STOPPED, None)


def test_a_job_that_ends_with_the_local_aws_is_stopped(table):
    assert end(table, stopped=True).status is JobStatus.STOPPED


def test_stop_does_not_touch_a_job_that_has_ended(table):
    ended = end(table)
    assert table.stop(KEY) == ended == table.find(KEY)


def test_counts_are_by_state(table):
    assert table.count()["InProgress"] == 1
    end(table)
    counts = table.count()
    assert (counts["InProgress"], counts["Completed"]) == (0, 1)


def test_arns_of_jobs_are_known(table):
    assert table.arn_exists("arn:aws:sagemaker:us-west-2:123456789012:processing-job/etl")
    assert not table.arn_exists("arn:aws:sagemaker:us-west-2:123456789012:processing-job/other")


def test_a_jobs_history_has_no_gaps(table):
    table.enter(KEY, SecondaryStatus.DOWNLOADING)
    table.enter(KEY, SecondaryStatus.TRAINING)
    job = end(table)
    assert [row.status.value for row in job.transitions] == ["Starting", "Downloading", "Training", "Completed"]
    for row, following in zip(job.transitions, job.transitions[1:], strict=False):
        assert row.end_time == following.start_time
    assert job.transitions[-1].end_time is not None


def test_a_job_that_is_stopping_says_so_until_its_end(table):
    table.stop(KEY)
    table.enter(KEY, SecondaryStatus.UPLOADING)
    assert table.find(KEY).transitions[-1].status is SecondaryStatus.STOPPING
    assert end(table).transitions[-1].status is SecondaryStatus.STOPPED


def test_a_job_that_exceeds_its_time_says_so(table):
    table.stop(KEY)
    table.end(KEY, JobResult(stopped=True, timed_out=True))
    job = table.find(KEY)
    assert (job.status, job.transitions[-1].status) == (JobStatus.STOPPED, SecondaryStatus.MAX_RUNTIME_EXCEEDED)


def test_a_job_that_ran_when_its_server_died_fails_with_an_internal_server_error(table):
    records = {KEY: table.find(KEY)}
    job = JobTable(records).find(KEY)
    assert job.status is JobStatus.FAILED
    assert job.failure_reason.startswith("InternalServerError: We encountered an internal error.")
    assert job.end_time is not None
    assert records[KEY] == job
