"""Pipelines of a few steps, translated."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.errors import InvalidDefinitionError

Step = dict[str, Any]


@pytest.fixture
def processing(processing_arguments: Step) -> Any:
    def make(name: str, *depends_on: Any, reads: str | None = None, **members: Any) -> Step:
        arguments = dict(processing_arguments)
        if reads:
            arguments["Environment"] = {"IMAGE": {"Get": f"Steps.{reads}.AppSpecification.ImageUri"}}
        waits = {"DependsOn": list(depends_on)} if depends_on else {}
        return {"Name": name, "Type": "Processing", "Arguments": arguments, **waits, **members}

    return make


@pytest.fixture
def dag_of(definition: Any) -> Any:
    """Make the DAG of some steps."""

    def make(*steps: Step, members: Step | None = None, **arguments: Any) -> DAG:
        return pipeline_dag(definition(*steps, **(members or {})), **{"dag_id": "dag", **arguments})

    return make


@pytest.fixture
def errors_of(dag_of: Any) -> Any:
    """The errors with which a definition is refused."""

    def refuse(*steps: Step, **arguments: Any) -> list[str]:
        with pytest.raises(InvalidDefinitionError) as caught:
            dag_of(*steps, **arguments)
        return [str(error) for error in caught.value.exceptions]

    return refuse
