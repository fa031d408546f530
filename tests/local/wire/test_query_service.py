"""Forms and XML of the query protocol; botocore writes the forms and reads the XML."""

from __future__ import annotations

from urllib.parse import parse_qsl

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.wire.aws_call import AwsCall
from airflow_sm_pipelines.local.wire.json_service import RequestContext
from airflow_sm_pipelines.local.wire.query_service import QueryService, read_form

MODEL = botocore.session.get_session().get_service_model("iam").operation_model("SimulatePrincipalPolicy")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


def form_of(request):
    body = create_serializer("query").serialize_to_request(request, MODEL)["body"]
    return {name: str(value) for name, value in body.items()}


@pytest.mark.parametrize(
    "request_",
    [
        {"PolicySourceArn": ROLE, "ActionNames": ["a:B"]},
        {
            "PolicySourceArn": ROLE,
            "ActionNames": [f"a:{number}" for number in range(12)],
            "ContextEntries": [
                {"ContextKeyName": "aws:x", "ContextKeyValues": ["1", "2"], "ContextKeyType": "stringList"},
                {"ContextKeyName": "aws:y", "ContextKeyValues": ["1"]},
            ],
            "MaxItems": 7,
        },
    ],
)
def test_what_botocore_writes_into_a_form_is_read(request_):
    assert read_form(MODEL.input_shape, form_of(request_)) == request_


def test_other_fields_of_a_form_are_left_out():
    assert read_form(MODEL.input_shape, dict(parse_qsl("Action=X&Version=1&ActionNamesX=1&MaxItems=many"))) == {
        "MaxItems": "many"
    }


def answer(operation):
    call = AwsCall(
        "id", "", "iam", "us-west-2", "SimulatePrincipalPolicy", "query",
        form_of({"PolicySourceArn": ROLE, "ActionNames": ["a:B"]}), "key", ("127.0.0.1", 1),
    )  # fmt: skip
    response = QueryService("iam", {"SimulatePrincipalPolicy": operation}).answer(call, RequestContext("us-west-2"))
    document = {"status_code": response.http_status, "headers": dict(response.headers), "body": response.body}
    return create_parser("query").parse(document, MODEL.output_shape)


def test_botocore_reads_the_answer():
    result = {"EvaluationResults": [{"EvalActionName": "<a>&b", "EvalDecision": "allowed"}], "IsTruncated": True}
    parsed = answer(lambda *_: {**result, "Marker": None})
    assert parsed.pop("ResponseMetadata")["RequestId"] == "id"
    assert parsed == result


def test_a_refusal_is_answered_in_the_protocol():
    def refuse(*_):
        raise AwsError("NoSuchEntity", "no such <role>", 404)

    parsed = answer(refuse)
    assert parsed["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == ("NoSuchEntity", "no such <role>")
