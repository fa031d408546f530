"""The endpoint over ASGI, and what botocore makes of its errors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from airflow_sm_pipelines.callbacks import endpoint
from airflow_sm_pipelines.callbacks.endpoint import (
    MOST_BYTES,
    CallbackRequest,
    RefusedRequestError,
    callback_app,
    read_request,
)
from airflow_sm_pipelines.callbacks.rate_limit import MissLimit
from airflow_sm_pipelines.callbacks.reception import Receipt
from airflow_sm_pipelines.callbacks.rules import FAILURE, SUCCESS, Answer, Reception

TOKEN = "26vcYbeWsZ"
ARN = "arn:aws:sagemaker:us-east-2:012345678901:pipeline/p/execution/7pinimwddh3a"


class Answers:
    """Stands for Airflow's database."""

    def __init__(self) -> None:
        self.reception = Reception.TAKEN
        self.taken: list[tuple[str, Answer]] = []

    def take(self, token: str, answer: Answer) -> Receipt:
        self.taken.append((token, answer))
        return Receipt(self.reception, "" if self.reception is Reception.UNKNOWN else ARN, "Step")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    answers = Answers()
    monkeypatch.setattr(endpoint, "take_answer", answers.take)
    return answers


@pytest.fixture
def app(answers: Answers) -> Any:
    return callback_app(MissLimit(burst=2, per_second=0))


def post(
    app: Any, body: Any = None, path: str = "/callback", method: str = "POST", host: str = "192.0.2.1"
) -> tuple[int, dict[str, str], Any]:
    """Send a request as a server would; returns status, headers and JSON body."""
    content = body if isinstance(body, bytes) else json.dumps(body or {"CallbackToken": TOKEN}).encode()
    sent: list[dict[str, Any]] = []
    chunks = [content[at : at + 65536] for at in range(0, len(content), 65536)] or [b""]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"x-amz-target", b"SageMaker.SendPipelineExecutionStepSuccess")],
        "client": (host, 1),
        "server": ("airflow", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    asyncio.run(app(scope, receive, send))
    start = sent[0]
    text = b"".join(message.get("body", b"") for message in sent[1:])
    return start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, json.loads(text) if text else None


@pytest.mark.parametrize("path", ["/callback", "/callback/"])
@pytest.mark.parametrize("reception", [Reception.TAKEN, Reception.SAME, Reception.LATE])
def test_an_answer_gives_the_execution(app: Any, answers: Answers, path: str, reception: Reception) -> None:
    answers.reception = reception
    status, headers, body = post(app, path=path)
    assert (status, body) == (200, {"PipelineExecutionArn": ARN})
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert answers.taken == [(TOKEN, Answer("Success"))]


@pytest.mark.parametrize(
    ("reception", "code"), [(Reception.CONFLICT, "ConflictException"), (Reception.UNKNOWN, "ResourceNotFound")]
)
def test_refusals_are_modelled_errors(app: Any, answers: Answers, reception: Reception, code: str) -> None:
    from botocore.parsers import create_parser
    from botocore.session import get_session

    answers.reception = reception
    status, headers, body = post(app)
    model = get_session().get_service_model("sagemaker").operation_model("SendPipelineExecutionStepSuccess")
    assert code in {shape.name for shape in model.error_shapes}
    response = {"status_code": status, "headers": headers, "body": json.dumps(body).encode()}
    error = create_parser("json").parse(response, model.output_shape)["Error"]
    assert error["Code"] == code
    assert error["Message"]


def test_whoever_guesses_is_refused_before_anything_is_looked_up(app: Any, answers: Answers) -> None:
    answers.reception = Reception.UNKNOWN
    codes = [post(app)[2]["__type"] for _ in range(4)]
    assert codes == ["ResourceNotFound", "ResourceNotFound", "ThrottlingException", "ThrottlingException"]
    assert len(answers.taken) == 2
    answers.reception = Reception.TAKEN
    assert post(app)[2]["__type"] == "ThrottlingException", "also with the right token"
    assert post(app, host="192.0.2.2")[0] == 200


def test_a_body_without_end_is_not_read(app: Any, answers: Answers) -> None:
    status, _, body = post(app, b"x" * (MOST_BYTES * 2))
    assert (status, body["__type"]) == (400, "RequestEntityTooLargeException")
    assert answers.taken == []


def test_nothing_else_is_served(app: Any, answers: Answers) -> None:
    assert post(app, method="GET")[0] == 405
    for path in ("/", "/docs", "/openapi.json", "/callback/x"):
        assert post(app, path=path)[0] == 404
    assert answers.taken == []


# -- the bodies, against botocore's model of the API -------------------------------------------------------------------

SUCCEED = "SageMaker.SendPipelineExecutionStepSuccess"
FAIL = "SageMaker.SendPipelineExecutionStepFailure"


@pytest.fixture(scope="module")
def model() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("sagemaker")


def read(target: str, **members: Any) -> CallbackRequest:
    return read_request(target, json.dumps(members).encode())


def test_the_operations_and_limits_are_those_of_the_api(model: Any) -> None:
    assert set(endpoint._OPERATIONS) <= set(model.operation_names)
    success = model.operation_model("SendPipelineExecutionStepSuccess").input_shape.members
    failure = model.operation_model("SendPipelineExecutionStepFailure").input_shape.members
    output = success["OutputParameters"].member.members
    assert success["CallbackToken"].metadata == {"max": 10, "min": 10, "pattern": "[a-zA-Z0-9]+"}
    assert success["OutputParameters"].metadata["max"] == endpoint._MOST_OUTPUTS
    assert output["Name"].metadata["max"] == endpoint._LONGEST_NAME
    assert output["Value"].metadata["max"] == endpoint._LONGEST_VALUE
    assert failure["FailureReason"].metadata["max"] == endpoint._LONGEST_REASON


def test_the_largest_request_is_taken() -> None:
    outputs = [{"Name": f"{n:0>256}", "Value": "\x01" * 1024} for n in range(50)]
    body = json.dumps({"CallbackToken": TOKEN, "OutputParameters": outputs, "ClientRequestToken": "x" * 128}).encode()
    assert len(body) <= endpoint.MOST_BYTES
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
        ({"CallbackToken": TOKEN, "OutputParameters": ["a"]}, "OutputParameters[0] must be an object"),
        (
            {"CallbackToken": TOKEN, "OutputParameters": [{"Name": "a", "Value": 1}]},
            "OutputParameters[0].Value must be a string",
        ),
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
