"""Answers in the REST-JSON protocol."""

from __future__ import annotations

import json

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.wire.aws_call import AwsCall
from airflow_sm_pipelines.local.wire.json_service import RequestContext
from airflow_sm_pipelines.local.wire.rest_json_service import RestJsonService

CONTEXT = RequestContext("us-west-2")


def answer(operation, members, function):
    service = RestJsonService("lambda", {operation: function})
    call = AwsCall("id", "", "lambda", "us-west-2", operation, "rest-json", members, "key", ("127.0.0.1", 1))
    return service.answer(call, CONTEXT)


def test_members_go_into_status_headers_and_body_as_the_model_says():
    result = {"StatusCode": 200, "FunctionError": "Unhandled", "LogResult": None, "Payload": '{"x": 1}'}
    response = answer("Invoke", {"FunctionName": "f"}, lambda *_: result)
    assert (response.http_status, response.body) == (200, b'{"x": 1}')
    headers = dict(response.headers)
    assert headers["X-Amz-Function-Error"] == "Unhandled"
    assert "X-Amz-Log-Result" not in headers


def test_a_structure_is_a_json_body_with_the_models_status():
    response = answer("PublishVersion", {"FunctionName": "f"}, lambda *_: {"Version": "3"})
    assert (response.http_status, json.loads(response.body)) == (201, {"Version": "3"})
    response = answer("DeleteAlias", {"FunctionName": "f", "Name": "a"}, lambda *_: {})
    assert (response.http_status, response.body) == (204, b"")


def test_a_refusal_has_its_code_in_a_header():
    def refuse(*_):
        raise AwsError("ResourceNotFoundException", "no such function", 404)

    response = answer("GetFunction", {"FunctionName": "f"}, refuse)
    assert (response.http_status, json.loads(response.body)) == (404, {"message": "no such function"})
    assert dict(response.headers)["x-amzn-ErrorType"] == "ResourceNotFoundException"


def test_an_invalid_request_does_not_reach_the_operation():
    response = answer("GetFunction", {"FunctionName": "no name!"}, lambda *_: {})
    assert response.error_code == "ValidationException"
