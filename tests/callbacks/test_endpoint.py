"""The endpoint over ASGI, and what botocore makes of its errors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from airflow_sm_pipelines.callbacks import endpoint as callback_api
from airflow_sm_pipelines.callbacks.answers import Receipt
from airflow_sm_pipelines.callbacks.endpoint import callback_app
from airflow_sm_pipelines.callbacks.endpoint_requests import MOST_BYTES
from airflow_sm_pipelines.callbacks.rate_limit import Guesses
from airflow_sm_pipelines.callbacks.rules import Answer, Reception

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
    monkeypatch.setattr(callback_api, "take_answer", answers.take)
    return answers


@pytest.fixture
def app(answers: Answers) -> Any:
    return callback_app(Guesses(burst=2, per_second=0))


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
