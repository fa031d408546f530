from __future__ import annotations

from typing import Any

import pytest

from tests.scale.sagemaker_by_the_clock import REGION, ModelledError, ProcessingJobs, SageMakerByTheClock


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(clock: Clock) -> ProcessingJobs:
    return ProcessingJobs(clock)


def create(jobs: ProcessingJobs, name: str, seconds: float = 40) -> None:
    jobs.answer("CreateProcessingJob", {"ProcessingJobName": name, "Environment": {"SECONDS": str(seconds)}})


def status(jobs: ProcessingJobs, name: str) -> Any:
    return jobs.answer("DescribeProcessingJob", {"ProcessingJobName": name})["ProcessingJobStatus"]


def listed(jobs: ProcessingJobs, **query: Any) -> list[str]:
    answer = jobs.answer("ListProcessingJobs", query)
    return [one["ProcessingJobName"] for one in answer["ProcessingJobSummaries"]]


def test_a_job_runs_for_as_many_seconds_as_it_says(jobs: ProcessingJobs, clock: Clock) -> None:
    create(jobs, "job", 40)
    clock.now += 39.9
    before = status(jobs, "job")
    clock.now += 0.1

    assert (before, status(jobs, "job")) == ("InProgress", "Completed")


def test_a_stopped_job_stays_stopped(jobs: ProcessingJobs, clock: Clock) -> None:
    create(jobs, "job")
    jobs.answer("StopProcessingJob", {"ProcessingJobName": "job"})
    clock.now += 100

    assert status(jobs, "job") == "Stopped"


def test_a_description_repeats_the_request_without_its_tags(jobs: ProcessingJobs) -> None:
    request = {"ProcessingJobName": "job", "Environment": {"SECONDS": "1"}, "Tags": [{"Key": "a", "Value": "b"}]}
    jobs.answer("CreateProcessingJob", request)
    described = jobs.answer("DescribeProcessingJob", {"ProcessingJobName": "job"})

    assert described["Environment"] == {"SECONDS": "1"}
    assert "Tags" not in described
    assert jobs.answer("ListTags", {"ResourceArn": described["ProcessingJobArn"]}) == {"Tags": request["Tags"]}


@pytest.mark.parametrize(
    ("operation", "members", "code"),
    [
        ("CreateProcessingJob", {"ProcessingJobName": "job", "Environment": {"SECONDS": "1"}}, "ResourceInUse"),
        ("CreateProcessingJob", {"ProcessingJobName": "other"}, "ValidationException"),
        ("DescribeProcessingJob", {"ProcessingJobName": "other"}, "ValidationException"),
        ("StopProcessingJob", {"ProcessingJobName": "other"}, "ValidationException"),
        ("CreateTrainingJob", {}, "ValidationException"),
    ],
)
def test_what_the_service_would_refuse_is_a_modelled_error(
    jobs: ProcessingJobs, operation: str, members: dict[str, Any], code: str
) -> None:
    create(jobs, "job")

    with pytest.raises(ModelledError) as refused:
        jobs.answer(operation, members)

    assert refused.value.code == code


def test_a_job_that_has_ended_cannot_be_stopped(jobs: ProcessingJobs, clock: Clock) -> None:
    create(jobs, "job", 1)
    clock.now += 2

    with pytest.raises(ModelledError, match="has ended"):
        jobs.answer("StopProcessingJob", {"ProcessingJobName": "job"})


def test_a_list_is_filtered_and_sorted_as_asked(jobs: ProcessingJobs, clock: Clock) -> None:
    for name, seconds in (("b-1", 100), ("a-2", 1), ("b-3", 100)):
        create(jobs, name, seconds)
        clock.now += 10

    assert listed(jobs) == ["b-3", "a-2", "b-1"]
    assert listed(jobs, SortOrder="Ascending", SortBy="Name") == ["a-2", "b-1", "b-3"]
    assert listed(jobs, StatusEquals="InProgress") == ["b-3", "b-1"]
    assert listed(jobs, NameContains="b-", CreationTimeAfter=1_005.0) == ["b-3"]
    assert listed(jobs, CreationTimeBefore=1_005.0) == ["b-1"]


def test_a_list_comes_in_pages(jobs: ProcessingJobs) -> None:
    for number in range(5):
        create(jobs, f"job-{number}")
    first = jobs.answer("ListProcessingJobs", {"MaxResults": 3, "SortBy": "Name", "SortOrder": "Ascending"})
    query = {"MaxResults": 3, "SortBy": "Name", "SortOrder": "Ascending", "NextToken": first["NextToken"]}
    second = jobs.answer("ListProcessingJobs", query)

    assert [len(page["ProcessingJobSummaries"]) for page in (first, second)] == [3, 2]
    assert "NextToken" not in second


def test_calls_are_counted_by_operation_also_refused_ones(jobs: ProcessingJobs) -> None:
    create(jobs, "job")
    status(jobs, "job")
    with pytest.raises(ModelledError):
        status(jobs, "other")

    assert dict(jobs.calls) == {"CreateProcessingJob": 1, "DescribeProcessingJob": 2}


@pytest.mark.loopback
@pytest.mark.parametrize("place", ["as_local_aws", "as_sagemaker"])
def test_boto3_takes_it_for_sagemaker(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3
    from botocore.exceptions import ClientError

    with SageMakerByTheClock() as aws:
        for name, value in getattr(aws, place)().items():
            monkeypatch.setenv(name, value)
        client = boto3.session.Session().client("sagemaker")
        with pytest.raises(ClientError, match="Could not find requested job"):
            client.describe_processing_job(ProcessingJobName="absent")
        client.create_processing_job(
            ProcessingJobName="job",
            ProcessingResources={
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
            },
            AppSpecification={"ImageUri": "image"},
            RoleArn="arn:aws:iam::123456789012:role/Role",
            Environment={"SECONDS": "100"},
        )
        described = client.describe_processing_job(ProcessingJobName="job")
        client.close()

    assert described["ProcessingJobStatus"] == "InProgress"
    assert described["CreationTime"].tzinfo is not None
    assert f"sagemaker:{REGION}:" in described["ProcessingJobArn"]
