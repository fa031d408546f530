"""What the endpoint takes, against botocore's model of the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_sm_pipelines.callbacks import endpoint_requests as callback_requests
from airflow_sm_pipelines.callbacks.endpoint_requests import CallbackRequest, RefusedRequestError, read_request
from airflow_sm_pipelines.callbacks.rules import FAILURE, SUCCESS, Answer

SUCCEED = "SageMaker.SendPipelineExecutionStepSuccess"
FAIL = "SageMaker.SendPipelineExecutionStepFailure"
TOKEN = "26vcYbeWsZ"


@pytest.fixture(scope="module")
def model() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("sagemaker")


def read(target: str, **members: Any) -> CallbackRequest:
    return read_request(target, json.dumps(members).encode())


def test_the_operations_and_limits_are_those_of_the_api(model: Any) -> None:
    assert set(callback_requests._OPERATIONS) <= set(model.operation_names)
    success = model.operation_model("SendPipelineExecutionStepSuccess").input_shape.members
    failure = model.operation_model("SendPipelineExecutionStepFailure").input_shape.members
    output = success["OutputParameters"].member.members
    assert success["CallbackToken"].metadata == {"max": 10, "min": 10, "pattern": "[a-zA-Z0-9]+"}
    assert success["OutputParameters"].metadata["max"] == callback_requests._MOST_OUTPUTS
    assert output["Name"].metadata["max"] == callback_requests._LONGEST_NAME
    assert output["Value"].metadata["max"] == callback_requests._LONGEST_VALUE
    assert failure["FailureReason"].metadata["max"] == callback_requests._LONGEST_REASON


def test_the_largest_request_is_taken() -> None:
    outputs = [{"Name": f"{n:0>256}", "Value": "\x01" * 1024} for n in range(50)]
    body = json.dumps({"CallbackToken": TOKEN, "OutputParameters": outputs, "ClientRequestToken": "x" * 128}).encode()
    assert len(body) <= callback_requests.MOST_BYTES
    assert len(read_request(SUCCEED, body).answer.outputs) == 50


def test_a_success_has_outputs() -> None:
    outputs = [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": ""}]
    request = read(SUCCEED, CallbackToken=TOKEN, OutputParameters=outputs, ClientRequestToken="any")
    assert request == CallbackRequest(TOKEN, Answer(SUCCESS, {"a": "1", "b": ""}))


@pytest.mark.parametrize("members", [{}, {"OutputParameters": []}, {"OutputParameters": None}])
def test_a_success_may_have_no_outputs(members: dict[str, Any]) -> None:
    assert read(SUCCEED, CallbackToken=TOKEN, **members).answer == Answer(SUCCESS)


def test_a_failure_may_have_a_reason() -> None:
    assert read(FAIL, CallbackToken=TOKEN, FailureReason="no").answer == Answer(FAILURE, reason="no")
    assert read(FAIL, CallbackToken=TOKEN).answer == Answer(FAILURE)


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({}, "CallbackToken"),
        ({"CallbackToken": "short"}, "CallbackToken"),
        ({"CallbackToken": "26vcYbeWsZ\n"}, "CallbackToken"),
        ({"CallbackToken": "../../../a"}, "CallbackToken"),
        ({"CallbackToken": 1234567890}, "CallbackToken"),
        ({"CallbackToken": TOKEN, "OutputParameters": {"a": "1"}}, "must be a list"),
        ({"CallbackToken": TOKEN, "OutputParameters": [{}] * 51}, "at most 50"),
        ({"CallbackToken": TOKEN, "OutputParameters": ["a"]}, "OutputParameters[0]"),
        ({"CallbackToken": TOKEN, "OutputParameters": [{"Name": "a", "Value": 1}]}, "both strings"),
        ({"CallbackToken": TOKEN, "OutputParameters": [{"Name": "a", "Value": "x" * 1025}]}, "1024"),
        ({"CallbackToken": TOKEN, "OutputParameters": [{"Name": "a", "Value": ""}] * 2}, "'a' is there twice"),
    ],
)
def test_what_does_not_fit_the_shapes_is_refused(members: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        read(SUCCEED, **members)
    assert caught.value.code == "ValidationException"
    assert complaint in caught.value.message


def test_a_reason_that_is_too_long_is_refused() -> None:
    with pytest.raises(RefusedRequestError, match="256"):
        read(FAIL, CallbackToken=TOKEN, FailureReason="x" * 257)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[]", b'"text"', b"null", pytest.param(b"[" * 200_000, id="deep")]
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        read_request(SUCCEED, body)
    assert caught.value.code == "SerializationException"


@pytest.mark.parametrize("target", ["", "SageMaker.CreateModel", "SendPipelineExecutionStep"])
def test_other_operations_are_refused(target: str) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        read(target, CallbackToken=TOKEN)
    assert caught.value.code == "UnknownOperationException"
    assert "SendPipelineExecutionStepSuccess" in caught.value.message
