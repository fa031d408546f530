"""Endpoints and components over a stubbed API; `tests/operators/test_endpoint.py` tries them against the local AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.jobs import Outcome
from airflow_sm_pipelines.aws.kinds import ENDPOINT, INFERENCE_COMPONENT
from airflow_sm_pipelines.aws.protocols.hosting import differences
from airflow_sm_pipelines.aws.requests.tags import Owner, owner_tags
from airflow_sm_pipelines.errors import AwsCallError

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/shop"
COMPONENT_ARN = "arn:aws:sagemaker:eu-west-1:123456789012:inference-component/adviser"
REQUEST = {
    "EndpointName": "shop",
    "EndpointConfigName": "new",
    "Tags": owner_tags(Owner("blue", "dag", "run", "Deploy")),
}


@pytest.fixture
def answers(sagemaker_client: Any) -> Iterator[Stubber]:
    """The answers of AWS in order; every one of them must be asked for."""
    with Stubber(sagemaker_client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def describes(answers: Stubber, status: str, config: str = "old", **members: Any) -> None:
    description = {"EndpointName": "shop", "EndpointArn": ARN, "EndpointConfigName": config, "EndpointStatus": status}
    times = {"CreationTime": 0, "LastModifiedTime": 100}
    answers.add_response("describe_endpoint", {**description, **times, **members}, {"EndpointName": "shop"})


def describes_config(answers: Stubber, made: int) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint-config/new"
    config = {"EndpointConfigName": "new", "EndpointConfigArn": arn, "CreationTime": made}
    variants = {"ProductionVariants": [{"VariantName": "all"}]}
    answers.add_response("describe_endpoint_config", {**config, **variants}, {"EndpointConfigName": "new"})


def create(answers: Stubber) -> Any:
    return jobs.create(answers.client, ENDPOINT, REQUEST)


def test_an_endpoint_that_somebody_creates_meanwhile_is_looked_at_again(answers: Stubber) -> None:
    answers.add_client_error("describe_endpoint", "ValidationException", f'Could not find endpoint "{ARN}".')
    answers.add_client_error("create_endpoint", "ValidationException", "Cannot create already existing endpoint")

    assert create(answers) is None


def test_an_update_on_its_way_to_the_same_configuration_is_ours(answers: Stubber) -> None:
    describes(answers, "Updating", PendingDeploymentSummary={"EndpointConfigName": "new"})

    assert create(answers) == jobs.Creation(False, "shop/new")


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"])
def test_another_change_is_waited_for(answers: Stubber, status: str) -> None:
    describes(answers, status)

    assert create(answers) is None


def test_maintenance_of_the_wanted_endpoint_is_waited_for(answers: Stubber) -> None:
    describes(answers, "SystemUpdating", config="new")

    assert create(answers) is None


def test_an_endpoint_whose_roll_back_failed_is_updated_again(answers: Stubber) -> None:
    describes(answers, "UpdateRollbackFailed", config="new")
    answers.add_response("update_endpoint", {"EndpointArn": ARN})

    assert create(answers) == jobs.Creation(True, "shop/new")


def test_an_update_takes_neither_tags_nor_other_members_of_create(answers: Stubber) -> None:
    describes(answers, "InService")
    answers.add_response("update_endpoint", {"EndpointArn": ARN}, {"EndpointName": "shop", "EndpointConfigName": "new"})

    assert create(answers) == jobs.Creation(True, "shop/new")


def test_an_update_that_is_refused_since_one_is_under_way_is_looked_at_again(answers: Stubber) -> None:
    describes(answers, "InService")
    answers.add_client_error("update_endpoint", "ValidationException", f'Cannot update in-progress endpoint "{ARN}".')

    assert create(answers) is None


def test_an_update_that_is_refused_for_another_reason_is_an_error(answers: Stubber) -> None:
    describes(answers, "InService")
    answers.add_client_error("update_endpoint", "ResourceLimitExceeded", "no more instances")

    with pytest.raises(AwsCallError) as caught:
        create(answers)

    assert caught.value.exception_type == "SageMaker.RESOURCE_LIMIT"


@pytest.mark.parametrize(("made", "is_current"), [(99, True), (101, False)])
def test_a_configuration_made_after_the_last_change_is_not_the_one_in_service(
    answers: Stubber, made: int, is_current: bool
) -> None:
    describes(answers, "InService", config="new")
    describes_config(answers, made)
    if not is_current:
        answers.add_response("update_endpoint", {"EndpointArn": ARN})

    assert create(answers) == jobs.Creation(not is_current, "shop/new")


def test_a_failed_endpoint_of_the_same_task_is_deleted_first(answers: Stubber) -> None:
    describes(answers, "Failed")
    answers.add_response("list_tags", {"Tags": REQUEST["Tags"]}, {"ResourceArn": ARN})
    answers.add_response("delete_endpoint", {}, {"EndpointName": "shop"})

    assert create(answers) is None


def test_a_failed_endpoint_that_is_gone_by_now_needs_no_deletion(answers: Stubber) -> None:
    describes(answers, "Failed")
    answers.add_response("list_tags", {"Tags": REQUEST["Tags"]})
    answers.add_client_error("delete_endpoint", "ValidationException", "Could not find endpoint")

    assert create(answers) is None


@pytest.mark.parametrize(
    "tags", [[], owner_tags(Owner("blue", "dag", "an earlier run", "Deploy"))], ids=["nobody's", "of-another-run"]
)
def test_a_failed_endpoint_of_others_is_left_to_them(answers: Stubber, tags: list[dict[str, str]]) -> None:
    describes(answers, "Failed", FailureReason="no disk")
    answers.add_response("list_tags", {"Tags": tags})

    with pytest.raises(AwsCallError, match=r"Failed \(no disk\).*delete it: do so, then clear the task") as caught:
        create(answers)

    assert caught.value.exception_type is None
    assert caught.value.in_words() == str(caught.value)


@pytest.mark.parametrize(
    ("status", "config", "outcome"),
    [
        ("Creating", "new", Outcome.RUNNING),
        ("Updating", "old", Outcome.RUNNING),
        ("RollingBack", "old", Outcome.RUNNING),
        ("InService", "new", Outcome.SUCCEEDED),
        ("InService", "old", Outcome.FAILED),
        ("Failed", "new", Outcome.FAILED),
        ("OutOfService", "new", Outcome.FAILED),
        ("Deleting", "new", Outcome.FAILED),
        ("UpdateRollbackFailed", "new", Outcome.FAILED),
    ],
)
def test_an_endpoint_has_succeeded_when_it_serves_what_was_asked_for(
    answers: Stubber, status: str, config: str, outcome: Outcome
) -> None:
    describes(answers, status, config=config)

    seen = jobs.observe(answers.client, ENDPOINT, "shop/new")

    assert seen is not None
    assert seen.outcome is outcome


def test_a_change_by_somebody_else_is_told_as_what_it_is(answers: Stubber) -> None:
    describes(answers, "InService")

    seen = jobs.observe(answers.client, ENDPOINT, "shop/new")

    assert seen is not None
    assert seen.reason == (
        "it is in service with the configuration old instead of new: AWS gives no reason; somebody else may have "
        "changed it"
    )


def test_an_endpoint_that_is_gone_is_not_there(answers: Stubber) -> None:
    answers.add_client_error("describe_endpoint", "ValidationException", f'Could not find endpoint "{ARN}".')

    assert jobs.observe(answers.client, ENDPOINT, "shop/new") is None


def test_a_look_that_is_refused_is_an_error(answers: Stubber) -> None:
    answers.add_client_error("describe_endpoint", "AccessDeniedException", "no")

    with pytest.raises(AwsCallError, match="AccessDenied"):
        jobs.observe(answers.client, ENDPOINT, "shop/new")


def test_nothing_that_is_deployed_is_stopped_or_listed(answers: Stubber) -> None:
    for kind in (ENDPOINT, INFERENCE_COMPONENT):
        assert jobs.stop(answers.client, kind, "shop/new") is False
        assert list(jobs.running(answers.client, kind)) == []


def component(status: str, image: str, copies: int = 1) -> dict[str, Any]:
    return {
        "InferenceComponentName": "adviser",
        "InferenceComponentArn": COMPONENT_ARN,
        "EndpointName": "shop",
        "EndpointArn": ARN,
        "InferenceComponentStatus": status,
        "Specification": {"Container": {"DeployedImage": {"SpecifiedImage": image, "ResolvedImage": f"{image}@sha"}}},
        "RuntimeConfig": {"DesiredCopyCount": copies, "CurrentCopyCount": copies},
        "CreationTime": 0,
        "LastModifiedTime": 0,
    }


@pytest.mark.parametrize(
    ("status", "image", "copies", "answer"),
    [
        ("InService", "image:1", 1, jobs.Creation(False, "adviser")),
        ("Updating", "image:1", 1, jobs.Creation(False, "adviser")),
        ("Creating", "image:1", 1, jobs.Creation(False, "adviser")),
        ("Updating", "image:0", 1, None),
        ("Deleting", "image:1", 1, None),
        ("InService", "image:0", 1, jobs.Creation(True, "adviser")),
        ("InService", "image:1", 2, jobs.Creation(True, "adviser")),
    ],
)
def test_a_component_is_compared_with_what_its_description_shows(
    answers: Stubber, status: str, image: str, copies: int, answer: Any
) -> None:
    answers.add_response("describe_inference_component", component(status, image, copies))
    if answer and answer.is_new:
        answers.add_response("update_inference_component", {"InferenceComponentArn": COMPONENT_ARN})
    request = {
        "InferenceComponentName": "adviser",
        "EndpointName": "shop",
        "Specification": {"Container": {"Image": "image:1"}},
        "RuntimeConfig": {"CopyCount": 1},
        "Tags": [],
    }

    assert jobs.create(answers.client, INFERENCE_COMPONENT, request) == answer


# -- when a description of AWS is what a request asked for ---------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (1, 1.0),
        (None, False),
        ([], None),
        ({"A": 1}, {"A": 1, "FilledIn": "by AWS"}),
        ([{"A": 1}], [{"A": 1, "FilledIn": "by AWS"}]),
    ],
)
def test_what_aws_fills_in_is_no_difference(wanted: Any, found: Any) -> None:
    assert list(differences(wanted, found, "X")) == []


@pytest.mark.parametrize(
    ("wanted", "found", "places"),
    [
        ("a", "b", ["X"]),
        (None, "only there", ["X"]),
        ("only here", None, ["X"]),
        ([1], [1, 2], ["X"]),
        ([{"A": 1}, {"A": 2}], [{"A": 1}, {"A": 3}], ["X[1].A"]),
        ({"A": {"B": 1, "C": 2}}, {"A": {"B": 2}}, ["X.A.B", "X.A.C"]),
        ({"A": 1}, "text", ["X"]),
    ],
)
def test_each_difference_is_named_by_its_place(wanted: Any, found: Any, places: list[str]) -> None:
    assert list(differences(wanted, found, "X")) == places
