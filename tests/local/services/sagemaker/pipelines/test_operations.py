"""Pipelines that the service keeps, through a real boto3."""

from __future__ import annotations

import json
import uuid

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
DEFINITION = json.dumps({"Version": "2020-12-01", "Steps": []})


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def create(bench):
    """Creates a pipeline under a name of its own, and returns the name."""

    def create(prefix="pipeline", **members):
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        members = {"PipelineDefinition": DEFINITION, "RoleArn": ROLE, **members}
        bench.sagemaker.create_pipeline(PipelineName=name, **members)
        return name

    return create


def test_a_pipeline_is_described_as_it_was_created_by_its_name_and_by_its_arn(bench, create):
    name = create(PipelineDescription="What it is", ParallelismConfiguration={"MaxParallelExecutionSteps": 3})

    by_name = bench.sagemaker.describe_pipeline(PipelineName=name)

    arn = f"arn:aws:sagemaker:us-west-2:123456789012:pipeline/{name}"
    assert (by_name["PipelineName"], by_name["PipelineArn"], by_name["RoleArn"]) == (name, arn, ROLE)
    assert by_name["PipelineDefinition"] == DEFINITION
    assert by_name["PipelineDescription"] == "What it is"
    assert by_name["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}
    assert by_name["PipelineStatus"] == "Active"
    assert by_name["LastModifiedTime"] == by_name["CreationTime"]
    by_arn = bench.sagemaker.describe_pipeline(PipelineName=arn)
    assert by_arn["PipelineDefinition"] == DEFINITION


def test_an_update_changes_what_it_names_and_the_time_of_the_last_change(bench, create):
    name = create(PipelineDescription="first")
    before = bench.sagemaker.describe_pipeline(PipelineName=name)
    changed = json.dumps({"Version": "2020-12-01", "Steps": [], "Metadata": {}})

    bench.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=changed)

    after = bench.sagemaker.describe_pipeline(PipelineName=name)
    assert (after["PipelineDefinition"], after["PipelineDescription"]) == (changed, "first")
    assert after["LastModifiedTime"] > before["LastModifiedTime"]
    assert after["CreationTime"] == before["CreationTime"]


def test_a_second_pipeline_of_the_same_name_is_refused_in_the_words_that_upsert_looks_for(bench, create):
    name = create()
    code, message = refusal(
        bench.sagemaker.create_pipeline, PipelineName=name, PipelineDefinition=DEFINITION, RoleArn=ROLE
    )
    assert code == "ValidationException"
    assert "already exists" in message


def test_the_same_request_again_is_answered_again(bench):
    request = {"PipelineName": "twice", "PipelineDefinition": DEFINITION, "RoleArn": ROLE}
    token = "t" * 32
    first = bench.sagemaker.create_pipeline(**request, ClientRequestToken=token)
    assert bench.sagemaker.create_pipeline(**request, ClientRequestToken=token)["PipelineArn"] == first["PipelineArn"]


def test_a_definition_may_be_in_s3(bench):
    bench.put("definitions/stored.json", DEFINITION)
    place = {"Bucket": "test-bucket", "ObjectKey": "definitions/stored.json"}

    bench.sagemaker.create_pipeline(PipelineName="stored", PipelineDefinitionS3Location=place, RoleArn=ROLE)

    assert bench.sagemaker.describe_pipeline(PipelineName="stored")["PipelineDefinition"] == DEFINITION
    missing = {"Bucket": "test-bucket", "ObjectKey": "definitions/missing.json"}
    code, message = refusal(
        bench.sagemaker.create_pipeline, PipelineName="lost", PipelineDefinitionS3Location=missing, RoleArn=ROLE
    )
    assert code == "ValidationException"
    assert "s3://test-bucket/definitions/missing.json cannot be read" in message


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "One of PipelineDefinition and PipelineDefinitionS3Location is required"),
        ({"PipelineDefinition": "{"}, "not JSON"),
        ({"PipelineDefinition": "[]"}, "not an object with Steps"),
        ({"PipelineDefinition": DEFINITION, "PipelineVersionAliases": ["v1"]}, "only the latest version"),
    ],
)
def test_what_is_no_definition_is_refused(bench, members, words):
    code, message = refusal(bench.sagemaker.create_pipeline, PipelineName="refused", RoleArn=ROLE, **members)
    assert code == "ValidationException"
    assert words in message


def test_a_deleted_pipeline_is_gone_with_its_tags(bench, create):
    name = create(Tags=[{"Key": "team", "Value": "ml"}])
    arn = bench.sagemaker.describe_pipeline(PipelineName=name)["PipelineArn"]
    assert bench.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "ml"}]

    bench.sagemaker.delete_pipeline(PipelineName=name)

    for call in (bench.sagemaker.describe_pipeline, bench.sagemaker.update_pipeline, bench.sagemaker.delete_pipeline):
        assert refusal(call, PipelineName=name)[0] == "ResourceNotFound"
    assert refusal(bench.sagemaker.list_tags, ResourceArn=arn)[0] == "ValidationException"


def test_pipelines_are_listed_by_prefix_and_in_pages(bench, create):
    names = {create("listed") for _ in range(3)}
    create("other")

    first = bench.sagemaker.list_pipelines(PipelineNamePrefix="listed", MaxResults=2)
    second = bench.sagemaker.list_pipelines(PipelineNamePrefix="listed", MaxResults=2, NextToken=first["NextToken"])

    found = first["PipelineSummaries"] + second["PipelineSummaries"]
    assert {one["PipelineName"] for one in found} == names
    assert len(found) == 3
    assert "NextToken" not in second
    assert found[0]["LastModifiedTime"]


def test_search_finds_pipelines_by_their_tags(bench, create):
    wanted = create(Tags=[{"Key": "team", "Value": "fraud"}, {"Key": "stage", "Value": "prod"}])
    create(Tags=[{"Key": "team", "Value": "fraud"}, {"Key": "stage", "Value": "dev"}])
    filters = [
        {"Name": "Tags.team", "Operator": "Equals", "Value": "fraud"},
        {"Name": "Tags.stage", "Operator": "Equals", "Value": "prod"},
    ]

    found = bench.sagemaker.search(Resource="Pipeline", SearchExpression={"Filters": filters})["Results"]

    assert [one["Pipeline"]["PipelineName"] for one in found] == [wanted]
    assert {"Key": "team", "Value": "fraud"} in found[0]["Pipeline"]["Tags"]


@pytest.mark.parametrize(
    "request_",
    [
        {"Resource": "TrainingJob"},
        {"Resource": "Pipeline", "SearchExpression": {"Operator": "Or"}},
        {
            "Resource": "Pipeline",
            "SearchExpression": {"Filters": [{"Name": "PipelineName", "Operator": "Contains", "Value": "a"}]},
        },
    ],
)
def test_a_search_that_is_not_for_tags_of_pipelines_is_refused(bench, request_):
    code, message = refusal(bench.sagemaker.search, **request_)
    assert code == "ValidationException"
    assert "The local AWS searches" in message
