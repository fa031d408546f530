from __future__ import annotations

from datetime import UTC, datetime

import botocore.session
import pytest

from airflow_sm_pipelines.local.wire.serialization import serialize


@pytest.fixture(scope="module")
def shape():
    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model("DescribeProcessingJob").output_shape


def test_timestamps_become_seconds_with_milliseconds(shape):
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
    assert serialize(shape, {"CreationTime": moment}) == {"CreationTime": 1767323045.679}


def test_members_without_a_value_are_left_out(shape):
    assert serialize(shape, {"FailureReason": None, "ProcessingJobName": "x"}) == {"ProcessingJobName": "x"}


def test_inner_structures_lists_and_maps_keep_their_form(shape):
    document = {
        "Environment": {"A": "b"},
        "ProcessingInputs": [{"InputName": "x", "S3Input": {"S3Uri": "s3://b/k"}}],
    }
    assert serialize(shape, document) == document


def test_a_member_that_the_model_does_not_know_is_a_bug(shape):
    with pytest.raises(KeyError):
        serialize(shape, {"Surprise": 1})


def test_an_operation_without_output_answers_an_empty_object():
    assert serialize(None, {}) == {}
