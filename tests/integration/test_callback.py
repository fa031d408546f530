"""Callback steps through ``dag.test()``: real messages, the shipped handler as a process of its own, real HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.errors import StepFailedError
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.integration.conftest import Tried

# Airflow's own test path warns of what it uses itself (starlette's test client, SQLAlchemy's legacy API).
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

DEFINITION = Path(__file__).parent / "definitions" / "callback.json"
HANDLER = Path(__file__).parents[2] / "dags" / "callback_scripts" / "answer.py"
TryDefinition = Callable[..., Tried]


@pytest.fixture
def queue_url(aws: LocalAws) -> str:
    return str(boto3.client("sqs").create_queue(QueueName=f"callback-{uuid.uuid4().hex[:8]}")["QueueUrl"])


@pytest.fixture(scope="module")
def endpoint_url(aws: LocalAws) -> Iterator[str]:
    """The plugin's application, served as the API server does."""
    import uvicorn
    from starlette.applications import Starlette

    from airflow_sm_pipelines.plugin import SageMakerPipelinesPlugin

    root = Starlette()
    for mounted in SageMakerPipelinesPlugin().fastapi_apps:
        root.mount(mounted["url_prefix"], mounted["app"])
    server = uvicorn.Server(uvicorn.Config(root, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/sm-pipelines/callback"
    server.should_exit = True
    thread.join()


@pytest.fixture
def handler(queue_url: str, endpoint_url: str) -> Iterator[None]:
    command = [sys.executable, str(HANDLER), queue_url, endpoint_url]
    with subprocess.Popen(command, env=dict(os.environ)) as process:
        yield
        process.kill()


def definition(**arguments: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DEFINITION.read_text())
    document["Steps"][0]["Arguments"].update(arguments)
    return document


@pytest.mark.usefixtures("handler")
def test_the_shipped_handler_answers_and_its_outputs_decide(try_definition: TryDefinition, queue_url: str) -> None:
    tried = try_definition(definition(), {"QueueUrl": queue_url, "MostRows": 4})
    assert tried.state == "success", tried.errors
    assert tried.properties["Measure"] == {"OutputParameters": {"rows": 4, "mean": 3.0}}
    assert tried.states["TooMany"] == "skipped"

    tried = try_definition(definition(), {"QueueUrl": queue_url, "MostRows": 3})
    assert [str(error) for error in tried.errors["TooMany"]] == ["Step TooMany: too many rows: 4"]


@pytest.mark.usefixtures("handler")
def test_a_handler_that_fails_fails_the_step_with_its_reason(try_definition: TryDefinition, queue_url: str) -> None:
    tried = try_definition(definition(rows=[]), {"QueueUrl": queue_url})
    [error] = tried.errors["Measure"]
    assert isinstance(error, StepFailedError)
    assert str(error) == "Step Measure: ZeroDivisionError('division by zero')"
    assert tried.tries["Measure"] == 1


def test_a_person_answers_by_airflows_own_route(
    try_definition: TryDefinition, queue_url: str, endpoint_url: str
) -> None:
    """Pins what we use of Airflow: the route, its model, and when SQLAlchemy tells of the response."""
    person = threading.Thread(target=answer_as_a_person, args=(queue_url, {"rows": 7, "mean": 0.5}), daemon=True)
    person.start()
    tried = try_definition(definition(), {"QueueUrl": queue_url})
    person.join(10)
    assert tried.state == "success", tried.errors
    assert tried.properties["Measure"] == {"OutputParameters": {"rows": 7, "mean": 0.5}}


def answer_as_a_person(queue_url: str, outputs: dict[str, Any]) -> None:
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.models.hitl import HITLDetail
    from airflow.utils.session import create_session

    sqs, token = boto3.client("sqs"), ""
    while not token:
        for found in sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1).get("Messages", ()):
            token = json.loads(found["Body"])["token"]
    user: Any = SimpleNamespace(get_id=lambda: 7, get_name=lambda: "Ada")
    payload = UpdateHITLDetailPayload(chosen_options=["Success"], params_input=outputs)
    with create_session(scoped=False) as session:
        detail = session.query(HITLDetail).order_by(HITLDetail.created_at.desc()).first()
        assert detail is not None
        ti = detail.task_instance
        update_hitl_detail(ti.dag_id, ti.run_id, ti.task_id, payload, user, session, ti.map_index)
