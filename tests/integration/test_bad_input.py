"""Bad input gets a clear error and loses nothing: from the definition's text to the worker's AWS settings."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.errors import InvalidDefinitionError, StepFailedError, UndefinedReferenceError
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.integration.conftest import Tried

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

TryDefinition = Callable[..., Tried]


def processing(name: str, command: str = "true", **members: Any) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    arguments = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": "image:1", "ContainerEntrypoint": ["sh", "-c", command]},
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments, **members}


def definition(*steps: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"Version": "2020-12-01", "PipelineExperimentConfig": None, "Steps": list(steps), **members}


def calls_of(aws: LocalAws, operation: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{aws.endpoint_url}/_local/calls") as answer:
        return [call for call in json.load(answer)["calls"] if call["operation"] == operation]


# -- the definition ----------------------------------------------------------------------------------------------------

READS_AN_UNKNOWN_STEP = processing("A")
READS_AN_UNKNOWN_STEP["Arguments"]["RoleArn"] = {"Get": "Steps.Trian.ProcessingJobArn"}
READS_AN_UNKNOWN_PARAMETER = processing("A")
READS_AN_UNKNOWN_PARAMETER["Arguments"]["RoleArn"] = {"Get": "Parameters.Rol"}
BAD_DEFINITIONS = {
    "malformed JSON": ('{"Version": "2020-12-01",\n "Steps": [}', "", "line 2, column 12"),
    "a wrong type": (definition(processing("A", DependsOn="B")), "Steps[0].DependsOn", "expected a list"),
    "an unknown step": (definition(processing("A", DependsOn=["B"])), "Steps[0].DependsOn[0]", "no step 'B'"),
    "an unknown reference": (
        definition(READS_AN_UNKNOWN_STEP, processing("Train")),
        "Steps[0].Arguments.RoleArn",
        "did you mean `Train`?",
    ),
    "an undeclared parameter": (
        definition(READS_AN_UNKNOWN_PARAMETER, Parameters=[{"Name": "Role", "Type": "String"}]),
        "Steps[0].Arguments.RoleArn",
        "did you mean `Role`?",
    ),
    "a cycle": (
        definition(processing("A", DependsOn=["B"]), processing("B", DependsOn=["A"])),
        "Steps[0]",
        "A -> B -> A",
    ),
    "a duplicate step": (definition(processing("A"), processing("A")), "Steps[1].Name", "'A'"),
    "a duplicate member": ('{"Version": "2020-12-01", "Steps": [], "Steps": []}', "", "Steps"),
}


@pytest.mark.parametrize("name", BAD_DEFINITIONS)
def test_a_bad_definition_is_refused_with_its_place_by_command_and_dag_alike(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document, path, message = BAD_DEFINITIONS[name]
    file = tmp_path / "bad.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))

    assert main(["check", "--format", "json", str(file)]) == 1
    captured = capsys.readouterr()
    [report] = json.loads(captured.out)
    assert captured.err == ""
    assert any(
        error["path"].startswith(path) and message in f"{error['message']} {error['hint']}"
        for error in report["errors"]
    ), report
    with pytest.raises(InvalidDefinitionError) as caught:
        pipeline_dag(str(file))
    assert len(caught.value.exceptions) == len(report["errors"])


# -- the run's parameters ----------------------------------------------------------------------------------------------

TYPED = [
    {"Name": "Text", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
    {"Name": "Count", "Type": "Integer", "DefaultValue": 1},
    {"Name": "Share", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "Sure", "Type": "Boolean", "DefaultValue": True},
]


@pytest.mark.parametrize(
    ("name", "value"), [("Text", "c"), ("Count", "one"), ("Count", 1.5), ("Share", "half"), ("Sure", "perhaps")]
)
def test_a_wrong_parameter_value_starts_no_step_and_names_the_parameter(
    try_definition: TryDefinition, aws: LocalAws, name: str, value: Any
) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    before = len(calls_of(aws, "CreateProcessingJob"))
    with pytest.raises(ParamValidationError, match=name):
        try_definition(definition(processing("A"), Parameters=TYPED), {name: value})
    assert len(calls_of(aws, "CreateProcessingJob")) == before


# -- what jobs leave behind --------------------------------------------------------------------------------------------


def test_a_missing_property_file_is_named_and_costs_no_other_step(try_definition: TryDefinition) -> None:
    target = {"OutputName": "out", "S3Output": {"S3Uri": "s3://integration/missing"}}
    target["S3Output"] |= {"LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}  # type: ignore[operator]
    files = [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}]
    work = processing("Work", "echo '{}' > /opt/ml/processing/out/other.json", PropertyFiles=files)
    work["Arguments"]["ProcessingOutputConfig"] = {"Outputs": [target]}
    mse = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Work.PropertyFiles.Report"}, "Path": "mse"}}
    choose = {
        "Name": "Choose",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "LessThan", "LeftValue": mse, "RightValue": 1}],
            "IfSteps": [],
            "ElseSteps": [],
        },
    }

    tried = try_definition(definition(work, choose, processing("After", DependsOn=["Work"])))

    assert tried.states == {"Work": "success", "Choose": "failed", "After": "success"}
    [error] = tried.errors["Choose"]
    assert isinstance(error, UndefinedReferenceError)
    assert str(error).startswith("Step Choose: ")
    assert "s3://integration/missing/report.json: cannot read it: NoSuchKey" in str(error)
    assert tried.tries["Choose"] == 1, "waiting brings no file"


# -- the way to AWS ----------------------------------------------------------------------------------------------------


@contextmanager
def unreachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An endpoint at which nobody listens; yields its port, which stays free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # botocore's own, which come before ours
    yield port


def forward(port: int, endpoint_url: str) -> socket.socket:
    """Listen at a port and pass all on to an endpoint, until the socket is closed."""
    target = ("127.0.0.1", int(endpoint_url.rpartition(":")[2]))
    listener = socket.create_server(("127.0.0.1", port))

    def pass_on(source: socket.socket, sink: socket.socket) -> None:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(target)
            for pair in ((client, server), (server, client)):
                threading.Thread(target=pass_on, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return listener


def service_fault_policy(seconds: int, attempts: int) -> dict[str, Any]:
    return {"ExceptionType": ["Step.SERVICE_FAULT"], "IntervalSeconds": seconds, "MaxAttempts": attempts}


def test_an_unreachable_aws_is_a_service_fault_and_retried_as_the_policy_says(
    try_definition: TryDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unreachable(monkeypatch) as port:
        tried = try_definition(definition(processing("A", RetryPolicies=[service_fault_policy(1, 2)])))

    assert tried.state == "failed"
    assert tried.tries["A"] == 3
    for error in tried.errors["A"]:
        assert isinstance(error, StepFailedError)
        assert error.exception_type == "Step.SERVICE_FAULT"
        assert f'Could not connect to the endpoint URL: "http://127.0.0.1:{port}/"' in str(error)
        # From the second try on it looks first whether the job is there.
        assert re.match("Step A: AWS did not answer (Create|Describe)ProcessingJob: EndpointConnection", str(error))


def test_when_aws_is_back_the_job_gets_the_name_that_was_written_down_first(
    try_definition: TryDefinition, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_sm_pipelines.execution.attempts import AttemptBook

    written: list[str] = []
    write = AttemptBook.write
    monkeypatch.setattr(
        AttemptBook, "write", lambda book, attempt: (written.append(attempt.name), write(book, attempt))[1]
    )
    with unreachable(monkeypatch) as port:
        step = processing("Patient", RetryPolicies=[service_fault_policy(2, 5)])
        listeners: list[socket.socket] = []
        tried = try_definition(definition(step), on_retry=lambda _: listeners.append(forward(port, aws.endpoint_url)))
        for listener in listeners:
            listener.close()

    assert tried.state == "success"
    assert tried.tries["Patient"] == 2, "the first call found nobody"
    assert len(set(written)) == 1, "one attempt, from the first try to the last"
    created = [call["job_name"] for call in calls_of(aws, "CreateProcessingJob") if "-Patient-" in call["job_name"]]
    assert created == [written[0]]
    assert written[0].endswith("-0"), "no failure was counted"


WITHOUT_CREDENTIALS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
BAD_SETTINGS = {
    "credentials are missing": (
        WITHOUT_CREDENTIALS,
        {},
        "no AWS credentials: Airflow connection 'aws_default' has none",
    ),
    "the Airflow connection does not exist": (
        {},
        {"aws_conn_id": "aws_prod"},
        "Airflow connection 'aws_prod' does not exist; create it",
    ),
    "the profile does not exist": ({"AWS_PROFILE": "nobody"}, {}, "The config profile (nobody) could not be found"),
    "no region is set": ({"AWS_REGION": None, "AWS_DEFAULT_REGION": None}, {}, "no AWS region: Airflow connection"),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_what_keeps_a_worker_from_aws_is_named_and_not_retried(
    try_definition: TryDefinition, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    changes, arguments, message = BAD_SETTINGS[name]
    for variable, value in changes.items():
        if value is None:
            monkeypatch.delenv(variable)
        else:
            monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)

    tried = try_definition(definition(processing("A")), **arguments)

    assert tried.state == "failed"
    assert tried.tries["A"] == 1, "a retry would change nothing"
    [error] = tried.errors["A"]
    assert isinstance(error, StepFailedError)
    assert str(error).startswith("Step A: ")
    assert message in str(error)


def test_an_operation_that_the_installed_botocore_lacks_is_named_with_what_to_upgrade(
    try_definition: TryDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = replace(PROCESSING_JOB, create="CreateProcessingJobOf2030")
    monkeypatch.setitem(CATALOG, "Processing", replace(CATALOG["Processing"], kind=newer))

    tried = try_definition(definition(processing("A")))

    assert tried.tries["A"] == 1
    [error] = tried.errors["A"]
    assert re.fullmatch(
        r"Step A: the installed botocore \d[\d.]+ has no operation CreateProcessingJobOf2030 of sagemaker; "
        r"install a newer one where the task runs: pip install --upgrade boto3",
        str(error),
    )


@pytest.mark.parametrize("command", ["local", "rehearse"])
def test_a_missing_profile_does_not_matter_to_the_local_aws(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from airflow_sm_pipelines.cli import local

    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    file = tmp_path / "fine.json"
    file.write_text(json.dumps(definition(processing("A"))))
    monkeypatch.setattr(local, "_wait_for_signal", lambda: None)

    assert main({"local": ["local", "--port", "0"], "rehearse": ["rehearse", str(file)]}[command]) == 0
    assert "ProfileNotFound" not in "".join(capsys.readouterr())
    assert os.environ["AWS_PROFILE"] == "nobody", "only left for the while"
