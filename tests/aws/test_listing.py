"""Pages of List operations, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from airflow_sm_pipelines.aws.kinds import (
    EMR_STEP,
    MODEL_CUSTOMIZATION_JOB,
    PROCESSING_JOB,
    RESOURCE_KINDS,
    TRAINING_JOB,
    ResourceKind,
)
from airflow_sm_pipelines.aws.listing import Listed, list_page, list_request

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LISTED = [kind for kind in RESOURCE_KINDS.values() if kind.newest_first]
CREDENTIALS = {"region_name": "eu-west-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}

every_listed_kind = pytest.mark.parametrize("kind", LISTED, ids=lambda kind: kind.key)


def client_of(kind: ResourceKind, **arguments: Any) -> Any:
    return boto3.client(kind.service, **CREDENTIALS, **arguments)


def request_of(kind: ResourceKind, names: list[str], since: datetime | None = None) -> dict[str, Any]:
    assert kind.newest_first is not None
    return list_request(kind.newest_first, "AgentRFT", names, since)


def test_the_kinds_whose_list_has_the_newest_first() -> None:
    assert {kind.key for kind in LISTED} == {
        "processing-job",
        "training-job",
        "transform-job",
        "tuning-job",
        "auto-ml-job",
        "model-customization-job",
        "emr-step",
    }


@every_listed_kind
def test_a_request_fits_the_api(kind: ResourceKind) -> None:
    shape = client_of(kind).meta.service_model.operation_model(kind.list).input_shape
    request = request_of(kind, ["pipelines-abcdef012345-A-0", "pipelines-abcdef012345-B-0"], NOON)

    assert not ParamValidator().validate(request, shape).has_errors()


@every_listed_kind
def test_a_summary_has_the_members_that_the_row_names(kind: ResourceKind) -> None:
    shape = client_of(kind).meta.service_model.operation_model(kind.list).output_shape
    summary = shape.members[kind.summaries_member].member

    assert kind.newest_first is not None
    for place in (kind.newest_first.name, kind.newest_first.status, kind.newest_first.created):
        member = summary
        for name in place:
            member = member.members[name]
        assert member.type_name == ("timestamp" if place == kind.newest_first.created else "string")
    assert kind.newest_first.page_token in shape.members


@pytest.mark.parametrize(
    ("names", "common"),
    [
        (["pipelines-abcdef012345-A-0", "pipelines-abcdef012345-B-0"], "pipelines-abcdef012345-"),
        (["pipelines-abcdef012345-A-0"], "pipelines-abcdef012345-A-0"),
        (["pipelines-a", "pipelines-b"], "pipelines-"),
        (["pipelines-" + "x" * 70], ("pipelines-" + "x" * 70)[:63]),
        (["nightly-1", "nightly-2"], None),
        (["own-abcdef012345", "pipelines-abcdef012345"], None),
    ],
)
def test_what_the_names_have_in_common_keeps_the_jobs_of_others_out(names: list[str], common: str | None) -> None:
    assert request_of(PROCESSING_JOB, names).get("NameContains") == common


def test_a_request_has_a_time_only_if_there_is_one() -> None:
    assert request_of(TRAINING_JOB, ["x"], NOON)["CreationTimeAfter"] == NOON
    assert "CreationTimeAfter" not in request_of(TRAINING_JOB, ["x"])


def test_steps_are_listed_by_cluster_and_jobs_by_category() -> None:
    assert request_of(EMR_STEP, ["s-1"], NOON) == {"ClusterId": "AgentRFT"}
    assert request_of(MODEL_CUSTOMIZATION_JOB, ["x"])["JobCategory"] == "AgentRFT"


class Answer:
    """A client that gives one answer, and notes the request."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer, self.requests = answer, []

    def __getattr__(self, operation: str) -> Any:
        return lambda **request: self.requests.append((operation, request)) or self.answer


@pytest.mark.parametrize(
    ("status", "has_ended"),
    [
        ("InProgress", False),
        ("Stopping", False),
        ("Completed", True),
        ("Failed", True),
        ("Stopped", True),
        ("New", False),
    ],
)
def test_a_page_tells_what_has_ended(status: str, has_ended: bool) -> None:
    state = {"TrainingJobStatus": status, "SecondaryStatus": "Starting"}
    summary = {"TrainingJobName": "x", "CreationTime": NOON, **state}
    client: Any = Answer({"TrainingJobSummaries": [summary], "NextToken": "more"})

    assert list_page(client, TRAINING_JOB, {"MaxResults": 100}, "token") == (
        [Listed("x", has_ended, NOON, f"{status}, Starting")],
        "more",
    )
    assert client.requests == [("list_training_jobs", {"MaxResults": 100, "NextToken": "token"})]


def test_a_page_of_steps() -> None:
    status = {"State": "COMPLETED", "Timeline": {"CreationDateTime": NOON}}
    client: Any = Answer({"Steps": [{"Id": "s-1", "Name": "x", "Status": status}, {"Id": "s-2", "Status": {}}]})

    page, token = list_page(client, EMR_STEP, {"ClusterId": "j-1"})

    assert page == [Listed("s-1", True, NOON, "COMPLETED"), Listed("s-2", False, None)]
    assert token is None
    assert client.requests == [("list_steps", {"ClusterId": "j-1"})]


def test_a_kind_that_is_not_listed_has_no_pages() -> None:
    with pytest.raises(TypeError, match="emr-cluster are not listed"):
        list_page(client_of(EMR_STEP), RESOURCE_KINDS["emr-cluster"], {})


@pytest.mark.loopback
def test_the_local_aws_takes_the_lists_of_all_kinds() -> None:
    from airflow_sm_pipelines.local.server.local_aws import LocalAws

    with LocalAws(port=0, sandbox="rewrite") as aws:
        for kind in LISTED:
            client = client_of(kind, endpoint_url=aws.endpoint_url)
            request = request_of(kind, ["pipelines-abcdef012345-A-0"], NOON)
            if kind is EMR_STEP:
                instances = {"InstanceCount": 1, "MasterInstanceType": "m5.xlarge", "KeepJobFlowAliveWhenNoSteps": True}
                roles = {"ServiceRole": "EMR", "JobFlowRole": "EC2"}
                answer = client.run_job_flow(Name="x", ReleaseLabel="emr-7.0.0", Instances=instances, **roles)
                request["ClusterId"] = answer["JobFlowId"]
            assert list_page(client, kind, request) == ([], None)
