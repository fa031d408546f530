"""What Airflow discovers about this package."""

from __future__ import annotations

import importlib
import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import airflow_sm_pipelines
from airflow_sm_pipelines.execution.links import registered_links
from airflow_sm_pipelines.provider import get_provider_info

PYPROJECT = tomllib.loads((Path(airflow_sm_pipelines.__file__).parents[1] / "pyproject.toml").read_text())["project"]


def load(path: str, separator: str) -> Any:
    module, _, name = path.rpartition(separator)
    return getattr(importlib.import_module(module), name)


def test_it_follows_airflows_schema() -> None:
    schema = json.loads(resources.files("airflow").joinpath("provider_info.schema.json").read_text())

    jsonschema.validate(get_provider_info(), schema)


def test_name_and_version_are_the_distributions() -> None:
    assert get_provider_info()["package-name"] == PYPROJECT["name"]
    assert get_provider_info()["versions"] == [airflow_sm_pipelines.__version__]


def test_every_link_of_an_operator_is_registered() -> None:
    named = {load(path, ".") for path in get_provider_info()["extra-links"]}

    assert named == {type(link) for link in registered_links()}


def test_every_option_says_what_it_is_for() -> None:
    for section in get_provider_info()["config"].values():
        for option in section["options"].values():
            assert option["description"]
            assert option["version_added"]


@pytest.mark.parametrize("group", ["apache_airflow_provider", "airflow.plugins"])
def test_the_entry_points_lead_somewhere(group: str) -> None:
    for path in PYPROJECT["entry-points"][group].values():
        assert callable(load(path, ":"))
