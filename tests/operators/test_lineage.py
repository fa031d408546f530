"""Lineage steps against the local AWS of a rehearsal."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import pytest

from airflow_sm_pipelines.errors import RequestError, StepFailedError
from airflow_sm_pipelines.execution.xcoms import read_properties

pytestmark = pytest.mark.loopback

ELSEWHERE = "arn:aws:sagemaker:us-west-2:123456789012:context/existing"


@pytest.fixture
def unique() -> str:
    """The local AWS forgets no lineage: a name for each test."""
    return uuid.uuid4().hex[:8]


@pytest.fixture
def arguments(unique: str) -> dict[str, Any]:
    return {
        "Actions": [
            {
                "ActionName": f"deploy-{unique}",
                "Source": {"SourceUri": "arn:endpoint", "SourceType": "Endpoint"},
                "ActionType": "ModelDeployment",
                "Status": "Completed",
                "Properties": {"run": "1"},
            }
        ],
        "Artifacts": [
            {"ArtifactName": f"model-{unique}", "Source": {"SourceUri": f"s3://b/{unique}"}, "ArtifactType": "Model"}
        ],
        "Contexts": [
            {
                "ContextName": f"release-{unique}",
                "Source": {"SourceUri": f"arn:execution/{unique}"},
                "ContextType": "PipelineExecution",
            }
        ],
        "Associations": [
            {
                "Source": {"Name": f"model-{unique}", "Type": "Artifact"},
                "Destination": {"Name": f"deploy-{unique}", "Type": "Action"},
                "AssociationType": "ContributedTo",
            },
            {"Source": {"Name": f"deploy-{unique}", "Type": "Action"}, "Destination": {"Arn": ELSEWHERE}},
        ],
    }


@pytest.fixture
def make_task(make_tasks: Any, ti: Any, hosting: Any, arguments: dict[str, Any]) -> Any:
    def make(**changes: Any) -> Any:
        step = {"Name": "Record", "Type": "Lineage", "Arguments": {**arguments, **changes}}
        task = make_tasks(step)["Record"]
        ti.task_id, ti.task = task.task_id, task
        return task

    return make


def test_the_properties_are_the_arns_by_name(make_task: Any, context: Any, unique: str, hosting: Any) -> None:
    properties = make_task().execute(context)

    action, artifact = properties["ActionArns"][f"deploy-{unique}"], properties["ArtifactArns"][f"model-{unique}"]
    assert hosting.describe_action(ActionName=f"deploy-{unique}")["ActionArn"] == action
    assert list(properties["ContextArns"]) == [f"release-{unique}"]
    assert properties["Associations"] == [
        {"SourceArn": artifact, "DestinationArn": action, "AssociationType": "ContributedTo"},
        {"SourceArn": action, "DestinationArn": ELSEWHERE},
    ]
    tags = hosting.list_tags(ResourceArn=action)["Tags"]
    assert {"Key": "sm-pipelines:task", "Value": "Record"} in tags


def test_what_is_there_is_found_and_brought_up_to_date(
    make_task: Any, context: Any, arguments: Any, unique: str, hosting: Any
) -> None:
    first = make_task().execute(context)
    action = {**arguments["Actions"][0], "Status": "Failed", "Properties": {"run": "2"}}

    assert make_task(Actions=[action]).execute(context) == first
    found = hosting.describe_action(ActionName=f"deploy-{unique}")
    assert (found["Status"], found["Properties"]) == ("Failed", {"run": "2"})


def test_an_artifact_is_found_by_its_source_whatever_its_name(
    make_task: Any, context: Any, arguments: Any, unique: str, hosting: Any
) -> None:
    first = make_task().execute(context)
    renamed = {**arguments["Artifacts"][0], "ArtifactName": "other", "Properties": {"size": "3"}}

    second = make_task(Artifacts=[renamed], Associations=[]).execute(context)

    arn = second["ArtifactArns"]["other"]
    assert arn == first["ArtifactArns"][f"model-{unique}"]
    found = hosting.list_artifacts(SourceUri=f"s3://b/{unique}")["ArtifactSummaries"]
    assert [one["ArtifactName"] for one in found] == [f"model-{unique}"]


def test_another_source_under_the_same_name_is_a_warning(
    make_task: Any, context: Any, arguments: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_task().execute(context)
    moved = {**arguments["Contexts"][0], "Source": {"SourceUri": "arn:another-execution"}}
    task = make_task(Contexts=[moved])
    monkeypatch.setattr(type(task), "log", logging.getLogger("lineage"))

    task.execute(context)

    assert "existed with another Source, which AWS does not change" in caplog.text


@pytest.mark.parametrize("before", [True, False], ids=["before-a-call", "after-a-call"])
@pytest.mark.parametrize("at", range(1, 6))
def test_a_crash_at_any_call_is_made_good_by_the_next_try(
    make_task: Any, context: Any, hosting: Any, through: Any, unique: str, before: bool, at: int
) -> None:
    crashing = through(at, before=before)
    with pytest.raises(crashing.Crashed):
        make_task().execute(context)
    through()

    properties = make_task().execute(context)

    action = properties["ActionArns"][f"deploy-{unique}"]
    incoming = hosting.list_associations(DestinationArn=action)["AssociationSummaries"]
    assert [one["SourceArn"] for one in incoming] == [properties["ArtifactArns"][f"model-{unique}"]]
    assert len(hosting.list_associations(SourceArn=action)["AssociationSummaries"]) == 1


def test_a_failure_tells_what_was_recorded_and_publishes_it(
    make_task: Any, context: Any, hosting: Any, unique: str, monkeypatch: pytest.MonkeyPatch, client_error: Any
) -> None:
    def refuse(**_: Any) -> Any:
        raise client_error("ThrottlingException", "Rate exceeded")

    monkeypatch.setattr(hosting, "create_context", refuse)

    with pytest.raises(StepFailedError, match="CreateContext: ThrottlingException") as caught:
        make_task().execute(context)

    assert f"recorded until then: action deploy-{unique}, artifact model-{unique}" in str(caught.value)
    assert caught.value.exception_type == "Step.THROTTLING"
    published = read_properties(context, "Record")
    assert set(published["ArtifactArns"]) == {f"model-{unique}"}
    assert published["ContextArns"] == {}


def test_all_faults_are_told_before_anything_is_recorded(make_task: Any, context: Any, through: Any) -> None:
    watched = through()
    task = make_task(
        Actions=[{"ActionName": "a", "ActionType": "t", "Source": {"SourceURI": "x"}}],
        Associations=[
            {"Source": {"Name": "nobody", "Type": "Artifact"}, "Destination": {"Name": "a"}, "AssociationTyp": "x"}
        ],
    )

    with pytest.raises(RequestError) as caught:
        task.execute(context)

    message = str(caught.value)
    assert "Actions[0].Source.SourceURI: the API knows no such member" in message
    assert "Associations[0].Source: this step records no Artifact named nobody" in message
    assert "Associations[0].Destination: expected an object with Arn, or with Name and Type" in message
    assert "Associations[0].AssociationTyp: the step knows no such member" in message
    assert watched.made == []


@pytest.mark.parametrize("entry", ["text", 3, ["list"]])
def test_an_entry_that_is_no_object_is_a_fault(make_task: Any, context: Any, entry: Any) -> None:
    with pytest.raises(RequestError, match=r"Actions\[0\]: expected an object"):
        make_task(Actions=[entry], Associations=[entry]).execute(context)


def test_an_association_of_an_unknown_type_is_a_fault(make_task: Any, context: Any, arguments: Any) -> None:
    entry = {**arguments["Associations"][0], "AssociationType": "Loves"}

    with pytest.raises(RequestError, match="AssociationType: expected one of ContributedTo"):
        make_task(Associations=[entry]).execute(context)
