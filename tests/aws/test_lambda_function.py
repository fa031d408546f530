"""Invoking a Lambda function once."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest

from airflow_sm_pipelines.aws.lambda_function import FunctionAnswer, LostAnswerError, invoke
from airflow_sm_pipelines.aws.requests.messages import invocation
from airflow_sm_pipelines.errors import AwsCallError


class FakeLambda:
    """A boto3 client whose only call gives a fixed answer, or raises."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.requests: list[dict[str, Any]] = []

    def invoke(self, **request: Any) -> Any:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def answered(payload: bytes, **members: Any) -> dict[str, Any]:
    return {"StatusCode": 200, "Payload": io.BytesIO(payload), **members}


def log_result(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("event", [{}, None, {"a": None, "n": {"deep": [1, 0.5, True, "é"]}}])
def test_the_event_is_sent_as_it_is_and_the_answer_is_waited_for(event: Any) -> None:
    client = FakeLambda(answered(b'{"x": 1}', LogResult=log_result("START\nhé\nEND\n")))

    answer = invoke(
        client, invocation("arn:aws:lambda:eu-west-1:123456789012:function:f:prod", event, {"token": "t", "try": "2"})
    )

    [request] = client.requests
    assert json.loads(request.pop("Payload")) == event
    assert json.loads(base64.b64decode(request.pop("ClientContext"))) == {"custom": {"token": "t", "try": "2"}}
    assert request == {
        "FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f:prod",
        "InvocationType": "RequestResponse",
        "LogType": "Tail",
    }
    assert answer == FunctionAnswer('{"x": 1}', "", ("START", "hé", "END"))
    assert answer.value() == {"x": 1}


def test_a_function_that_returns_nothing_returned_null() -> None:
    assert invoke(FakeLambda(answered(b"")), invocation("f", {}, {})).value() is None


@pytest.mark.parametrize("levels", [101, 500, 100_000])
def test_an_answer_that_is_nested_too_deeply_is_no_json(levels: int) -> None:
    answer = invoke(FakeLambda(answered(b"[" * levels + b"]" * levels)), invocation("f", {}, {}))

    with pytest.raises(ValueError, match="nested deeper than 100 levels"):
        answer.value()


def test_a_hundred_levels_of_an_answer_are_read() -> None:
    answer = invoke(FakeLambda(answered(b"[" * 100 + b"]" * 100)), invocation("f", {}, {}))

    assert answer.value()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"errorType": "KeyError", "errorMessage": "\'x\'", "stackTrace": ["..."]}', "KeyError: 'x'"),
        (b'{"errorMessage": "2026 Task timed out after 3.00 seconds"}', "2026 Task timed out after 3.00 seconds"),
        (b'{"errorType": "Runtime.ExitError", "errorMessage": ""}', "Runtime.ExitError"),
        (b'{"errorMessage": ""}', "Unhandled, without a message"),
        (b"", "Unhandled, without a message"),
        (b'"went wrong"', '"went wrong"'),
        (b'{"other": 1}', '{"other": 1}'),
        (b"no json", "no json"),
        (b"[" * 100_000, "[" * 500),
    ],
)
def test_a_function_error_has_type_and_message(payload: bytes, reason: str) -> None:
    answer = invoke(FakeLambda(answered(payload, FunctionError="Unhandled")), invocation("f", {}, {}))

    assert answer.error == "Unhandled"
    assert answer.failure() == reason


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("TooManyRequestsException", 429, "Step.THROTTLING"),
        ("ResourceNotFoundException", 404, None),
        ("RequestTooLargeException", 413, None),
        ("EC2ThrottledException", 502, "Step.SERVICE_FAULT"),
        ("ENILimitReachedException", 502, "Step.SERVICE_FAULT"),
    ],
)
def test_a_refusal_says_that_the_function_was_not_run(client_error: Any, code: str, status: int, kind: str) -> None:
    with pytest.raises(AwsCallError) as caught:
        invoke(FakeLambda(client_error(code, "no", status)), invocation("f", {}, {}))

    assert not isinstance(caught.value, LostAnswerError)
    assert (caught.value.code, caught.value.exception_type) == (code, kind)


def faults_of_invoke() -> set[str]:
    import botocore.session

    shapes = botocore.session.get_session().get_service_model("lambda").operation_model("Invoke").error_shapes
    return {shape.name for shape in shapes if shape.metadata["error"]["httpStatusCode"] >= 500}


def test_every_error_of_the_service_before_a_start_is_known() -> None:
    from airflow_sm_pipelines.aws.lambda_function import _NOT_STARTED

    assert faults_of_invoke() - _NOT_STARTED == {"ServiceException"}


@pytest.mark.newest
def test_every_error_before_a_start_is_one_of_the_newest_api() -> None:
    from airflow_sm_pipelines.aws.lambda_function import _NOT_STARTED

    assert faults_of_invoke() >= _NOT_STARTED


@pytest.mark.parametrize("code", ["ServiceException", "InternalFailure", "503"])
def test_an_internal_error_leaves_open_whether_the_function_ran(client_error: Any, code: str) -> None:
    with pytest.raises(LostAnswerError) as caught:
        invoke(FakeLambda(client_error(code, "oops", 500)), invocation("f", {}, {}))

    assert caught.value.exception_type == "Step.SERVICE_FAULT"


def _broken_body() -> dict[str, Any]:
    from botocore.exceptions import IncompleteReadError

    class Broken(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise IncompleteReadError(actual_bytes=1, expected_bytes=2)

    return {"StatusCode": 200, "Payload": Broken()}


def test_a_connection_that_breaks_after_the_request_leaves_it_open() -> None:
    from botocore import exceptions

    url = "https://lambda"
    for failure in (
        exceptions.ReadTimeoutError(endpoint_url=url),
        exceptions.ConnectionClosedError(endpoint_url=url),
        exceptions.ResponseStreamingError(error="reset"),
        _broken_body(),
    ):
        with pytest.raises(LostAnswerError) as caught:
            invoke(FakeLambda(failure), invocation("f", {}, {}))
        assert caught.value.exception_type == "Step.SERVICE_FAULT"


def test_a_request_that_never_left_did_not_run_the_function() -> None:
    from botocore import exceptions

    url = "https://lambda"
    for failure, kind in (
        (exceptions.ConnectTimeoutError(endpoint_url=url), "Step.SERVICE_FAULT"),
        (exceptions.EndpointConnectionError(endpoint_url=url), "Step.SERVICE_FAULT"),
        (exceptions.NoCredentialsError(), None),
        (exceptions.ParamValidationError(report="x"), None),
    ):
        with pytest.raises(AwsCallError) as caught:
            invoke(FakeLambda(failure), invocation("f", {}, {}))
        assert not isinstance(caught.value, LostAnswerError)
        assert caught.value.exception_type == kind
