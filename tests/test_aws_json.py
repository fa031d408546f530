"""The server's side of AWS JSON 1.1: what the endpoints have in common."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, StrictInt

from airflow_sm_pipelines.aws_json import RefusedRequestError, error_answer, json_answer, read_form, read_members


class Entry(BaseModel):
    value: Annotated[str, Field(alias="Value", min_length=2, max_length=3, pattern="^a")]


class Form(BaseModel):
    number: Annotated[StrictInt, Field(alias="Number", ge=1, le=5)] = 1
    entries: Annotated[list[Entry], Field(alias="Entries", min_length=1, max_length=2)]


RIGHT = {"Value": "ab"}


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({}, "Entries is required"),
        ({"Entries": {}}, "Entries must be a list"),
        ({"Entries": []}, "Entries must have 1 or more entries"),
        ({"Entries": [RIGHT] * 3}, "Entries must have at most 2 entries"),
        ({"Entries": ["ab"]}, "Entries[0] must be an object"),
        ({"Entries": [RIGHT, {"Value": 1}]}, "Entries[1].Value must be a string"),
        ({"Entries": [{"Value": "a"}]}, "Entries[0].Value must have at least 2 characters"),
        ({"Entries": [{"Value": "aaaa"}]}, "Entries[0].Value must have at most 3 characters"),
        ({"Entries": [{"Value": "bb"}]}, "Entries[0].Value must match ^a"),
        ({"Entries": [RIGHT], "Number": "1"}, "Number must be a whole number"),
        ({"Entries": [RIGHT], "Number": 0}, "Number must be at least 1"),
        ({"Entries": [RIGHT], "Number": 6}, "Number must be at most 5"),
    ],
)
def test_a_complaint_names_the_place_and_what_is_allowed(members: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        read_form(Form, members)
    assert (caught.value.code, caught.value.message) == ("ValidationException", complaint)


def test_a_form_may_have_words_of_its_own() -> None:
    with pytest.raises(RefusedRequestError, match="must begin with a"):
        read_form(Form, {"Entries": [{"Value": "bb"}]}, {"string_pattern_mismatch": "must begin with a"})


def test_members_that_nobody_knows_do_not_matter() -> None:
    assert read_form(Form, {"Entries": [RIGHT], "Later": 1}).entries[0].value == "ab"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"null", pytest.param(b"[" * 200_000, id="deep")])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        read_members(body)
    assert caught.value.code == "SerializationException"


def test_answers_have_the_form_of_the_protocol() -> None:
    right, wrong = json_answer({"A": 1}), error_answer(RefusedRequestError("Code", "why", 403), {"Connection": "close"})
    assert (right.status_code, json.loads(bytes(right.body))) == (200, {"A": 1})
    assert (wrong.status_code, wrong.headers["connection"]) == (403, "close")
    assert json.loads(bytes(wrong.body)) == {"__type": "Code", "Message": "why", "message": "why"}
    for answer in (right, wrong):
        assert answer.headers["content-type"] == "application/x-amz-json-1.1"
        assert answer.headers["x-amzn-requestid"]
