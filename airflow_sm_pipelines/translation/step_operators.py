"""Which operator or sensor runs which step type."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from airflow_sm_pipelines.operators.base import StepOperator

_OPERATORS = "airflow_sm_pipelines.operators"
_SENSORS = "airflow_sm_pipelines.sensors"

STEP_OPERATORS: dict[str, str] = {
    "AutoML": f"{_OPERATORS}.auto_ml.AutoMLOperator",
    "ClarifyCheck": f"{_OPERATORS}.clarify_check.ClarifyCheckOperator",
    "Cleanup": f"{_OPERATORS}.cleanup.CleanupOperator",
    "Callback": f"{_SENSORS}.callback.CallbackSensor",
    "Condition": f"{_OPERATORS}.condition.ConditionOperator",
    "EMR": f"{_SENSORS}.emr.EmrStepSensor",
    "EMRServerless": f"{_SENSORS}.emr_serverless.EmrServerlessJobSensor",
    "Endpoint": f"{_OPERATORS}.endpoint.EndpointOperator",
    "EndpointConfig": f"{_OPERATORS}.endpoint_config.EndpointConfigOperator",
    "Fail": f"{_OPERATORS}.fail.FailOperator",
    "ForEach": f"{_OPERATORS}.for_each.ForEachItemsOperator",
    "InferenceComponent": f"{_OPERATORS}.inference_component.InferenceComponentOperator",
    "Job": f"{_OPERATORS}.job.ModelCustomizationJobOperator",
    "Lambda": f"{_OPERATORS}.lambda_function.LambdaOperator",
    "Lineage": f"{_OPERATORS}.lineage.LineageOperator",
    "Model": f"{_OPERATORS}.model.ModelOperator",
    "Processing": f"{_OPERATORS}.processing.ProcessingOperator",
    "QualityCheck": f"{_OPERATORS}.quality_check.QualityCheckOperator",
    "RegisterModel": f"{_OPERATORS}.register_model.RegisterModelOperator",
    "Training": f"{_OPERATORS}.training.TrainingOperator",
    "Transform": f"{_OPERATORS}.transform.TransformOperator",
    "Tuning": f"{_OPERATORS}.tuning.TuningOperator",
}
"""Step type -> path of its class. A DAG file pays only for the classes that its own steps need."""


def step_operator(step_type: str) -> type[StepOperator]:
    """Return the class that runs a step type of `STEP_OPERATORS`."""
    module, _, name = STEP_OPERATORS[step_type].rpartition(".")
    return cast("type[StepOperator]", getattr(import_module(module), name))
