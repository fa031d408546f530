from __future__ import annotations

import json

import pytest

from airflow_sm_pipelines.local.server.call_log import CallLog
from airflow_sm_pipelines.local.server.control import ControlEndpoints
from airflow_sm_pipelines.local.server.faults import FaultTable
from airflow_sm_pipelines.local.services.sagemaker.executions.operations import PipelineExecutions

RULE = {"service": "s3", "operation": "PutObject", "action": "slow", "seconds": 0.1}


@pytest.fixture
def control():
    return ControlEndpoints(FaultTable(), CallLog(), PipelineExecutions(), lambda: {"status": "ok"})


def test_health_is_what_the_server_tells(control):
    response = control.answer("GET", "/_local/health", b"")
    assert (response.http_status, json.loads(response.body)) == (200, {"status": "ok"})


def test_rules_are_set_shown_and_removed(control):
    response = control.answer("POST", "/_local/faults", json.dumps(RULE).encode())
    assert response.http_status == 201
    [shown] = json.loads(control.answer("GET", "/_local/faults", b"").body)["faults"]
    assert RULE.items() <= shown.items()
    control.answer("DELETE", "/_local/faults", b"")
    assert json.loads(control.answer("GET", "/_local/faults", b"").body) == {"faults": []}


def test_calls_are_shown_and_forgotten(control):
    assert json.loads(control.answer("GET", "/_local/calls", b"").body) == {"calls": []}
    assert json.loads(control.answer("DELETE", "/_local/calls", b"").body) == {"calls": []}


@pytest.mark.parametrize("body", [b"{", b'{"service": "s3"}', b"3", b"[" * 100_000])
def test_a_faulty_rule_is_refused_and_none_is_set(control, body):
    response = control.answer("POST", "/_local/faults", body)
    assert response.http_status == 400
    assert json.loads(response.body)["error"]
    assert json.loads(control.answer("GET", "/_local/faults", b"").body) == {"faults": []}


PIPELINE = "arn:aws:sagemaker:us-west-2:111122223333:pipeline/abalone"
DESCRIPTION = {
    "PipelineArn": PIPELINE,
    "PipelineExecutionArn": f"{PIPELINE}/execution/p1lrnbqnmbbr",
    "PipelineExecutionStatus": "Executing",
    "CreationTime": 1_795_161_600,
}


def test_executions_are_recorded_shown_and_forgotten(control):
    for status in ("Executing", "Failed"):  # a later recording of the same execution takes the place of the first
        description = {**DESCRIPTION, "PipelineExecutionStatus": status}
        recording = json.dumps({"DescribePipelineExecution": description}).encode()
        response = control.answer("POST", "/_local/executions", recording)
        assert (response.http_status, json.loads(response.body)) == (201, {"executions": [description]})
    assert json.loads(control.answer("GET", "/_local/executions", b"").body) == {"executions": [description]}
    assert json.loads(control.answer("DELETE", "/_local/executions", b"").body) == {"executions": []}
    assert json.loads(control.answer("GET", "/_local/executions", b"").body) == {"executions": []}


@pytest.mark.parametrize("body", [b"{", b"{}", b"[]", b"[" * 100_000])
def test_a_faulty_recording_is_refused_and_none_is_kept(control, body):
    response = control.answer("POST", "/_local/executions", body)
    assert response.http_status == 400
    assert json.loads(response.body)["error"]
    assert json.loads(control.answer("GET", "/_local/executions", b"").body) == {"executions": []}


def test_an_unknown_endpoint_lists_those_that_exist(control):
    response = control.answer("GET", "/_local/nothing", b"")
    assert response.http_status == 404
    assert "/_local/health, /_local/faults, /_local/calls, /_local/executions" in json.loads(response.body)["error"]


def test_a_wrong_method_is_told(control):
    response = control.answer("PUT", "/_local/calls", b"")
    assert response.http_status == 405
    assert "takes GET, DELETE, not PUT" in json.loads(response.body)["error"]
