from __future__ import annotations

import pytest

from airflow_sm_pipelines.local.sagemaker.job_table import JobExistsError, JobKey, JobStatus, JobTable

KEY = JobKey("processing-job", "us-west-2", "etl")


@pytest.fixture
def table():
    table = JobTable()
    table.create(KEY, {"ProcessingJobName": "etl"})
    return table


def end(table, *, stopped=False, failure_reason=None, exit_message=None):
    table.end(KEY, stopped=stopped, failure_reason=failure_reason, exit_message=exit_message)
    return table.find(KEY)


def test_a_new_job_is_in_progress(table):
    job = table.find(KEY)
    assert job.status is JobStatus.IN_PROGRESS
    assert job.creation_time == job.last_modified_time
    assert (job.start_time, job.end_time) == (None, None)


def test_names_are_unique_for_kind_and_region(table):
    with pytest.raises(JobExistsError, match=":processing-job/etl"):
        table.create(KEY, {})
    table.create(JobKey("processing-job", "eu-west-1", "etl"), {})
    table.create(JobKey("training-job", "us-west-2", "etl"), {})
    assert len(table.jobs("processing-job", "us-west-2")) == 1


def test_a_job_that_ends_well_is_completed(table):
    table.start(KEY)
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
