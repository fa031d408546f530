from __future__ import annotations

import pytest

from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.connection_in_triggerer import ConnectionInTriggerer


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


def test_a_client_of_a_triggerer_gives_up_soon(credentials: None) -> None:
    config = ConnectionInTriggerer(None, "eu-west-1").client("sagemaker").meta.config

    assert (config.connect_timeout, config.read_timeout) == (5, 10)
    assert config.retries["total_max_attempts"] == 2


def test_what_the_step_says_counts_more_in_a_triggerer(credentials: None) -> None:
    own = ConnectionInTriggerer(None, "eu-west-1", botocore_config={"read_timeout": 25, "retries": {"max_attempts": 7}})
    config = own.client("sagemaker").meta.config

    assert (config.connect_timeout, config.read_timeout) == (5, 25)
    assert config.retries["total_max_attempts"] == 8


def test_workers_and_triggerers_do_not_share_a_client(credentials: None) -> None:
    connection = AwsConnection(None, "eu-west-1")
    in_triggerer = ConnectionInTriggerer.from_arguments(connection.as_arguments())

    assert in_triggerer.as_arguments() == connection.as_arguments()
    assert in_triggerer.client("sagemaker") is not connection.client("sagemaker")
    assert connection.client("sagemaker").meta.config.read_timeout == 60
