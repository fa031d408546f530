"""botocore's own parsers are the oracle for what the answers mean."""

from __future__ import annotations

import json

import botocore.parsers
import botocore.session
import pytest

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.wire.responses import error_response, json_1_1_response, json_response


@pytest.mark.parametrize(
    ("service", "operation", "protocol"),
    [
        ("sagemaker", "CreateProcessingJob", "json"),
        ("lambda", "Invoke", "rest-json"),
        ("s3", "PutObject", "rest-xml"),
        ("sts", "GetCallerIdentity", "query"),
        ("cloudwatch", "PutMetricData", "smithy-rpc-v2-cbor"),
    ],
)
def test_an_error_has_the_form_of_its_protocol(service, operation, protocol):
    response = error_response(AwsError("SlowDown", "Please <wait> & see", 503), protocol, "id-1")
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    answer = {
        "headers": {name.lower(): value for name, value in response.headers},
        "status_code": response.http_status,
        "body": response.body,
    }
    parsed = botocore.parsers.create_parser(protocol).parse(answer, model.output_shape)
    assert parsed["Error"]["Code"] == "SlowDown"
    assert parsed["Error"]["Message"] == "Please <wait> & see"
    assert parsed["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert "id-1" in str(parsed["ResponseMetadata"])
    assert response.error_code == "SlowDown"


def test_a_result_carries_its_request_id():
    response = json_1_1_response({"a": 1}, "id-2")
    assert ("x-amzn-RequestId", "id-2") in response.headers
    assert json.loads(response.body) == {"a": 1}
    assert response.error_code is None


def test_status_lines_are_those_of_http():
    assert json_response({}, 404).status_line == "404 Not Found"
    assert json_response({}, 599).status_line == "599 Unknown"
