"""What docker-compose.yaml says of the components of Airflow, for starting them as plain processes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

COMPOSE_FILE = Path(__file__).parents[2] / "docker-compose.yaml"
_VARIABLE = re.compile(r"\$\{\w+:-(?P<default>[^}]*)\}")


def services() -> dict[str, dict[str, Any]]:
    """Return the services, with the defaults of all variables."""
    text = _VARIABLE.sub(lambda match: match["default"], COMPOSE_FILE.read_text())
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


def components() -> dict[str, dict[str, Any]]:
    """Return the services that are components of Airflow and go on."""
    return {
        name: service
        for name, service in services().items()
        if service.get("command", "").startswith("airflow ") and service["restart"] != "no"
    }


def airflow_arguments() -> dict[str, tuple[str, ...]]:
    """Return the arguments of ``airflow`` of each component."""
    return {name: tuple(shlex.split(service["command"])[1:]) for name, service in components().items()}


def airflow_settings() -> dict[str, str]:
    """Return Airflow's settings, which all components share."""
    first, *others = (service["environment"] for service in components().values())
    assert all(environment == first for environment in others)
    return {name: value for name, value in first.items() if name.startswith("AIRFLOW_")}


def health_checks() -> dict[str, str]:
    """Return the command of the shell that tells whether a component is healthy."""
    return {name: service["healthcheck"]["test"].replace("$$", "$") for name, service in components().items()}
