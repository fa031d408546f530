"""The options of a run as Airflow params: a collapsed section of the trigger form, in which nothing is required.

Runs at parse time. Airflow collapses every section of the form but the first, and takes the choices of a list from the
member ``examples`` of its JSON Schema (``FieldMultiSelect`` of its UI).
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import DefinitionError
from airflow_sm_pipelines.semantics.run_options import (
    ALL_OPTIONS,
    CACHE,
    DISPLAY_NAME,
    LATEST_RUN,
    MAX_PARALLEL_STEPS,
    MLFLOW_EXPERIMENT_NAME,
    MLFLOW_RESOURCE_ARN,
    RUN_OPTIONS,
    SELECT_STEPS,
    SOURCE_RUN,
    CacheUse,
)

SECTION = "Execution"

# Airflow's form marks a field as required, and does not let it be emptied, unless its type includes null.
_FIELDS: dict[str, dict[str, Any]] = {
    SELECT_STEPS: {
        "title": "Run only these steps",
        "description": "Selective execution: what these steps wait for is taken from the source run. Empty: all steps.",
        "type": ["null", "array"],
    },
    SOURCE_RUN: {
        "title": "Source run of a selection",
        "description": "latest, none, the id of a run of this DAG, or the ARN of an execution in SageMaker.",
        "type": ["null", "string"],
        "default": LATEST_RUN,
    },
    MAX_PARALLEL_STEPS: {
        "title": "Steps at once",
        "description": "How many steps of this run may be in progress at the same time. Empty: as the pipeline says.",
        "type": ["null", "integer"],
        "minimum": 1,
    },
    DISPLAY_NAME: {
        "title": "Display name",
        "description": "A name of this run for people. Letters, digits and inner hyphens.",
        "type": ["null", "string"],
        "pattern": "^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}$",
    },
    CACHE: {
        "title": "Results of earlier runs",
        "description": "on: reuse them where a step enables caching. refresh: run, and renew them. off: ignore them.",
        "type": ["null", "string"],
        "enum": [*CacheUse, None],
        "default": CacheUse.ON,
    },
    MLFLOW_RESOURCE_ARN: {
        "title": "MLflow tracking server or app",
        "description": "ARN of the one that this run's jobs log to. Empty: as the pipeline says.",
        "type": ["null", "string"],
        # API reference, MlflowResourceArn.
        "pattern": r"^arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:mlflow-[a-zA-Z-]*/.*$",
        "maxLength": 2048,
    },
    MLFLOW_EXPERIMENT_NAME: {
        "title": "MLflow experiment",
        "description": "Name of the MLflow experiment that this run's jobs log to. Empty: as the pipeline says.",
        "type": ["null", "string"],
        "minLength": 1,
        "maxLength": 256,
    },
}


def run_option_params(pipeline: Pipeline) -> dict[str, Param]:
    """Return the options of a run as DAG params, with their defaults; those of MLflow if the pipeline uses it.

    Args:
        pipeline: The pipeline.
    """
    names = RUN_OPTIONS if pipeline.mlflow_config is None else ALL_OPTIONS
    return {name: _param(_FIELDS[name], pipeline) for name in names}


def parameters_named_as_options(pipeline: Pipeline) -> list[DefinitionError]:
    """Return an error for each pipeline parameter that has the name of an option: a run could not tell them apart."""
    return [
        DefinitionError(
            f"Parameters[{index}].Name",
            f"{parameter.name} is the name of an option of every run (section {SECTION} of the trigger form)",
            "rename the parameter",
        )
        for index, parameter in enumerate(pipeline.parameters)
        if parameter.name in ALL_OPTIONS
    ]


def _param(field: dict[str, Any], pipeline: Pipeline) -> Param:
    schema = {**field, "section": SECTION}
    default = schema.pop("default", None)
    if "array" in field["type"]:
        schema["examples"] = [step.name for step in pipeline.steps if step.body_of is None]
    return Param(str(default) if default else None, **schema)
