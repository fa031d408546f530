"""The endpoint over ASGI, and what botocore makes of its errors."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
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


RIGHT = json.dumps({"CallbackToken": TOKEN}).encode()


async def asked(app: Any, parts: list[bytes | None], then: Any = None) -> list[dict[str, Any]]:
    """Send parts of a body, ``None`` for one that does not come; returns what the application sends."""
    sent: list[dict[str, Any]] = []
    left = list(parts)

    async def receive() -> dict[str, Any]:
        if not left:
            return dict(await then())
        part = left.pop(0)
        if part is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": bool(left) or then is not None}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope_of("POST", "/callback", "192.0.2.1"), receive, send)
    return sent


def scope_of(method: str, path: str, host: str) -> dict[str, Any]:
    return {
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

    asyncio.run(app(scope_of(method, path, host), receive, send))
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


def test_whoever_guesses_is_throttled_and_fills_no_log(
    app: Any, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    answers.reception = Reception.UNKNOWN
    codes = [post(app)[2]["__type"] for _ in range(4)]
    assert codes == ["ResourceNotFound", "ResourceNotFound", "ThrottlingException", "ThrottlingException"]
    assert len(caplog.records) == 2


@pytest.mark.parametrize("reception", [Reception.TAKEN, Reception.SAME, Reception.LATE])
def test_a_valid_token_is_never_throttled(app: Any, answers: Answers, reception: Reception) -> None:
    """A handler may share its address with whoever guesses: a NAT, or a proxy that hides its clients."""
    answers.reception = Reception.UNKNOWN
    for _ in range(3):
        post(app)
    answers.reception = reception
    assert [post(app)[0] for _ in range(3)] == [200, 200, 200]


def test_whoever_guesses_takes_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    app, lock, busy, most = callback_app(MissLimit(burst=2, per_second=0)), threading.Lock(), [0], [0]

    def look_up(token: str, answer: Answer) -> Receipt:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.01)
        with lock:
            busy[0] -= 1
        return Receipt(Reception.UNKNOWN if token != TOKEN else Reception.TAKEN)

    monkeypatch.setattr(endpoint, "take_answer", look_up)
    guess = json.dumps({"CallbackToken": "guess00000"}).encode()
    for _ in range(2):
        post(app, guess)
    most[0] = 0

    async def flood() -> list[int]:
        answered = await asyncio.gather(*(asked(app, [guess]) for _ in range(8)), asked(app, [RIGHT]))
        return [messages[0]["status"] for messages in answered]

    assert asyncio.run(flood()) == [400] * 8 + [200]
    assert most[0] == 1


def test_a_body_without_end_is_not_read(app: Any, answers: Answers) -> None:
    status, headers, body = post(app, b"x" * (MOST_BYTES * 2))
    assert (status, body["__type"], headers["connection"]) == (400, "RequestEntityTooLargeException", "close")
    assert answers.taken == []


def test_a_body_that_does_not_come_is_not_waited_for(
    app: Any, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "BODY_SECONDS", 0.05)
    start, end = asyncio.run(asked(app, [RIGHT[:9], None]))
    headers = dict(start["headers"])
    assert (start["status"], headers[b"connection"]) == (400, b"close")
    assert json.loads(end["body"])["__type"] == "RequestTimeoutException", "SDKs try again"
    assert answers.taken == []


def test_a_trickle_of_bytes_does_not_extend_the_time(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "BODY_SECONDS", 0.1)

    async def trickle() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    start, _ = asyncio.run(asked(app, [], then=trickle))
    assert start["status"] == 400


def test_a_client_that_goes_away_is_no_error_of_the_server(app: Any, answers: Answers) -> None:
    async def disconnect() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    asyncio.run(asked(app, [RIGHT[:9]], then=disconnect))
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


# -- behind the API server's own web server ----------------------------------------------------------------------------


@pytest.fixture
def port(app: Any) -> Iterator[int]:
    """The port of a uvicorn that serves the application."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


HALF = b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"


@pytest.mark.loopback
def test_an_aborted_body_writes_no_traceback(port: int, answers: Answers, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(HALF)
            time.sleep(0.1)
    time.sleep(0.3)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert answers.taken == []


@pytest.mark.loopback
def test_a_connection_whose_body_does_not_come_is_closed(
    port: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "BODY_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(HALF)
        answer = b""
        while chunk := connection.recv(1000):
            answer += chunk
    assert b"RequestTimeoutException" in answer
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
