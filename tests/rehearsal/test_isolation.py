from __future__ import annotations

import os

import pytest

from airflow_sm_pipelines.rehearsal.isolation import aws_settings_hidden, hide_aws_settings, without_settings


def test_nothing_of_the_users_aws_or_proxy_settings_is_left():
    environment = {
        "AWS_PROFILE": "production",
        "AWS_ENDPOINT_URL_S3": "https://example.com",
        "AWS_ACCESS_KEY_ID": "mine",
        "no_proxy": "example.com",
        "HOME": "/home/somebody",
    }
    hide_aws_settings(environment)
    assert environment == {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "HOME": "/home/somebody",
    }


def test_only_variables_with_a_prefix_are_left_out():
    environment = {"AIRFLOW_HOME": "/x", "AIRFLOW__CORE__X": "y", "AWS_PROFILE": "p", "HOME": "/h"}
    assert without_settings(environment, "AIRFLOW_") == {"AWS_PROFILE": "p", "HOME": "/h"}
    assert without_settings(environment, "AIRFLOW_", "AWS_") == {"HOME": "/h"}


def test_the_process_has_them_again_afterwards_whatever_happens(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    before = dict(os.environ)
    with aws_settings_hidden():
        assert "AWS_PROFILE" not in os.environ
    assert dict(os.environ) == before
    with pytest.raises(KeyError), aws_settings_hidden():
        os.environ["AWS_NOTHING"]
    assert dict(os.environ) == before
