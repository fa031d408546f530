"""The Cleanup step."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.errors import RequestError, StepFailedError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.xcoms import read_properties, read_status
from airflow_sm_pipelines.semantics.readiness import StepStatus

TRAINED = {"TrainingJobName": "job-1", "OutputDataConfig": {"S3OutputPath": "s3://bucket/train/"}}


class FakeS3:
    """The S3 calls of a Cleanup over a set of URIs.

    Attributes:
        uris: What is there.
        kept: What cannot be deleted.
        refused: Operation -> the error that it raises.
    """

    def __init__(self, *uris: str) -> None:
        self.meta: Any = None
        self.uris = set(uris)
        self.kept: set[str] = set()
        self.refused: dict[str, Exception] = {}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, MaxKeys: int = 1000) -> dict[str, Any]:  # noqa: N803
        if "ListObjectsV2" in self.refused:
            raise self.refused["ListObjectsV2"]
        keys = sorted(uri.removeprefix(f"s3://{Bucket}/") for uri in self.uris if uri.startswith(f"s3://{Bucket}/"))
        return {"Contents": [{"Key": key} for key in keys if key.startswith(Prefix)][:MaxKeys]}

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        wanted = {f"s3://{Bucket}/{entry['Key']}" for entry in Delete["Objects"]}
        self.uris -= wanted - self.kept
        keys = sorted(uri.removeprefix(f"s3://{Bucket}/") for uri in wanted & self.kept)
        return {"Errors": [{"Key": key, "Code": "AccessDenied", "Message": "no"} for key in keys]}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, s3_meta: Any) -> FakeS3:
    s3 = FakeS3(
        "s3://bucket/train/job-1/output/model.tar.gz",
        "s3://bucket/train/job-1/debug/a",
        "s3://bucket/train/job-10/output/model.tar.gz",
        "s3://bucket/tmp/part-1.csv",
        "s3://bucket/tmp/part-10.csv",
    )
    s3.meta = s3_meta
    monkeypatch.setattr(AwsConnection, "client", lambda _self, service: {"s3": s3}[service])
    return s3


@pytest.fixture
def cleanup(make_tasks: Any, processing: Any, ti: Any) -> Any:
    """Make the task of a Cleanup after a Training step ``Train`` and a Processing step ``Prep``."""

    def make(*sources: dict[str, Any]) -> Any:
        train = {
            "Name": "Train",
            "Type": "Training",
            "Arguments": {
                "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
                "OutputDataConfig": {"S3OutputPath": "s3://bucket/train"},
            },
        }
        step = {
            "Name": "Clean",
            "Type": "Cleanup",
            "Arguments": {"Resources": {"S3": list(sources)}},
            "DependsOn": [{"Step": "Train", "Trigger": "Any"}, {"Step": "Prep", "Trigger": "Any"}],
        }
        ti.task_id = "Clean"
        output = {"OutputName": "tmp", "S3Output": {"S3Uri": "s3://bucket/tmp", "S3UploadMode": "EndOfJob"}}
        prep = processing("Prep")
        prep["Arguments"] = {**prep["Arguments"], "ProcessingOutputConfig": {"Outputs": [output]}}
        return make_tasks(train, prep, step)["Clean"]

    return make


@pytest.fixture(autouse=True)
def _open_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the gate decides is tested elsewhere."""
    monkeypatch.setattr("airflow_sm_pipelines.operators.step_course.pass_gate", lambda *_: None)


def test_named_objects_are_deleted_and_no_others(cleanup: Any, context: Any, s3: FakeS3) -> None:
    before = set(s3.uris)
    report = cleanup({"StepName": "Prep", "S3Uris": ["s3://bucket/tmp/part-1.csv"]}).execute(context)

    assert before - s3.uris == {"s3://bucket/tmp/part-1.csv"}
    assert report == {
        "CleanedSteps": ["Prep"],
        "SkippedSteps": [],
        "FailedSteps": [],
        "DeletedObjects": ["s3://bucket/tmp/part-1.csv"],
        "DeletedObjectCount": 1,
    }


def test_the_outputs_of_a_training_job_are_those_of_this_job_only(
    cleanup: Any, context: Any, ti: Any, s3: FakeS3
) -> None:
    before = set(s3.uris)
    ti.published_by("Train", TRAINED)
    task = cleanup({"StepName": "Train"})
    report = task.execute(context)

    assert before - s3.uris == {"s3://bucket/train/job-1/output/model.tar.gz", "s3://bucket/train/job-1/debug/a"}
    assert report["CleanedSteps"] == ["Train"]
    assert task.request == {"Resources": {"S3": [{"StepName": "Train", "S3Uris": ["s3://bucket/train/job-1/"]}]}}


def test_a_named_folder_is_no_object_and_keeps_what_is_in_it(cleanup: Any, context: Any, s3: FakeS3) -> None:
    """The SDK documents exact URIs of objects."""
    before = set(s3.uris)
    report = cleanup({"StepName": "Prep", "S3Uris": ["s3://bucket/tmp", "s3://bucket/tmp/part"]}).execute(context)
    assert (s3.uris, report["CleanedSteps"], report["DeletedObjectCount"]) == (before, ["Prep"], 0)


