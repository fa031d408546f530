"""What a definition asks for and a run does not do: who says it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.semantics.without_effect import without_effect, without_effect_in_task

CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "1d"}}


def function(name: str, **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Lambda", "FunctionArn": "f", **members}


def body(name: str) -> dict[str, Any]:
    arguments = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [function(name)]}
    return {"Name": "Loop", "Type": "ForEach", "Arguments": arguments}


@pytest.fixture
def pipeline() -> Pipeline:
    """A pipeline that asks for everything that a run does not do."""
    config = {"Name": "Then", "Type": "EndpointConfig", "Arguments": {"ProductionVariants": []}, **CACHED}
    steps = [function("First"), {**config, "DependsOn": ["First"]}, function("Last", DependsOn=["Then"], **CACHED)]
    definition = {"MlflowConfig": {"MlflowResourceArn": "arn"}, "Steps": [*steps, body("Body")]}
    around = {"ParallelismConfiguration": {"MaxParallelExecutionSteps": 5}, "RoleArn": {"Ref": "Role"}}
    return load_pipeline({**around, "PipelineDefinition": definition})


def test_everything_is_named_at_its_place(pipeline: Pipeline) -> None:
    found = {member.path: str(member) for member in without_effect(pipeline)}

    assert list(found) == ["MlflowConfig", "RoleArn", "Steps[1].CacheConfig"]
    assert found["Steps[1].CacheConfig"].startswith("Steps[1].CacheConfig: no result of Then is reused: ")


@pytest.mark.parametrize(
    ("step", "paths"),
    [
        ("First", ["MlflowConfig", "RoleArn"]),
        ("Then", ["Steps[1].CacheConfig"]),
        ("Last", []),
        ("Body", []),
    ],
)
def test_the_first_steps_say_it_of_the_pipeline_and_each_step_of_itself(
    pipeline: Pipeline, step: str, paths: list[str]
) -> None:
    plan = next(plan for plan in pipeline.plans if plan.step.name == step)

    assert [member.path for member in without_effect_in_task(plan, pipeline)] == paths


def test_mlflow_has_no_effect_where_no_job_runs_code_of_the_author(processing_arguments: dict[str, Any]) -> None:
    mlflow = {"MlflowConfig": {"MlflowResourceArn": "arn"}}
    processing = {"Name": "Prepare", "Type": "Processing", "Arguments": processing_arguments}

    assert [member.path for member in without_effect(load_pipeline({**mlflow, "Steps": [function("A")]}))] == [
        "MlflowConfig"
    ]
    assert list(without_effect(load_pipeline({**mlflow, "Steps": [function("A"), processing]}))) == []


def test_a_definition_that_asks_for_nothing_of_it_has_none() -> None:
    off = {"CacheConfig": {"Enabled": False}}
    pipeline = load_pipeline({"MlflowConfig": None, "Steps": [function("A", **off)]})

    assert list(without_effect(pipeline)) == []
    assert list(without_effect_in_task(pipeline.plans[0], pipeline)) == []
