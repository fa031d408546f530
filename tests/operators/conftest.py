"""Operators of small definitions, without a database."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def make_tasks(definition: Any) -> Any:
    """Make the tasks of a definition's steps, by name."""
    from airflow_sm_pipelines import pipeline_dag

    def make(*steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None, **dag: Any) -> dict[str, Any]:
        body = definition(*steps, Parameters=parameters or [])
        return dict(pipeline_dag(body, dag_id="dag", aws_conn_id=None, **dag).task_dict)

    return make


@pytest.fixture
def processing(processing_arguments: dict[str, Any]) -> Any:
    """Make a Processing step."""

    def make(name: str, **members: Any) -> dict[str, Any]:
        return {"Name": name, "Type": "Processing", "Arguments": processing_arguments, **members}

    return make


@pytest.fixture
def condition() -> Any:
    """Make a Condition step that compares a value with the text ``yes``."""

    def make(name: str, left: Any, if_steps: list[Any], else_steps: list[Any], **members: Any) -> dict[str, Any]:
        arguments = {
            "Conditions": [{"Type": "Equals", "LeftValue": left, "RightValue": "yes"}],
            "IfSteps": if_steps,
            "ElseSteps": else_steps,
        }
        return {"Name": name, "Type": "Condition", "Arguments": arguments, **members}

    return make
