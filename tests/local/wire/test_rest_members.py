"""The members of REST-JSON requests."""

from __future__ import annotations

import pytest

from airflow_sm_pipelines.local.wire.rest_members import RestRequest, read_rest_members


def members(operation, *, path=None, query="", headers=None, body=b"", service="lambda"):
    return read_rest_members(service, operation, RestRequest(path or {}, query, headers or {}, body))


def test_members_come_from_path_query_headers_and_a_body_that_is_one_of_them():
    found = members(
        "Invoke",
        path={"FunctionName": "f"},
        query="Qualifier=prod",
        headers={"x-amz-log-type": "Tail", "host": "x"},
        body=b'{"a": 1}',
    )
    assert found == {"FunctionName": "f", "Qualifier": "prod", "LogType": "Tail", "Payload": '{"a": 1}'}


def test_an_empty_body_is_no_member():
    assert members("Invoke", path={"FunctionName": "f"}) == {"FunctionName": "f"}


def test_members_of_a_json_body_stay_typed_and_unknown_ones_stay():
    found = members("CreateFunction", body=b'{"FunctionName": "f", "Timeout": 3, "Teapot": null}')
    assert found == {"FunctionName": "f", "Timeout": 3, "Teapot": None}


def test_values_of_the_query_have_the_models_types():
    assert members("ListFunctions", query="MaxItems=7&Marker=8") == {"MaxItems": 7, "Marker": "8"}
    assert members("ListFunctions", query="MaxItems=many") == {"MaxItems": "many"}
    path = {"LayerName": "l", "VersionNumber": "12"}
    assert members("GetLayerVersion", path=path) == {"LayerName": "l", "VersionNumber": 12}
    tags = members("UntagResource", path={"Resource": "arn"}, query="tagKeys=a&tagKeys=b")
    assert tags == {"Resource": "arn", "TagKeys": ["a", "b"]}


@pytest.mark.parametrize("body", [b"[1]", b"{", b'"text"', b"[" * 100_000, b'{"a":' * 101 + b"1" + b"}" * 101])
def test_a_body_that_is_no_object_has_no_members(body):
    assert members("CreateFunction", body=body) is None


def test_other_services_have_their_own_model():
    path = {"applicationId": "00abc"}
    found = members("StartJobRun", service="emr-serverless", path=path, body=b'{"clientToken": "t"}')
    assert found == {"applicationId": "00abc", "clientToken": "t"}
