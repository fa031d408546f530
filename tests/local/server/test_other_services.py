"""What moto does not have is an error of the service, never a lost connection; and it is in the record of calls."""

from __future__ import annotations

import http.client

import pytest
from botocore.exceptions import ClientError

from airflow_sm_pipelines.local.server.other_services import answer_of
from airflow_sm_pipelines.local.wire.aws_call import read_call
from airflow_sm_pipelines.local.wire.wsgi_call import s3_environ

JSON_CODE = "UnknownOperationException"


@pytest.fixture(autouse=True)
def _no_records(bench):
    bench.control("DELETE", "calls")
    yield
    bench.control("DELETE", "calls")


@pytest.mark.parametrize(
    ("service", "method", "arguments", "operation", "code"),
    [
        (
            "iam",
            "get_organizations_access_report",
            {"JobId": "x" * 36},
            "GetOrganizationsAccessReport",
            "InvalidAction",
        ),
        ("logs", "associate_kms_key", {"kmsKeyId": "k"}, "AssociateKmsKey", JSON_CODE),
        ("cloudwatch", "list_managed_insight_rules", {"ResourceARN": "a"}, "ListManagedInsightRules", JSON_CODE),
        ("polly", "list_speech_synthesis_tasks", {}, "GET /v1/synthesisTasks", JSON_CODE),
        ("translate", "list_languages", {}, "ListLanguages", JSON_CODE),
    ],
    ids=["query", "json", "cbor", "rest-json", "a service that moto lacks"],
)
def test_an_operation_that_moto_lacks_is_a_modelled_error(bench, service, method, arguments, operation, code):
    with pytest.raises(ClientError, match="The local AWS does not implement") as caught:
        getattr(bench.client(service), method)(**arguments)
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, 400)
    assert error["Error"]["Message"].endswith(f":{operation}")
    [call] = bench.control("GET", "calls")["calls"]
    assert (call["operation"], call["outcome"], call["http_status"]) == (operation, code, 400)


def test_a_request_that_breaks_moto_is_a_modelled_error_and_recorded(bench):
    """Bodies that no SDK sends: moto expects what it needs to be there."""
    client = bench.client("kms", parameter_validation=False)
    with pytest.raises(ClientError, match="moto, which answers for kms, failed in DescribeKey") as caught:
        client.describe_key()
    assert caught.value.response["Error"]["Code"] == "InternalFailure"
    assert [call["outcome"] for call in bench.calls("DescribeKey")] == ["InternalFailure"]


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (NotImplementedError("x"), "The local AWS does not implement s3:GetObject"),
        (
            ModuleNotFoundError("No module named 'py_partiql_parser'", name="py_partiql_parser"),
            "The local AWS does not implement s3:GetObject; moto has it, but needs the package that provides "
            "'py_partiql_parser'",
        ),
    ],
)
def test_what_s3_lacks_has_s3s_code(missing, message):
    def application(environ, start_response):
        raise missing

    environ = s3_environ("GET", "/bucket/key", "us-west-2")
    response = answer_of(application, read_call(environ, "us-west-2"), environ)
    assert (response.http_status, response.error_code) == (501, "NotImplemented")
    assert message in response.body.decode()


@pytest.mark.parametrize("body", [b"<!doctype html>\n<title>404</title>", b"<html>an object of a user</html>"])
def test_a_page_of_the_web_framework_is_not_taken_for_an_answer(body):
    def application(environ, start_response):
        start_response("404 Not Found", [("Content-Type", "text/html")])
        return [body]

    environ = s3_environ("GET", "/bucket/key", "us-west-2")
    response = answer_of(application, read_call(environ, "us-west-2"), environ)
    assert (response.error_code == "NotImplemented") is body.startswith(b"<!doctype")


@pytest.mark.parametrize("body", [b"\xff\xfe", b"Action=GetCallerIdentity&X=\xff"])
def test_a_form_that_is_no_text_is_answered(bench, body):
    connection = http.client.HTTPConnection(bench.aws.endpoint_url.removeprefix("http://"), timeout=10)
    connection.request("POST", "/", body, {"Content-Type": "application/x-www-form-urlencoded"})
    assert connection.getresponse().status in (200, 400, 404, 405)
    connection.close()
    assert len(bench.control("GET", "calls")["calls"]) == 1


@pytest.mark.parametrize("target", ["SageMaker.ListModels", "", None])
def test_json_that_is_nested_too_deep_is_answered(bench, target):
    scope = "AWS4-HMAC-SHA256 Credential=k/20260101/us-west-2/{}/aws4_request, SignedHeaders=x, Signature=y"
    path = "/2015-03-31/functions" if target is None else "/"
    headers = {"Authorization": scope.format("lambda" if target is None else "sagemaker"), "X-Amz-Target": target or ""}
    connection = http.client.HTTPConnection(bench.aws.endpoint_url.removeprefix("http://"), timeout=10)
    connection.request("POST", path, b"[" * 200_000, headers)
    assert connection.getresponse().status == 400
    connection.close()
    assert len(bench.control("GET", "calls")["calls"]) == 1
