"""Steps of a definition whose type this version cannot run."""

from __future__ import annotations

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import DefinitionError, UnsupportedStepTypeError


def unsupported_steps(pipeline: Pipeline) -> list[DefinitionError]:
    """Return an error for each step whose type is not in the catalogue."""
    return [
        UnsupportedStepTypeError(
            f"{step.path}.Type",
            f"step {step.name}: the step type {step.type} is not supported",
            f"supported types: {', '.join(sorted(CATALOG))}",
        )
        for step in pipeline.steps
        if step.type not in CATALOG
    ]
