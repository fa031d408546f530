"""Models through a real boto3."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "123456789012.dkr.ecr.us-west-2.amazonaws.com/some-image:1"


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def model(bench):
    """Creates a model."""

    def create(name, **members):
        members = {"PrimaryContainer": {"Image": IMAGE}, **members}
        return bench.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, **members)["ModelArn"]

    return create


def test_a_model_is_described_as_it_was_created(bench, model):
    uri = bench.put("models/described/model.tar.gz", "x")
    container = {"Image": IMAGE, "ModelDataUrl": uri, "Environment": {"A": "{{ b }}"}}
    arn = model("described", PrimaryContainer=container, EnableNetworkIsolation=True)
    description = bench.sagemaker.describe_model(ModelName="described")
    assert arn == description["ModelArn"] == "arn:aws:sagemaker:us-west-2:123456789012:model/described"
    assert description["PrimaryContainer"] == container
    assert description["EnableNetworkIsolation"] is True
    assert description["CreationTime"]
    assert "Tags" not in description


def test_a_model_may_have_several_containers(bench, model):
    containers = [{"Image": IMAGE, "ContainerHostname": "first"}, {"Image": IMAGE}]
    bench.sagemaker.create_model(ModelName="chain", ExecutionRoleArn=ROLE, Containers=containers)
    assert bench.sagemaker.describe_model(ModelName="chain")["Containers"] == containers


def test_a_model_exists_once(bench, model):
    arn = model("twice")
    code, message = refusal(model, name="twice")
    assert (code, message) == ("ValidationException", f'Cannot create already existing model "{arn}".')


def test_a_model_whose_data_is_not_there_is_refused(bench, model):
    for uri in ("s3://test-bucket/nothing/model.tar.gz", "s3://no-bucket/model.tar.gz"):
        container = {"Image": IMAGE, "ModelDataUrl": uri}
        code, message = refusal(model, name="dataless", PrimaryContainer=container)
        assert (code, message) == ("ValidationException", f"Could not find model data at {uri}.")


def test_model_data_that_are_not_in_s3_are_not_looked_for(model):
    assert model("elsewhere", PrimaryContainer={"Image": IMAGE, "ModelDataUrl": "https://example.com/model.tar.gz"})


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"PrimaryContainer": {}}, "exactly one of Image and ModelPackageName"),
        ({"Containers": [{"Image": IMAGE}]}, "either a PrimaryContainer or Containers"),
    ],
)
def test_rules_of_the_containers_are_checked(model, members, expected):
    code, message = refusal(model, name="wrong", **members)
    assert code == "ValidationException"
    assert expected in message


def test_a_model_needs_a_role(bench):
    code, message = refusal(bench.sagemaker.create_model, ModelName="x", PrimaryContainer={"Image": IMAGE})
    assert (code, message) == ("ValidationException", "ExecutionRoleArn is required")


def test_an_unknown_model_package_is_refused(model):
    code, message = refusal(model, name="unpacked", PrimaryContainer={"ModelPackageName": "no-such-package"})
    assert (code, message.endswith("model-package/no-such-package does not exist.")) == ("ValidationException", True)


@pytest.mark.parametrize("operation", ["describe_model", "delete_model"])
def test_an_unknown_model_is_refused(bench, operation):
    code, message = refusal(getattr(bench.sagemaker, operation), ModelName="unknown")
    arn = "arn:aws:sagemaker:us-west-2:123456789012:model/unknown"
    assert (code, message) == ("ValidationException", f'Could not find model "{arn}".')


def test_a_deleted_model_is_gone_and_its_name_free(bench, model):
    model("deleted", Tags=[{"Key": "a", "Value": "b"}])
    bench.sagemaker.delete_model(ModelName="deleted")
    assert refusal(bench.sagemaker.describe_model, ModelName="deleted")
    arn = model("deleted")
    assert bench.sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


def test_models_are_listed_newest_first_page_by_page(bench, model):
    for number in range(5):
        model(f"listed-{number}")
    pages = bench.sagemaker.get_paginator("list_models").paginate(
        NameContains="listed-", PaginationConfig={"PageSize": 2}
    )
    names = [entry["ModelName"] for page in pages for entry in page["Models"]]
    assert names == [f"listed-{number}" for number in (4, 3, 2, 1, 0)]


def test_a_call_can_be_made_to_fail_by_its_name(bench, model):
    rule = {"service": "sagemaker", "operation": "CreateModel", "action": "error", "times": 1}
    bench.control("POST", "faults", rule)
    assert refusal(model, name="throttled") == ("ThrottlingException", "Rate exceeded")
    assert model("throttled")