def test_a_step_that_did_not_run_is_skipped_and_the_others_are_cleaned(
    cleanup: Any, context: Any, ti: Any, s3: FakeS3
) -> None:
    ti.published_by("Train", TRAINED)
    expression = {"Get": "Steps.Prep.ProcessingOutputConfig.Outputs['tmp'].S3Output.S3Uri"}
    report = cleanup({"StepName": "Prep", "S3Uris": [expression]}, {"StepName": "Train"}).execute(context)
    assert (report["SkippedSteps"], report["CleanedSteps"]) == (["Prep"], ["Train"])


def test_a_training_step_that_has_no_job_is_skipped(cleanup: Any, context: Any, ti: Any, s3: FakeS3) -> None:
    before = set(s3.uris)
    ti.published_by("Train", {"OutputDataConfig": {"S3OutputPath": "s3://bucket/train"}})
    assert cleanup({"StepName": "Train"}).execute(context)["SkippedSteps"] == ["Train"]
    assert s3.uris == before


@pytest.mark.parametrize(
    "uri",
    ["s3://bucket", "s3://bucket/", "s3://bucket//", "https://bucket/key", "", "S3://bucket", "s3://", "[x/k"],
)
def test_a_whole_bucket_is_refused_before_anything_is_deleted(cleanup: Any, context: Any, s3: FakeS3, uri: str) -> None:
    before = set(s3.uris)
    with pytest.raises(RequestError, match=r"Resources\.S3\[0\]: .* is not the S3 URI of an object"):
        cleanup({"StepName": "Prep", "S3Uris": ["s3://bucket/tmp/part-1.csv", uri]}).execute(context)
    assert s3.uris == before


def test_the_outputs_of_other_steps_must_be_named(cleanup: Any, context: Any, ti: Any, s3: FakeS3) -> None:
    before = set(s3.uris)
    ti.published_by("Train", TRAINED)
    with pytest.raises(RequestError, match="Prep is a Processing step, and only the outputs of a Training step"):
        cleanup({"StepName": "Train"}, {"StepName": "Prep"}).execute(context)
    assert s3.uris == before


def test_what_cannot_be_deleted_is_told_at_the_end(cleanup: Any, context: Any, ti: Any, s3: FakeS3) -> None:
    ti.published_by("Train", TRAINED)
    s3.kept = {"s3://bucket/tmp/part-1.csv"}
    with pytest.raises(StepFailedError) as caught:
        cleanup(
            {"StepName": "Prep", "S3Uris": ["s3://bucket/tmp/part-1.csv", "s3://bucket/tmp/part-10.csv"]},
            {"StepName": "Train"},
        ).execute(context)

    reason = "s3://bucket/tmp/part-1.csv: AccessDenied: no"
    assert f"(3 objects were deleted):\n    Prep: {reason}" in str(caught.value)
    published = read_properties(context, "Clean")
    assert published["FailedSteps"] == [{"StepName": "Prep", "ErrorCode": "ClientError", "ErrorMessage": reason}]
    assert published["CleanedSteps"] == ["Train"]
    assert read_status(context, "Clean") is StepStatus.FAILED
    assert "s3://bucket/tmp/part-10.csv" not in s3.uris


def test_a_busy_s3_can_be_retried(cleanup: Any, context: Any, s3: FakeS3, client_error: Any) -> None:
    s3.refused["ListObjectsV2"] = client_error("SlowDown", status=503)
    task = cleanup({"StepName": "Prep", "S3Uris": ["s3://bucket/tmp/part-1.csv"]})
    with pytest.raises(StepFailedError) as caught:
        task.execute(context)
    assert caught.value.exception_type == "Step.THROTTLING"
    assert read_properties(context, "Clean")["FailedSteps"][0]["ErrorCode"] == "InternalFailure"


def test_a_second_try_finds_nothing_and_succeeds(cleanup: Any, context: Any, ti: Any, s3: FakeS3) -> None:
    """A worker that dies while it deletes leaves the rest for the next try."""
    ti.published_by("Train", TRAINED)
    task = cleanup({"StepName": "Train"}, {"StepName": "Prep", "S3Uris": ["s3://bucket/tmp/part-1.csv"]})
    task.execute(context)
    report = task.execute(context)
    assert (report["CleanedSteps"], report["DeletedObjectCount"]) == (["Train", "Prep"], 0)


def test_what_it_deletes_is_logged(cleanup: Any, context: Any, s3: FakeS3, capsys: pytest.CaptureFixture[str]) -> None:
    uris = ["s3://bucket/tmp/part-1.csv", "s3://bucket/tmp/none"]
    cleanup({"StepName": "Prep", "S3Uris": uris}).execute(context)
    logged = capsys.readouterr().out
    assert "Deleted s3://bucket/tmp/part-1.csv" in logged
    assert "There is nothing at s3://bucket/tmp/none" in logged


def test_a_long_list_is_cut_in_what_it_publishes(cleanup: Any, context: Any, ti: Any, s3: FakeS3) -> None:
    s3.uris |= {f"s3://bucket/train/job-1/many/{number}" for number in range(200)}
    ti.published_by("Train", TRAINED)
    report = cleanup({"StepName": "Train"}).execute(context)
    assert (report["DeletedObjectCount"], len(report["DeletedObjects"])) == (202, 100)
