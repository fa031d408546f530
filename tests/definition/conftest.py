"""Small definitions, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import InvalidDefinitionError

# The least that a step of each type needs.
LEAST: dict[str, dict[str, Any]] = {
    "Processing": {"Arguments": {"ProcessingResources": {}, "AppSpecification": {}, "RoleArn": "r"}},
    "Training": {"Arguments": {"RoleArn": "r", "OutputDataConfig": {"S3OutputPath": "s3://b/out"}}},
    "Model": {"Arguments": {}},
    "EndpointConfig": {"Arguments": {"ProductionVariants": []}},
    "Endpoint": {"Arguments": {"EndpointConfigName": "c"}},
    "Lambda": {"FunctionArn": "arn:aws:lambda:us-east-1:1:function:f"},
    "Callback": {"SqsQueueUrl": "https://sqs/q"},
    "QualityCheck": {
        "CheckType": "DATA_QUALITY",
        "Arguments": {"ProcessingResources": {}, "AppSpecification": {}, "RoleArn": "r"},
    },
    "EMR": {"Arguments": {"StepConfig": {}, "ClusterId": "j-1"}},
    "Condition": {"Arguments": {"Conditions": [], "IfSteps": [], "ElseSteps": []}},
    "Fail": {"Arguments": {"ErrorMessage": "no"}},
    "Cleanup": {"Arguments": {"Resources": {"S3": []}}},
    "Lineage": {"Arguments": {}},
    "ForEach": {"Arguments": {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": []}},
}


@pytest.fixture
def step() -> Callable[..., dict[str, Any]]:
    """Build a step: ``step("A", "Training", arguments={...}, DependsOn=["B"])``; arguments are added to the least."""

    def build(
        name: str, type_: str = "Lambda", arguments: dict[str, Any] | None = None, **members: Any
    ) -> dict[str, Any]:
        least = LEAST.get(type_, {})
        built = {"Name": name, "Type": type_, **least, **members}
        if arguments is not None:
            built["Arguments"] = {**least.get("Arguments", {}), **arguments}
        return built

    return build


@pytest.fixture
def load() -> Callable[..., Pipeline]:
    """Load a definition of some steps and top-level members."""

    def build(*steps: dict[str, Any], **members: Any) -> Pipeline:
        return load_pipeline({"Version": "2020-12-01", **members, "Steps": list(steps)})

    return build


@pytest.fixture
def faults() -> Callable[..., dict[str, str]]:
    """Return JSON path -> messages and hints for steps, or a ``source`` as a whole, that must be refused."""

    def refuse(*steps: Any, source: Any = None, **members: Any) -> dict[str, str]:
        document = {"Version": "2020-12-01", **members, "Steps": list(steps)} if source is None else source
        with pytest.raises(InvalidDefinitionError) as caught:
            load_pipeline(document)
        found: dict[str, str] = {}
        for error in caught.value.exceptions:
            found[error.path] = f"{found.get(error.path, '')}{error.message} | {error.hint}\n"
        return found

    return refuse
