"""Which operator or sensor runs which step type."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from airflow_sm_pipelines.operators.base import StepOperator

_OPERATORS = "airflow_sm_pipelines.operators"

STEP_OPERATORS: dict[str, str] = {
    "Condition": f"{_OPERATORS}.condition.ConditionOperator",
    "Fail": f"{_OPERATORS}.fail.FailOperator",
    "Model": f"{_OPERATORS}.model.ModelOperator",
    "Processing": f"{_OPERATORS}.processing.ProcessingOperator",
    "RegisterModel": f"{_OPERATORS}.register_model.RegisterModelOperator",
    "Training": f"{_OPERATORS}.training.TrainingOperator",
    "Transform": f"{_OPERATORS}.transform.TransformOperator",
}
"""Step type -> path of its class. A DAG file pays only for the classes that its own steps need."""


def step_operator(step_type: str) -> type[StepOperator]:
    """Return the class that runs a step type of `STEP_OPERATORS`."""
    module, _, name = STEP_OPERATORS[step_type].rpartition(".")
    return cast("type[StepOperator]", getattr(import_module(module), name))
