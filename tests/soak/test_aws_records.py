"""What the local AWS tells of the jobs of a soak."""

from __future__ import annotations

import time
from typing import Any

import pytest

from airflow_sm_pipelines.aws.requests.tags import Owner, owner_tags
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.soak.aws_records import AwsRecords, stop_times
from tests.soak.history import LIVE, STOPPED, SUCCEEDED, StepKey
from tests.soak.sleeping_jobs import Chance, SleepingJobs

TAGS = owner_tags(Owner("d1", "soaked", "r1-0", "Train"))
STEP = StepKey("east", "r1-0", "Train")


def call(operation: str, moment: float, *, executed: bool = True) -> dict[str, Any]:
    return {"operation": operation, "job_name": "job", "time": moment, "executed": executed}


def test_a_job_is_stopped_by_the_first_call_that_took_effect() -> None:
    calls = [
        call("StopTrainingJob", 3.0),
        call("StopTrainingJob", 2.0),
        call("StopTrainingJob", 1.0, executed=False),
        call("DescribeTrainingJob", 0.5),
    ]
    assert stop_times(calls) == {"job": 2.0}


class Hasty(Chance):
    def seconds(self) -> float:
        return 0.3


@pytest.mark.loopback
def test_jobs_are_read_with_step_execution_times_and_end() -> None:
    with LocalAws(stand_in=SleepingJobs(chance=Hasty(0))) as aws:
        began, client = time.time(), aws.client("sagemaker")
        for token in ("aaaaaaaaaa", "bbbbbbbbbb"):
            client.create_training_job(
                TrainingJobName=f"pipelines-execution001-Train-{token}-0",
                AlgorithmSpecification={"TrainingImage": "image", "TrainingInputMode": "File"},
                RoleArn="arn:aws:iam::123456789012:role/SageMakerRole",
                OutputDataConfig={"S3OutputPath": "s3://soak/models"},
                ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                StoppingCondition={"MaxRuntimeInSeconds": 60},
                Tags=TAGS,
            )
        client.stop_training_job(TrainingJobName="pipelines-execution001-Train-bbbbbbbbbb-0")
        records, deadline = AwsRecords(aws, {"d1": "east"}), time.monotonic() + 60
        jobs = records.jobs(began - 1, records.calls())
        while any(job.state == LIVE for job in jobs):
            assert time.monotonic() < deadline
            time.sleep(0.2)
            jobs = records.jobs(began - 1, records.calls())
        first, second = sorted(jobs, key=lambda job: job.name)
    assert (first.step, first.execution, first.state) == (STEP, "execution001", SUCCEEDED)
    assert first.ended is not None
    assert first.ended - first.created >= 0.3
    assert first.stopped is None
    assert second.state == STOPPED
    assert second.stopped is not None
