"""Lineage over a stubbed API; `tests/operators/test_lineage.py` tries it against the local AWS."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from airflow_sm_pipelines.aws.requests.lineage import ASSOCIATION_TYPES, RecordedLineage, lineage_calls
from airflow_sm_pipelines.errors import StepFailedError

PREFIX = "arn:aws:sagemaker:eu-west-1:123456789012"
ARTIFACT_REQUEST = {"ArtifactName": "a", "ArtifactType": "Model", "Source": {"SourceUri": "s3://b/m"}}
CONTEXT_REQUEST = {"ContextName": "c", "ContextType": "Release", "Source": {"SourceUri": "arn:x"}}


@pytest.fixture
def answers(api: Any) -> Any:
    return api


@pytest.fixture
def record(start: Any, perform: Any, api: Any) -> Any:
    """Record what the arguments say, and return it."""

    def run(**arguments: Any) -> RecordedLineage:
        recorded = RecordedLineage()
        perform(lineage_calls(start(arguments), recorded), api.client)
        return recorded

    return run


def test_of_several_artifacts_of_a_source_the_one_of_the_type_is_taken(answers: Stubber, record: Any) -> None:
    answers.add_client_error("create_artifact", "ValidationException", "already exists")
    source = {"Source": {"SourceUri": "s3://b/m"}}
    summaries = [
        {"ArtifactArn": f"{PREFIX}:artifact/1", "ArtifactType": "DataSet", **source},
        {"ArtifactArn": f"{PREFIX}:artifact/2", "ArtifactType": "Model", **source},
    ]
    answers.add_response("list_artifacts", {"ArtifactSummaries": summaries})

    found = record(Artifacts=[ARTIFACT_REQUEST])

    assert found.properties["ArtifactArns"] == {"a": f"{PREFIX}:artifact/2"}


def test_an_artifact_that_is_refused_as_present_but_not_there_is_an_error(answers: Stubber, record: Any) -> None:
    answers.add_client_error("create_artifact", "ValidationException", "already exists")
    answers.add_response("list_artifacts", {"ArtifactSummaries": []})

    with pytest.raises(StepFailedError, match="already exists"):
        record(Artifacts=[ARTIFACT_REQUEST])


def test_what_no_update_changes_is_told(answers: Stubber, record: Any, caplog: pytest.LogCaptureFixture) -> None:
    answers.add_client_error("create_context", "ValidationException", "names must be unique")
    there = {"ContextName": "c", "ContextArn": f"{PREFIX}:context/c", "ContextType": "Other"}
    answers.add_response("describe_context", {**there, "Source": {"SourceUri": "arn:y"}}, {"ContextName": "c"})

    record(Contexts=[CONTEXT_REQUEST])

    assert "Context c was there with another Source and ContextType, which AWS does not change" in caplog.text


def test_an_update_that_is_refused_is_an_error(answers: Stubber, record: Any) -> None:
    answers.add_client_error("create_context", "ValidationException", "names must be unique")
    there = {"ContextName": "c", "ContextArn": f"{PREFIX}:context/c"}
    answers.add_response("describe_context", there)
    answers.add_client_error("update_context", "ConflictException", "somebody changes it now")

    with pytest.raises(StepFailedError, match="UpdateContext: ConflictException"):
        record(Contexts=[{**CONTEXT_REQUEST, "Properties": {"a": "b"}}])


def test_an_association_with_nothing_is_an_error_that_says_what_was_recorded(answers: Stubber, record: Any) -> None:
    answers.add_response("create_context", {"ContextArn": f"{PREFIX}:context/c"})
    answers.add_client_error("add_association", "ResourceNotFound", "no such entity")
    ends = {"Source": {"Arn": f"{PREFIX}:action/a"}, "Destination": {"Name": "c", "Type": "Context"}}

    with pytest.raises(StepFailedError, match="no such entity; recorded until then: context c"):
        record(Contexts=[CONTEXT_REQUEST], Associations=[ends])


def test_the_types_of_associations_are_those_of_the_api(api: Any) -> None:
    shape = api.client.meta.service_model.operation_model("AddAssociation").input_shape

    assert tuple(shape.members["AssociationType"].enum) == ASSOCIATION_TYPES
