"""docker-compose.yaml, read: what holds without starting it."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

import pytest
from packaging.version import Version

from airflow_sm_pipelines.cli import local
from airflow_sm_pipelines.local.settings import ACCESS_KEY_ID, SECRET_ACCESS_KEY, LocalSettings
from tests.compose.compose_file import COMPOSE_FILE, airflow_arguments, components, services

COMPONENTS = components()


def test_the_components_are_those_of_an_airflow_with_celery_and_two_workers() -> None:
    assert {name: words[0] for name, words in airflow_arguments().items()} == {
        "api-server": "api-server",
        "scheduler": "scheduler",
        "dag-processor": "dag-processor",
        "triggerer": "triggerer",
        "worker-1": "celery",
        "worker-2": "celery",
    }


@pytest.mark.parametrize("name", [*COMPONENTS, "migrate"])
def test_the_containers_of_airflow_share_the_network_of_the_local_aws(name: str) -> None:
    assert services()[name]["network_mode"] == "service:local-aws"


def test_only_the_loopback_interface_of_the_machine_reaches_a_container() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert published == {"local-aws": ["127.0.0.1:8080:8080"]}


def test_every_service_that_goes_on_tells_whether_it_is_healthy() -> None:
    assert [name for name, service in services().items() if "healthcheck" not in service] == ["migrate"]


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_calls_the_local_aws(name: str) -> None:
    environment: dict[str, Any] = COMPONENTS[name]["environment"]
    assert {name: value for name, value in environment.items() if name.startswith("AWS_")} == {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{local.DEFAULT_PORT}",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_DEFAULT_REGION": LocalSettings().region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_the_local_aws_is_started_with_options_that_it_has() -> None:
    program, command, *words = services()["local-aws"]["entrypoint"]
    assert (program, command) == ("sm-pipelines", "local")
    parser = argparse.ArgumentParser()
    local.add_arguments(parser)
    arguments = parser.parse_args(words)
    assert arguments.examples
    assert f"local-aws:{arguments.state}" in services()["local-aws"]["volumes"]


def test_the_image_of_airflow_is_one_that_the_package_supports() -> None:
    name, _, tag = services()["api-server"]["build"]["args"]["AIRFLOW_IMAGE"].partition(":")
    assert name == "apache/airflow"
    assert Version("3.3") <= Version(tag) < Version("4")
    dockerfile = (COMPOSE_FILE.parent / "Dockerfile").read_text()
    assert f"ARG AIRFLOW_IMAGE={name}:{tag}\n" in dockerfile, "both files name the same default"


def test_what_the_image_copies_is_not_ignored() -> None:
    lines = (COMPOSE_FILE.parent / "Dockerfile").read_text().splitlines()
    copied = {source for line in lines if line.startswith("COPY ") for source in shlex.split(line)[1:-1]}
    let_in = {line[1:] for line in (COMPOSE_FILE.parent / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert copied == let_in
