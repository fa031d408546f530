"""Lineage: a real boto3 against a local AWS."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

ACTION = {"ActionName": "deploy", "ActionType": "ModelDeployment", "Source": {"SourceUri": "arn:endpoint"}}
ARTIFACT = {"ArtifactName": "model", "ArtifactType": "Model", "Source": {"SourceUri": "s3://bucket/model"}}
CONTEXT = {"ContextName": "release", "ContextType": "Release", "Source": {"SourceUri": "arn:execution"}}


@pytest.fixture
def lineage(open_workbench):
    """SageMaker of a local AWS of its own."""
    with open_workbench(sandbox="rewrite") as bench:
        yield bench.sagemaker


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(
    ("noun", "request_", "again"),
    [
        ("action", ACTION, {"ActionType": "Other"}),
        ("artifact", ARTIFACT, {"ArtifactName": "other"}),
        ("context", CONTEXT, {"ContextType": "Other"}),
    ],
)
def test_an_entity_is_created_once_and_described(lineage, noun, request_, again):
    create, describe = getattr(lineage, f"create_{noun}"), getattr(lineage, f"describe_{noun}")
    arn = create(**request_)[f"{noun.capitalize()}Arn"]
    code, message = refusal(create, **{**request_, **again})
    assert code == "ValidationException"
    assert "already exists" in message
    name = f"{noun.capitalize()}Arn" if noun == "artifact" else f"{noun.capitalize()}Name"
    found = describe(**{name: arn if noun == "artifact" else request_[name]})
    assert found[f"{noun.capitalize()}Arn"] == arn
    assert found["Source"] == request_["Source"]
    [row] = getattr(lineage, f"list_{noun}s")(SourceUri=request_["Source"]["SourceUri"])[
        f"{noun.capitalize()}Summaries"
    ]
    assert row[f"{noun.capitalize()}Arn"] == arn


def test_an_update_adds_properties_and_removes_others(lineage):
    lineage.create_action(**ACTION, Properties={"a": "1", "b": "2"})
    lineage.update_action(ActionName="deploy", Status="Failed", Properties={"c": "3"}, PropertiesToRemove=["a"])
    found = lineage.describe_action(ActionName="deploy")
    assert (found["Status"], found["Properties"]) == ("Failed", {"b": "2", "c": "3"})


def test_what_is_not_there_is_not_found(lineage):
    assert refusal(lineage.describe_action, ActionName="no")[0] == "ResourceNotFound"
    assert refusal(lineage.update_context, ContextName="no")[0] == "ResourceNotFound"


def test_an_association_is_made_once_between_what_is_there(lineage):
    artifact = lineage.create_artifact(**ARTIFACT)["ArtifactArn"]
    action = lineage.create_action(**ACTION)["ActionArn"]
    ends = {"SourceArn": artifact, "DestinationArn": action}
    missing = {**ends, "DestinationArn": action.replace("deploy", "no")}
    assert refusal(lineage.add_association, **missing)[0] == "ResourceNotFound"
    lineage.add_association(**ends, AssociationType="ContributedTo")
    assert "already exists" in refusal(lineage.add_association, **ends)[1]
    [row] = lineage.list_associations(DestinationArn=action)["AssociationSummaries"]
    assert (row["SourceArn"], row["AssociationType"]) == (artifact, "ContributedTo")
    assert lineage.list_associations(SourceArn=action)["AssociationSummaries"] == []
