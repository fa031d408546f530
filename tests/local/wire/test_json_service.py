from __future__ import annotations

import json

import pytest

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.wire.aws_call import AwsCall
from airflow_sm_pipelines.local.wire.json_service import JsonService, RequestContext

CONTEXT = RequestContext("us-west-2")


def call_of(operation, members):
    return AwsCall("id", "", "sagemaker", "us-west-2", operation, "json", members, "key", ("127.0.0.1", 1))


def stop(context, request):
    if request["ProcessingJobName"] == "refused":
        raise AwsError("ResourceNotFound", "no such job")
    return {}


SERVICE = JsonService("sagemaker", {"StopProcessingJob": stop})


def answer(operation, members):
    response = SERVICE.answer(call_of(operation, members), CONTEXT)
    return response.http_status, json.loads(response.body)


def test_an_operation_gets_its_valid_request():
    assert answer("StopProcessingJob", {"ProcessingJobName": "x"}) == (200, {})


def test_an_operation_does_not_see_an_invalid_request():
    status, body = answer("StopProcessingJob", {"ProcessingJobName": "a_b"})
    assert (status, body["__type"]) == (400, "ValidationException")


def test_a_refusal_is_answered_in_the_protocol():
    status, body = answer("StopProcessingJob", {"ProcessingJobName": "refused"})
    assert (status, body) == (400, {"__type": "ResourceNotFound", "message": "no such job"})


@pytest.mark.parametrize(
    ("operation", "what"),
    [("CreateModel", "does not implement"), ("CreateTeapot", "does not know"), ("POST /x", "does not know")],
)
def test_an_operation_that_is_not_there_is_refused_with_400_and_what_is_there(operation, what):
    status, body = answer(operation, {})
    assert (status, body["__type"]) == (400, "UnknownOperationException")
    assert body["message"] == f"The local AWS {what} sagemaker:{operation}. It has: StopProcessingJob"


def test_a_body_that_is_no_object_is_a_serialization_exception():
    status, body = answer("StopProcessingJob", None)
    assert (status, body["__type"]) == (400, "SerializationException")
