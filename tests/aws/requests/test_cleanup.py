"""The calls by which a Cleanup step deletes objects; `tests/operators/test_cleanup.py` tries the whole step."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import ANY

from airflow_sm_pipelines.aws.requests.cleanup import CleanupReport, cleanup_calls
from airflow_sm_pipelines.errors import RequestError

QUERY = {"Bucket": "bucket", "Prefix": "out/"}


@pytest.fixture
def clean(start: Any, perform: Any, s3_api: Any) -> Any:
    """Clean up after one step, and return the report."""

    def run(uris: Any, **members: Any) -> CleanupReport:
        source = {"StepName": "Train", **({} if uris is None else {"S3Uris": uris})}
        report = CleanupReport()
        step = start({"Resources": {"S3": [source]}}, step_types={"Train": "Training"}, **members)
        perform(cleanup_calls(step, report), s3_api.client)
        return report

    return run


@pytest.fixture
def clean_folder(clean: Any) -> Any:
    """Clean up the folder ``s3://bucket/out/`` of a training job."""
    properties = {"Steps.Train.OutputDataConfig.S3OutputPath": "s3://bucket", "Steps.Train.TrainingJobName": "out"}
    return lambda: clean(None, resolve=lambda value, *_: properties[value["Get"]])


def test_keys_come_from_all_pages(clean_folder: Any, s3_api: Any) -> None:
    s3_api.add_response("list_objects_v2", {"Contents": [{"Key": "out/a"}], "NextContinuationToken": "more"}, QUERY)
    s3_api.add_response("list_objects_v2", {"Contents": [{"Key": "out/b"}]}, {**QUERY, "ContinuationToken": "more"})
    s3_api.add_response("delete_objects", {})

    assert clean_folder().deleted == ["s3://bucket/out/a", "s3://bucket/out/b"]


@pytest.mark.parametrize(("found", "deleted"), [("part-1", ["s3://bucket/part-1"]), ("part-10", [])])
def test_an_object_is_not_one_that_begins_with_its_key(clean: Any, s3_api: Any, found: str, deleted: list[str]) -> None:
    query = {"Bucket": "bucket", "Prefix": "part-1", "MaxKeys": 1}
    s3_api.add_response("list_objects_v2", {"Contents": [{"Key": found}]}, query)
    if deleted:
        s3_api.add_response("delete_objects", {})

    assert clean("s3://bucket/part-1").deleted == deleted


def test_a_thousand_objects_are_deleted_with_one_call(clean_folder: Any, s3_api: Any) -> None:
    keys = [f"out/{number}" for number in range(1001)]
    s3_api.add_response("list_objects_v2", {"Contents": [{"Key": key} for key in keys]}, QUERY)
    for batch in (keys[:1000], keys[1000:]):
        entries = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
        s3_api.add_response("delete_objects", {}, {"Bucket": "bucket", "Delete": entries})

    assert clean_folder().deleted == [f"s3://bucket/{key}" for key in keys]


def test_an_object_that_cannot_be_deleted_says_why(clean_folder: Any, s3_api: Any) -> None:
    s3_api.add_response("list_objects_v2", {"Contents": [{"Key": "out/a"}, {"Key": "out/b"}]}, QUERY)
    errors = [{"Key": "out/b", "Code": "AccessDenied", "Message": "no"}]
    s3_api.add_response("delete_objects", {"Errors": errors}, {"Bucket": "bucket", "Delete": ANY})

    report = clean_folder()

    assert report.deleted == ["s3://bucket/out/a"]
    assert report.failed == [("Train", "s3://bucket/out/b: AccessDenied: no", None)]


def test_nothing_is_deleted_before_all_is_checked(clean: Any) -> None:
    with pytest.raises(RequestError, match="nothing was deleted"):
        clean(["s3://bucket/a", "s3://bucket"])
