from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.aws.authorization import Authorization
from airflow_sm_pipelines.preview.permissions.permission import Permission
from airflow_sm_pipelines.preview.permissions.policy_document import covers, is_allowed, policy_document, size

ACTIONS = st.sampled_from(["s3:GetObject", "s3:PutObject", "sagemaker:CreateModel"])
RESOURCES = st.sampled_from(["*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/k", "arn:aws:s3:::b/k*", "arn:aws:s3:::c"])
ALLOWED = st.builds(
    Authorization, ACTIONS, st.lists(RESOURCES, min_size=1, max_size=3, unique=True).map(tuple), st.just(())
)


def policy(*allowed: Authorization) -> dict[str, Any]:
    return policy_document(Permission(one, "do it") for one in allowed)


@given(st.lists(ALLOWED, max_size=5))
def test_a_policy_allows_what_it_was_made_of(allowed: list[Authorization]) -> None:
    document = policy(*allowed)

    assert all(is_allowed(document, one) for one in allowed)


@given(st.lists(ALLOWED, max_size=5), ACTIONS, RESOURCES)
def test_a_policy_allows_nothing_else(allowed: list[Authorization], action: str, resource: str) -> None:
    given_ = any(one.action == action and any(covers(arn, resource) for arn in one.resources) for one in allowed)

    assert is_allowed(policy(*allowed), Authorization(action, (resource,))) == given_


def test_actions_on_the_same_resources_share_a_statement() -> None:
    document = policy(Authorization("s3:PutObject", ("a",)), Authorization("s3:GetObject", ("a",)))

    assert document == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "a"}],
    }


def test_a_resource_that_another_covers_is_left_out() -> None:
    [statement] = policy(Authorization("s3:GetObject", ("b/k", "b/*")))["Statement"]

    assert statement["Resource"] == "b/*"


def test_the_values_of_a_condition_are_joined_but_never_those_of_different_resources() -> None:
    def listing(bucket: str, prefix: str) -> Authorization:
        return Authorization("s3:ListBucket", (bucket,), ("StringLike", "s3:prefix", prefix))

    one, other = policy(listing("b", "x*"), listing("b", "y*"), listing("c", "x*"))["Statement"]

    assert {
        (one["Resource"], str(one["Condition"]["StringLike"]["s3:prefix"])),
        (other["Resource"], str(other["Condition"]["StringLike"]["s3:prefix"])),
    } == {("b", "['x*', 'y*']"), ("c", "x*")}


def test_brackets_in_a_resource_are_themselves() -> None:
    assert not covers("b/[k]", "b/k")
    assert covers("b/[k]*", "b/[k]x")


def test_white_space_does_not_count_for_the_size() -> None:
    assert size({"Version": "a b"}) == len('{"Version":"a b"}')
