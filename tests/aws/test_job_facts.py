"""What people ask about a job, read from its Describe response."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest

from airflow_sm_pipelines.aws.job_facts import PLACES, facts_of, phases_of, state_in_words
from airflow_sm_pipelines.aws.kinds import (
    AUTO_ML_JOB,
    EMR_STEP,
    PROCESSING_JOB,
    RESOURCE_KINDS,
    TRAINING_JOB,
    TUNING_JOB,
)
from airflow_sm_pipelines.aws.kinds.emr import EMR_SERVERLESS_JOB
from airflow_sm_pipelines.aws.kinds.sagemaker import MODEL_CUSTOMIZATION_JOB, MODEL_PACKAGE
from airflow_sm_pipelines.aws.properties import plain_properties

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


TRAINING: dict[str, Any] = {
    "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/t",
    "TrainingJobStatus": "Completed",
    "SecondaryStatus": "Completed",
    "CreationTime": BEGAN,
    "TrainingStartTime": after(100),
    "TrainingEndTime": after(160),
    "BillableTimeInSeconds": 58,
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30},
    "ModelArtifacts": {"S3ModelArtifacts": "s3://b/model.tar.gz"},
    "FinalMetricDataList": [{"MetricName": "validation:rmse", "Value": 2.5, "Timestamp": after(150)}],
    "SecondaryStatusTransitions": [
        {"Status": "Pending", "StartTime": BEGAN, "EndTime": after(30), "StatusMessage": "Waiting for capacity"},
        {"Status": "Starting", "StartTime": after(30), "EndTime": after(100), "StatusMessage": "Preparing"},
        {"Status": "Training", "StartTime": after(100), "EndTime": after(160), "StatusMessage": "In progress"},
        {"Status": "Completed", "StartTime": after(160), "StatusMessage": "Training job completed"},
    ],
}


def test_every_kind_has_a_row() -> None:
    assert PLACES.keys() == RESOURCE_KINDS.keys()


def places() -> Iterator[tuple[str, str]]:
    for key, row in PLACES.items():
        for field in dataclasses.fields(row):
            value = getattr(row, field.name)
            for place in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
                if place:
                    yield key, place


@pytest.mark.newest
@pytest.mark.parametrize(("key", "place"), [*places()])
def test_every_place_exists_in_the_response_that_botocore_describes(key: str, place: str) -> None:
    kind = RESOURCE_KINDS[key]
    # A cluster publishes the properties of its only step.
    service, describe = (kind.service, kind.describe) if key != "emr-cluster" else (EMR_STEP.service, EMR_STEP.describe)
    shape: Any = botocore.session.get_session().get_service_model(service).operation_model(describe).output_shape
    shape = shape.members["Step"] if describe == EMR_STEP.describe else shape

    for member in place.split("."):
        shape = shape.members[member.removesuffix("[]")]
        if member.endswith("[]"):
            assert shape.type_name == "list"
            shape = shape.member


def test_the_time_before_the_machines_are_there_is_provisioning_apart_from_waiting_for_capacity() -> None:
    facts = facts_of(TRAINING_JOB, TRAINING)

    assert (facts.waiting, facts.provisioning, facts.running, facts.billable) == (30, 70, 60, 58)


def test_the_facts_are_the_same_from_what_a_step_publishes() -> None:
    assert facts_of(TRAINING_JOB, plain_properties(TRAINING)) == facts_of(TRAINING_JOB, TRAINING)
    assert phases_of(TRAINING_JOB, plain_properties(TRAINING)) == phases_of(TRAINING_JOB, TRAINING)


def test_a_training_job_tells_its_machines_its_model_and_its_metrics() -> None:
    facts = facts_of(TRAINING_JOB, TRAINING)

    assert facts.arn == TRAINING["TrainingJobArn"]
    assert facts.machines == ("2 x ml.m5.xlarge",)
    assert facts.outputs == ("s3://b/model.tar.gz",)
    assert facts.metrics == (("validation:rmse", 2.5),)


def test_machines_in_groups_are_told_each() -> None:
    groups = [{"InstanceType": "ml.p4d", "InstanceCount": 1}, {"InstanceType": "ml.m5.large", "InstanceCount": 3}]

    assert facts_of(TRAINING_JOB, {"ResourceConfig": {"InstanceGroups": groups}}).machines == (
        "1 x ml.p4d",
        "3 x ml.m5.large",
    )


def test_the_machine_that_was_chosen_among_several_is_the_one_that_is_told() -> None:
    config = {"InstanceCount": 1, "SelectedInstanceType": "ml.m5.large", "SelectedInstanceCount": 2}

    assert facts_of(PROCESSING_JOB, {"ProcessingResources": {"ClusterConfig": config}}).machines == ("2 x ml.m5.large",)


def test_a_processing_job_tells_all_its_outputs() -> None:
    outputs = [{"OutputName": "a", "S3Output": {"S3Uri": "s3://b/a"}}, {"OutputName": "features"}]

    assert facts_of(PROCESSING_JOB, {"ProcessingOutputConfig": {"Outputs": outputs}}).outputs == ("s3://b/a",)


def test_a_tuning_job_tells_the_best_training_job_and_its_metric() -> None:
    best = {
        "TrainingJobArn": "arn:best",
        "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "auc", "Value": 0.75, "Type": "Maximize"},
    }
    facts = facts_of(
        TUNING_JOB, {"BestTrainingJob": best, "CreationTime": BEGAN, "HyperParameterTuningEndTime": after(9)}
    )

    assert (facts.results, facts.metrics, facts.running) == (("arn:best",), (("auc", 0.75),), 9)


def test_an_emr_step_waits_for_the_steps_before_it() -> None:
    timeline = {"CreationDateTime": BEGAN, "StartDateTime": after(20), "EndDateTime": after(50)}
    facts = facts_of(EMR_STEP, {"Status": {"State": "COMPLETED", "Timeline": timeline}})

    assert (facts.waiting, facts.provisioning, facts.running) == (20, None, 30)


def test_an_emr_serverless_run_tells_its_arn() -> None:
    assert facts_of(EMR_SERVERLESS_JOB, {"jobRun": {"arn": "arn:run"}}).arn == "arn:run"


def test_a_model_package_tells_whether_it_is_approved() -> None:
    assert facts_of(MODEL_PACKAGE, {"ModelApprovalStatus": "PendingManualApproval"}).approval == "PendingManualApproval"


@pytest.mark.parametrize("kind", RESOURCE_KINDS.values(), ids=lambda kind: kind.key)
def test_what_a_response_does_not_tell_is_left_open(kind: Any) -> None:
    facts = facts_of(kind, {})

    assert (facts.arn, facts.waiting, facts.provisioning, facts.running, facts.billable) == ("", None, None, None, None)
    assert (facts.machines, facts.outputs, facts.results, facts.metrics) == ((), (), (), ())
    assert phases_of(kind, {}) == ()
    assert state_in_words(kind, "InProgress", {}) == "InProgress"


def test_a_job_that_was_stopped_before_it_started_has_not_run() -> None:
    facts = facts_of(TRAINING_JOB, {"CreationTime": BEGAN, "TrainingEndTime": after(5)})

    assert (facts.provisioning, facts.running) == (None, None)


# -- states in words ---------------------------------------------------------------------------------------------------


def test_the_state_of_a_training_job_has_the_state_within_it_and_the_services_message() -> None:
    running = {**TRAINING, "SecondaryStatus": "Starting", "SecondaryStatusTransitions": [
        {"Status": "Starting", "StartTime": BEGAN, "StatusMessage": "Launching requested ML instances"}
    ]}  # fmt: skip

    assert state_in_words(TRAINING_JOB, "InProgress", running) == (
        "InProgress, Starting: Launching requested ML instances"
    )


def test_a_state_that_is_the_same_twice_is_said_once() -> None:
    assert state_in_words(TRAINING_JOB, "Completed", TRAINING) == "Completed: Training job completed"
    assert state_in_words(AUTO_ML_JOB, "Completed", {"AutoMLJobSecondaryStatus": "Completed"}) == "Completed"


def test_a_tuning_job_tells_how_many_training_jobs_have_ended() -> None:
    counters = {"Completed": 3, "InProgress": 2, "RetryableError": 0, "NonRetryableError": 1}

    assert state_in_words(TUNING_JOB, "InProgress", {"TrainingJobStatusCounters": counters}) == (
        "InProgress (training jobs: 3 completed, 2 in progress, 1 non retryable error)"
    )


def test_an_entry_of_a_list_tells_the_state_within_the_state_too() -> None:
    assert state_in_words(TRAINING_JOB, "InProgress", {"SecondaryStatus": "Training"}) == "InProgress, Training"
    assert state_in_words(MODEL_CUSTOMIZATION_JOB, "InProgress", {"JobSecondaryStatus": "Training"}) == (
        "InProgress, Training"
    )
