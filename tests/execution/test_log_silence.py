"""Lines that libraries write about their own start, and lines that are none of these."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from airflow_sm_pipelines.execution.airflow_internals.log_silence import connecting_silently
from airflow_sm_pipelines.execution.connection import AwsConnection


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """What was logged, in Airflow's way and in that of the standard library."""
    importlib.import_module("airflow.settings")  # Airflow says that it reads its configuration
    caplog.set_level(logging.INFO)
    with capture_logs() as events:
        yield lambda: [str(event["event"]) for event in events] + caplog.messages


def say_something() -> None:
    structlog.get_logger("airflow.providers.amazon").info("an event")
    structlog.get_logger("airflow.providers.amazon").warning("a strange event")
    logging.getLogger("botocore.credentials").info("a record")
    logging.getLogger("botocore.credentials").warning("a strange record")


ALL = ["an event", "a strange event", "a record", "a strange record"]


def test_a_new_client_says_nothing_of_credentials_and_endpoints(
    said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    AwsConnection(None, "eu-west-1")._new_client("sagemaker")

    assert said() == []


def test_a_usual_connection_that_does_not_exist_is_no_news(said: Callable[[], list[str]]) -> None:
    with connecting_silently():
        structlog.get_logger("airflow.task.hooks.airflow.providers.amazon.aws.hooks.base_aws.AwsGenericHook").warning(
            "Unable to find AWS Connection ID 'aws_default', switching to empty."
        )

    assert said() == []


def test_warnings_stay(said: Callable[[], list[str]]) -> None:
    with connecting_silently():
        say_something()

    assert said() == ["a strange event", "a strange record"]


def test_afterwards_nothing_is_silent(said: Callable[[], list[str]]) -> None:
    with connecting_silently():
        pass
    say_something()

    assert said() == ALL


def test_other_threads_are_not_silent(said: Callable[[], list[str]]) -> None:
    with connecting_silently():
        other = threading.Thread(target=say_something)
        other.start()
        other.join()

    assert said() == ALL


def test_whoever_wants_to_see_everything_does(said: Callable[[], list[str]], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with connecting_silently():
        say_something()

    assert said() == ALL
