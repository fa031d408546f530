"""Lambda steps through ``dag.test()``: real handlers, typed outputs, failures, retries."""

from __future__ import annotations

import contextlib
import io
import json
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_sm_pipelines.errors import StepFailedError, StepOutcomeUnknownError
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.integration.conftest import Tried

# Airflow's own test path warns of what it uses itself (starlette's test client, SQLAlchemy's legacy API).
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

DEFINITIONS = Path(__file__).parent / "definitions"
TryDefinition = Callable[..., Tried]


def deploy(name: str, code: str, **members: Any) -> None:
    """Create a function, or update its code."""
    client = boto3.client("lambda")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("handler.py", code)
    try:
        client.create_function(
            FunctionName=name,
            Role="arn:aws:iam::123456789012:role/lambda",
            Runtime="python3.12",
            Handler="handler.handle",
            Code={"ZipFile": stream.getvalue()},
            **members,
        )
    except client.exceptions.ResourceConflictException:
        client.update_function_code(FunctionName=name, ZipFile=stream.getvalue())


@pytest.fixture
def example(aws: LocalAws) -> dict[str, Any]:
    handlers = DEFINITIONS / "lambda_handlers"
    deploy("integration-measure", (handlers / "measure.py").read_text())
    deploy("integration-announce", (handlers / "announce.py").read_text(), Publish=True)
    client = boto3.client("lambda")
    with contextlib.suppress(client.exceptions.ResourceConflictException):
        client.create_alias(FunctionName="integration-announce", Name="live", FunctionVersion="1")
    boto3.client("s3").put_object(Bucket="integration", Key="lambda/rows.csv", Body=b"1,2\n2,3\n4.5,6\n")
    document: dict[str, Any] = json.loads((DEFINITIONS / "lambda_outputs.json").read_text())
    return document


def step(function: str, **members: Any) -> dict[str, Any]:
    outputs = [{"OutputName": "n", "OutputType": "Integer"}]
    arn = f"arn:aws:lambda:us-west-2:123456789012:function:{function}"
    return {"Name": "Call", "Type": "Lambda", "FunctionArn": arn, "OutputParameters": outputs, **members}


def pipeline(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2020-12-01", "Parameters": [], "Steps": list(steps)}


@pytest.fixture
def faults(aws: LocalAws) -> Iterator[Any]:
    """Sets fault rules, and removes them."""

    def call(method: str, path: str, document: Any = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        with urllib.request.urlopen(
            urllib.request.Request(f"{aws.endpoint_url}/_local/{path}", data=body, method=method)
        ) as answer:
            return json.load(answer)

    call("DELETE", "calls")
    yield call
    call("DELETE", "faults")


def invocations(faults: Any) -> int:
    return sum(call["operation"] == "Invoke" and call["executed"] for call in faults("GET", "calls")["calls"])


def test_outputs_keep_their_types_through_conditions_events_and_texts(
    try_definition: TryDefinition, example: dict[str, Any]
) -> None:
    ended = try_definition(example)

    assert ended.errors == {}
    assert ended.state == "success"
    assert ended.states["TooSmall"] == "skipped"
    assert ended.properties["Measure"] == {
        "OutputParameters": {
            "rows": 3,
            "mean": 2.5,
            "large": True,
            "columns": '{"names":["x","y"],"note":null}',
        }
    }
    said = ended.properties["Announce"]["OutputParameters"]
    assert said["kinds"] == "int,float,bool,str"
    assert json.loads(said["text"])["said"] == "3 rows"


def test_the_other_branch(try_definition: TryDefinition, example: dict[str, Any]) -> None:
    ended = try_definition(example, {"Threshold": 4})

    assert ended.states["Announce"] == "skipped"
    assert [str(error) for error in ended.errors["TooSmall"]] == ["Step TooSmall: only 3 rows"]


def test_a_failing_function_fails_its_step_with_type_message_and_log(
    try_definition: TryDefinition, aws: LocalAws, faults: Any
) -> None:
    deploy("integration-broken", "def handle(event, context):\n    print('about to')\n    return event['absent']\n")

    ended = try_definition(pipeline(step("integration-broken")))

    [error] = ended.errors["Call"]
    assert isinstance(error, StepFailedError)
    assert "integration-broken failed: KeyError: 'absent'\nlast lines of its log:\n" in str(error)
    assert "    about to" in str(error)
    assert invocations(faults) == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import time\ndef handle(e, c): time.sleep(60)\n", "Task timed out after 1.00 seconds"),
        ("def handle(e, c): return {'m': 1}\n", "the declared output 'n' was not returned (returned: 'm')"),
        ("def handle(e, c): return [1]\n", "but returned a list of 1"),
    ],
)
def test_other_ways_to_fail(try_definition: TryDefinition, aws: LocalAws, code: str, message: str) -> None:
    deploy("integration-failing", code, Timeout=1)

    ended = try_definition(pipeline(step("integration-failing")))

    assert message in str(ended.errors["Call"][0])


def test_throttling_is_retried_by_policy(try_definition: TryDefinition, aws: LocalAws, faults: Any) -> None:
    deploy("integration-good", "def handle(e, c): return {'n': 1}\n")
    rule = {"service": "lambda", "operation": "Invoke", "action": "error", "code": "TooManyRequestsException"}
    faults("POST", "faults", {**rule, "http_status": 429, "times": 2})

    ended = try_definition(pipeline(step("integration-good")))

    assert [error.exception_type for error in ended.errors["Call"]] == ["Step.THROTTLING"] * 2
    assert ended.state == "success"
    assert invocations(faults) == 1


def test_a_lost_answer_invokes_again_at_least_once(try_definition: TryDefinition, aws: LocalAws, faults: Any) -> None:
    deploy("integration-good", "def handle(e, c): return {'n': 1}\n")
    faults("POST", "faults", {"service": "lambda", "operation": "Invoke", "action": "drop_after", "times": 1})

    ended = try_definition(pipeline(step("integration-good")))

    assert [error.exception_type for error in ended.errors["Call"]] == ["Step.SERVICE_FAULT"]
    assert ended.state == "success"
    assert invocations(faults) == 2


def test_a_lost_answer_fails_at_most_once(try_definition: TryDefinition, aws: LocalAws, faults: Any) -> None:
    deploy("integration-good", "def handle(e, c): return {'n': 1}\n")
    faults("POST", "faults", {"service": "lambda", "operation": "Invoke", "action": "drop_after", "times": 1})

    ended = try_definition(pipeline(step("integration-good")), overrides={"Call": {"on_unknown": "fail", "retries": 3}})

    [error] = ended.errors["Call"]
    assert isinstance(error, StepOutcomeUnknownError)
    assert ended.state == "failed"
    assert invocations(faults) == 1
