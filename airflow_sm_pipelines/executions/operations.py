"""The operations of SageMaker's API that the endpoint has; the API server loads them with the first request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.executions import forms
from airflow_sm_pipelines.executions.airflow_client import AirflowClient
from airflow_sm_pipelines.executions.describing import (
    describe,
    describe_definition,
    list_executions,
    list_parameters,
    steps,
)
from airflow_sm_pipelines.executions.ending import retry, stop
from airflow_sm_pipelines.executions.starting import start


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the API.

    Attributes:
        form: The form of its requests.
        answer: Returns its answer.
    """

    form: type[BaseModel]
    answer: Callable[[AirflowClient, Any], Awaitable[JsonObject]]


OPERATIONS: Mapping[str, Operation] = {
    "StartPipelineExecution": Operation(forms.Start, start),
    "DescribePipelineExecution": Operation(forms.OfExecution, describe),
    "ListPipelineExecutions": Operation(forms.ExecutionsPage, list_executions),
    "ListPipelineExecutionSteps": Operation(forms.StepsPage, steps),
    "ListPipelineParametersForExecution": Operation(forms.ExecutionPage, list_parameters),
    "StopPipelineExecution": Operation(forms.Stop, stop),
    "RetryPipelineExecution": Operation(forms.Retry, retry),
    "DescribePipelineDefinitionForExecution": Operation(forms.OfExecution, describe_definition),
}
"""The operations by name."""
