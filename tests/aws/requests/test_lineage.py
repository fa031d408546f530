"""Lineage over a stubbed API; `tests/operators/test_lineage.py` tries it against the local AWS."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.aws.requests.lineage import ARTIFACT, CONTEXT, Recorded, associate, record

PREFIX = "arn:aws:sagemaker:eu-west-1:123456789012"
ARTIFACT_REQUEST = {"ArtifactName": "a", "ArtifactType": "Model", "Source": {"SourceUri": "s3://b/m"}}
CONTEXT_REQUEST = {"ContextName": "c", "ContextType": "Release", "Source": {"SourceUri": "arn:x"}}


@pytest.fixture
def answers(sagemaker_client: Any) -> Any:
    with Stubber(sagemaker_client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_of_several_artifacts_of_a_source_the_one_of_the_type_is_taken(answers: Stubber) -> None:
    answers.add_client_error("create_artifact", "ValidationException", "already exists")
    source = {"Source": {"SourceUri": "s3://b/m"}}
    summaries = [
        {"ArtifactArn": f"{PREFIX}:artifact/1", "ArtifactType": "DataSet", **source},
        {"ArtifactArn": f"{PREFIX}:artifact/2", "ArtifactType": "Model", **source},
    ]
    answers.add_response("list_artifacts", {"ArtifactSummaries": summaries})

    found = record(answers.client, ARTIFACT, ARTIFACT_REQUEST)

    assert found == Recorded(f"{PREFIX}:artifact/2", is_new=False)


def test_an_artifact_that_is_refused_as_present_but_not_there_is_an_error(answers: Stubber) -> None:
    answers.add_client_error("create_artifact", "ValidationException", "already exists")
    answers.add_response("list_artifacts", {"ArtifactSummaries": []})

    with pytest.raises(CallRefusedError, match="already exists"):
        record(answers.client, ARTIFACT, ARTIFACT_REQUEST)


def test_what_no_update_changes_is_told(answers: Stubber) -> None:
    answers.add_client_error("create_context", "ValidationException", "names must be unique")
    there = {"ContextName": "c", "ContextArn": f"{PREFIX}:context/c", "ContextType": "Other"}
    answers.add_response("describe_context", {**there, "Source": {"SourceUri": "arn:y"}}, {"ContextName": "c"})

    assert record(answers.client, CONTEXT, CONTEXT_REQUEST).differing == ("Source", "ContextType")


def test_an_update_that_is_refused_is_an_error(answers: Stubber) -> None:
    answers.add_client_error("create_context", "ValidationException", "names must be unique")
    there = {"ContextName": "c", "ContextArn": f"{PREFIX}:context/c"}
    answers.add_response("describe_context", there)
    answers.add_client_error("update_context", "ConflictException", "somebody changes it now")

    with pytest.raises(CallRefusedError, match="UpdateContext: ConflictException"):
        record(answers.client, CONTEXT, {**CONTEXT_REQUEST, "Properties": {"a": "b"}})


def test_an_association_with_nothing_is_an_error(answers: Stubber) -> None:
    answers.add_client_error("add_association", "ResourceNotFound", "no such entity")

    with pytest.raises(CallRefusedError, match="no such entity"):
        associate(answers.client, {"SourceArn": f"{PREFIX}:action/a", "DestinationArn": f"{PREFIX}:action/b"})
