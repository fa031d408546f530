from __future__ import annotations

import io

import pytest

from airflow_sm_pipelines.local.wire.aws_call import read_body, read_call

SIGNED = "AWS4-HMAC-SHA256 Credential=AKIA123/20260102/eu-west-1/{service}/aws4_request, SignedHeaders=x"


def environ_of(service="", *, body=b"", path="/", query="", method="POST", **more):
    authorization = {"HTTP_AUTHORIZATION": SIGNED.format(service=service)} if service else {}
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "5555",
        "wsgi.input": io.BytesIO(body),
        **authorization,
        **more,
    }


def test_json_calls_are_told_by_their_target():
    environ = environ_of(
        "sagemaker", body=b'{"ProcessingJobName": "x"}', HTTP_X_AMZ_TARGET="SageMaker.StopProcessingJob"
    )
    call = read_call(environ, "us-west-2")
    assert (call.service, call.region, call.operation) == ("sagemaker", "eu-west-1", "StopProcessingJob")
    assert (call.protocol, call.members) == ("json", {"ProcessingJobName": "x"})
    assert call.job_name == "x"
    assert call.peer == ("127.0.0.1", 5555)
    assert call.access_key_id == "AKIA123"


@pytest.mark.parametrize("body", [b"[1]", b"{", b'"text"', b"[" * 100_000, b'{"a":' * 101 + b"1" + b"}" * 101])
def test_a_json_body_that_is_no_object_has_no_members(body):
    call = read_call(environ_of("sagemaker", body=body, HTTP_X_AMZ_TARGET="SageMaker.X"), "us-west-2")
    assert call.members is None
    assert call.job_name is None


def test_query_calls_are_told_by_their_action():
    environ = environ_of(
        "sts",
        body=b"Action=GetCallerIdentity&Version=2011-06-15",
        CONTENT_TYPE="application/x-www-form-urlencoded; charset=utf-8",
    )
    call = read_call(environ, "us-west-2")
    assert (call.operation, call.protocol) == ("GetCallerIdentity", "query")
    assert call.members["Version"] == "2011-06-15"


def test_rest_calls_are_told_by_method_and_path():
    call = read_call(environ_of("s3", method="PUT", path="/b/k\xc3\xa9"), "us-west-2")
    assert (call.operation, call.protocol) == ("PutObject", "rest-xml")
    assert call.members == {"Bucket": "b", "Key": "ké"}


def test_cbor_calls_are_told_by_the_end_of_their_path():
    environ = environ_of(
        "tagging",
        path="/service/ResourceGroupsTaggingAPI_20170126/operation/GetResources",
        HTTP_SMITHY_PROTOCOL="rpc-v2-cbor",
    )
    call = read_call(environ, "us-west-2")
    assert (call.operation, call.protocol) == ("GetResources", "smithy-rpc-v2-cbor")


def test_a_presigned_url_is_signed_too():
    query = "X-Amz-Credential=AKIA9%2F20260102%2Fus-east-2%2Fs3%2Faws4_request"
    call = read_call(environ_of(method="GET", path="/b/k", query=query), "us-west-2")
    assert (call.service, call.region, call.access_key_id) == ("s3", "us-east-2", "AKIA9")


def test_an_unsigned_call_has_the_default_region_and_no_service():
    call = read_call(environ_of(method="GET", path="/x"), "us-west-2")
    assert (call.service, call.region, call.operation) == ("", "us-west-2", "GET /x")


def test_the_body_can_be_read_again():
    environ = environ_of("sagemaker", body=b"{}", HTTP_X_AMZ_TARGET="SageMaker.X")
    read_call(environ, "us-west-2")
    assert read_body(environ) == read_body(environ) == b"{}"
