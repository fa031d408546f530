"""Whether a worker itself waits."""

from __future__ import annotations

import pytest

from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS
from airflow_sm_pipelines.semantics.settling import SETTLE_SECONDS, is_on_this_machine, settle_seconds

AWS = "https://api.sagemaker.eu-west-1.amazonaws.com"
LOCAL = "http://127.0.0.1:4566"


def test_a_job_on_aws_gives_the_worker_slot_back_at_once() -> None:
    assert settle_seconds(None, ends_within_seconds=False, endpoint_url=AWS) == 0


def test_what_can_be_ready_within_seconds_is_waited_for() -> None:
    assert settle_seconds(None, ends_within_seconds=True, endpoint_url=AWS) == SETTLE_SECONDS


def test_a_job_on_a_local_aws_is_waited_for() -> None:
    assert settle_seconds(None, ends_within_seconds=False, endpoint_url=LOCAL) == SETTLE_SECONDS


@pytest.mark.parametrize("wished", [0.0, 1.0, 60.0])
@pytest.mark.parametrize("ends_within_seconds", [False, True])
@pytest.mark.parametrize("endpoint_url", [AWS, LOCAL])
def test_what_the_author_of_the_dag_says_counts(wished: float, ends_within_seconds: bool, endpoint_url: str) -> None:
    assert settle_seconds(wished, ends_within_seconds=ends_within_seconds, endpoint_url=endpoint_url) == wished


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://127.1.2.3", True),
        ("http://[::1]:4566/", True),
        ("http://localhost:4566", True),
        ("http://LOCALHOST:4566", True),
        ("http://aws.localhost:4566", True),
        (AWS, False),
        ("https://vpce-0a1b2c3d.api.sagemaker.eu-west-1.vpce.amazonaws.com", False),
        ("http://aws:4566", False),  # another container; no name is looked up
        ("http://10.0.0.7:4566", False),
        ("http://localhost.example.com", False),
        ("http://notlocalhost", False),
        ("127.0.0.1:4566", False),  # no URL
        ("", False),
    ],
)
def test_what_is_on_this_machine(url: str, expected: bool) -> None:
    assert is_on_this_machine(url) is expected


def test_only_what_needs_no_machine_can_be_ready_within_seconds() -> None:
    assert {key for key, kind in RESOURCE_KINDS.items() if kind.ends_within_seconds} == {
        "model",
        "model-package",
        "endpoint-config",
    }
