from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.services.sagemaker.jobs.operations import list_jobs
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, JobStatus
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceKey

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STATES = [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.IN_PROGRESS]


def job_of(name, minute=0, status=JobStatus.COMPLETED):
    created = NOON + timedelta(minutes=minute)
    key = ResourceKey("processing-job", "us-west-2", name)
    return Job(key, {}, status, creation_time=created, last_modified_time=created + timedelta(hours=1))


JOBS = [job_of(name, minute, STATES[minute % 3]) for minute, name in enumerate(["delta", "alpha", "echo", "bravo"])]


def names(jobs=JOBS, order="Ascending", **request):
    page, token = list_jobs(jobs, request, default_order=order)
    assert token is None
    return [job.key.name for job in page]


def test_the_default_order_is_by_creation():
    assert names() == ["delta", "alpha", "echo", "bravo"]
    assert names(order="Descending") == ["bravo", "echo", "alpha", "delta"]


@pytest.mark.parametrize(
    ("request_members", "expected"),
    [
        ({"SortBy": "Name"}, ["alpha", "bravo", "delta", "echo"]),
        ({"SortBy": "Name", "SortOrder": "Descending"}, ["echo", "delta", "bravo", "alpha"]),
        ({"SortBy": "Status"}, ["bravo", "delta", "alpha", "echo"]),
        ({"NameContains": "lt"}, ["delta"]),
        ({"StatusEquals": "Failed"}, ["alpha"]),
        ({"CreationTimeAfter": NOON.timestamp() + 60}, ["echo", "bravo"]),
        ({"CreationTimeBefore": NOON.timestamp() + 60}, ["delta"]),
        ({"LastModifiedTimeAfter": NOON.timestamp() + 3600 + 60}, ["echo", "bravo"]),
        ({"LastModifiedTimeBefore": NOON.timestamp() + 3600 + 60}, ["delta"]),
        ({"StatusEquals": "Completed", "NameContains": "r"}, ["bravo"]),
    ],
)
def test_filters_and_orders(request_members, expected):
    assert names(**request_members) == expected


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("sort_by", ["Name", "CreationTime", "Status"])
def test_pages_together_are_the_whole_list(sort_by, order):
    request = {"SortBy": sort_by, "SortOrder": order, "MaxResults": 1}
    found, token = [], None
    while True:
        page, token = list_jobs(JOBS, {**request, "NextToken": token}, default_order="Ascending")
        found += page
        if token is None:
            break
    whole, _ = list_jobs(JOBS, {"SortBy": sort_by, "SortOrder": order}, default_order="Ascending")
    assert found == whole


def test_jobs_created_between_two_pages_neither_repeat_nor_hide_others():
    request = {"SortBy": "Name", "MaxResults": 2}
    page, token = list_jobs(JOBS, request, default_order="Ascending")
    assert [job.key.name for job in page] == ["alpha", "bravo"]
    more = [*JOBS, job_of("aardvark"), job_of("charlie")]
    page, _ = list_jobs(more, {**request, "NextToken": token}, default_order="Ascending")
    assert [job.key.name for job in page] == ["charlie", "delta"]


def test_a_page_has_ten_jobs_if_not_asked_otherwise():
    jobs = [job_of(f"job-{number}", number) for number in range(11)]
    page, token = list_jobs(jobs, {}, default_order="Ascending")
    assert (len(page), token is None) == (10, False)


def test_training_jobs_are_taken_first_and_filtered_by_their_state_afterwards():
    """API reference, ListTrainingJobs: StatusEquals together with MaxResults."""
    late = frozenset({"StatusEquals"})
    request, found = {"SortBy": "Name", "StatusEquals": "Completed", "MaxResults": 1}, []
    while True:
        page, token = list_jobs(JOBS, request, default_order="Ascending", page_filters=late)
        found.append([job.key.name for job in page])
        if token is None:
            break
        request["NextToken"] = token
    assert found == [[], ["bravo"], ["delta"], []]


@pytest.mark.parametrize("token", ["nonsense", "e30=", "W10=", "WzEsMl0="])
def test_a_foreign_token_is_refused(token):
    with pytest.raises(AwsError, match="Invalid NextToken"):
        list_jobs(JOBS, {"NextToken": token}, default_order="Ascending")


def test_listing_through_the_api(bench):
    for name in ("list-c", "list-a", "list-b"):
        bench.run(name, ["true"] if name != "list-a" else ["false"])
    pages = bench.sagemaker.get_paginator("list_processing_jobs").paginate(
        NameContains="list-", SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 2}
    )
    summaries = [[job["ProcessingJobName"] for job in page["ProcessingJobSummaries"]] for page in pages]
    assert summaries == [["list-c", "list-b"], ["list-a"]]
    [failed] = bench.sagemaker.list_processing_jobs(StatusEquals="Failed")["ProcessingJobSummaries"]
    assert failed["FailureReason"] == "AlgorithmError: , exit code: 1"
    assert failed["ProcessingEndTime"] >= failed["CreationTime"]
    recent = bench.sagemaker.list_processing_jobs(CreationTimeAfter=datetime.now(UTC) - timedelta(minutes=5))
    assert len(recent["ProcessingJobSummaries"]) == 3


def test_a_filter_that_is_not_supported_is_refused(bench):
    with pytest.raises(bench.sagemaker.exceptions.ClientError, match="does not support WarmPoolStatusEquals of List"):
        bench.sagemaker.list_training_jobs(WarmPoolStatusEquals="InUse")
