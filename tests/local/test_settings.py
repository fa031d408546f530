from __future__ import annotations

from airflow_sm_pipelines.local.jobs.sandbox import SANDBOXES
from airflow_sm_pipelines.local.settings import HOST, SANDBOX_NAMES


def test_the_names_of_sandboxes_are_those_that_exist():
    assert ("auto", *SANDBOXES, "docker") == SANDBOX_NAMES


def test_it_is_bound_to_loopback():
    assert HOST == "127.0.0.1"
