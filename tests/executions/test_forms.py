"""The forms of requests and answers, against botocore's model of the API."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.executions.operations import OPERATIONS


@pytest.fixture(scope="module")
def model() -> Any:
    from botocore.session import get_session

    return get_session().get_service_model("sagemaker")


@pytest.mark.newest
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_form_has_every_member_of_the_request(model: Any, name: str) -> None:
    aliases = {field.alias for field in OPERATIONS[name].form.model_fields.values()}
    assert aliases == set(model.operation_model(name).input_shape.members)


@pytest.mark.newest
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_smallest_request_is_the_apis(model: Any, name: str) -> None:
    """But for the tokens, which botocore makes and EventBridge does not, and an ARN without which nothing is found."""
    fields = OPERATIONS[name].form.model_fields.values()
    required = {field.alias for field in fields if field.is_required()}
    said = set(model.operation_model(name).input_shape.required_members)
    assert required == said - {"ClientRequestToken"} | ({"PipelineExecutionArn"} & required)


def test_the_largest_request_is_taken() -> None:
    import json

    from airflow_sm_pipelines.executions import endpoint

    parameters = [{"Name": f"{n:0>256}", "Value": "\x01" * 1024} for n in range(200)]
    body = json.dumps({"PipelineName": "p", "PipelineParameters": parameters}).encode()
    assert len(body) <= endpoint.MOST_BYTES
    assert OPERATIONS["StartPipelineExecution"].form.model_validate(json.loads(body))
