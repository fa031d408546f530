from __future__ import annotations

import botocore.session
import pytest

from airflow_sm_pipelines.local.wire.completion import completed
from airflow_sm_pipelines.local.wire.validation import validate_request


def shape_of(operation):
    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model(operation).input_shape


@pytest.mark.parametrize(
    "operation",
    ["CreateTrainingJob", "CreateProcessingJob", "CreateEndpointConfig", "CreateModel", "CreateTransformJob"],
)
def test_nothing_that_is_required_is_missing(operation):
    told = []
    validate_request(shape_of(operation), completed(shape_of(operation), {}, "rehearsal"), told.append)
    assert "must not be null" not in "".join(told)


def test_what_is_there_stays_and_inner_structures_are_completed():
    request = {"EndpointConfigName": "mine", "ProductionVariants": [{"ModelName": "m"}], "Tags": None}
    assert completed(shape_of("CreateEndpointConfig"), request, "rehearsal") == {
        "EndpointConfigName": "mine",
        "ProductionVariants": [{"ModelName": "m", "VariantName": "rehearsal"}],
    }


def test_a_complete_request_is_left_alone():
    request = {"EndpointConfigName": "mine", "ProductionVariants": [{"VariantName": "v"}], "Tags": []}
    assert completed(shape_of("CreateEndpointConfig"), request, "rehearsal") == request
