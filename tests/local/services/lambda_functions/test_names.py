"""How callers name a function."""

from __future__ import annotations

import pytest

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.services.lambda_functions.names import read_reference

ARN = "arn:aws:lambda:us-west-2:123456789012:function:f"


@pytest.mark.parametrize("prefix", ["", "function:", "123456789012:function:", "123456789012:", ARN.removesuffix("f")])
@pytest.mark.parametrize("qualifier", ["", "prod", "7", "$LATEST"])
def test_every_form_means_the_same(prefix, qualifier):
    found = read_reference(f"{prefix}f:{qualifier}" if qualifier else f"{prefix}f", "us-west-2")
    assert (found.name, found.qualifier, found.key) == ("f", qualifier, "us-west-2/f")
    assert found.arn == (f"{ARN}:{qualifier}" if qualifier else ARN)


def test_the_requests_own_qualifier_counts_and_must_agree():
    assert read_reference("f", "us-west-2", "prod").qualifier == "prod"
    assert read_reference("f:prod", "us-west-2", "prod").qualifier == "prod"
    with pytest.raises(AwsError, match="does not match the specified qualifier"):
        read_reference("f:prod", "us-west-2", "test")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ARN.replace("us-west-2", "eu-west-1"), "ResourceNotFoundException"),
        (ARN.replace("123456789012", "210987654321"), "AccessDeniedException"),
        ("a:b:c:d", "InvalidParameterValueException"),
        ("", "InvalidParameterValueException"),
    ],
)
def test_what_is_not_here_is_refused(text, code):
    with pytest.raises(AwsError) as caught:
        read_reference(text, "us-west-2")
    assert caught.value.code == code
