"""The assets that a DAG's tasks declare."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import DAG, Asset

from airflow_sm_pipelines import pipeline_dag, pipeline_task_group

GROUP = "x-sagemaker://model-package-group/abalone"
PARAMETER = {"Name": "Group", "Type": "String", "DefaultValue": "abalone"}


def register(name: Any = "abalone", **members: Any) -> dict[str, Any]:
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": name}, **members}


def endpoint(name: Any = "abalone") -> dict[str, Any]:
    return {"Name": "Deploy", "Type": "Endpoint", "Arguments": {"EndpointName": name, "EndpointConfigName": "c"}}


def declared(tasks: Any) -> dict[str, list[str]]:
    return {name: [outlet.uri for outlet in task.outlets] for name, task in tasks.items() if task.outlets}


def test_models_and_endpoints_are_declared_as_outlets(definition: Any, processing_arguments: Any) -> None:
    job = {"Name": "Clean", "Type": "Processing", "Arguments": processing_arguments}
    dag = pipeline_dag(definition(job, register(), endpoint()), dag_id="dag")

    assert declared(dag.task_dict) == {"Register": [GROUP], "Deploy": ["x-sagemaker://endpoint/abalone"]}


def test_the_value_that_a_dag_gives_to_a_parameter_counts(definition: Any) -> None:
    body = definition(register({"Get": "Parameters.Group"}), Parameters=[PARAMETER])

    assert declared(pipeline_dag(body, dag_id="dag").task_dict) == {"Register": [GROUP]}
    given = pipeline_dag(body, dag_id="dag", parameters={"Group": "other"})
    assert declared(given.task_dict) == {"Register": ["x-sagemaker://model-package-group/other"]}


def test_what_only_a_run_knows_is_not_declared(definition: Any) -> None:
    body = definition(register({"Get": "Execution.PipelineExecutionId"}))

    assert declared(pipeline_dag(body, dag_id="dag").task_dict) == {}


def test_a_task_group_declares_the_same_assets(definition: Any) -> None:
    with DAG("dag") as dag:
        body = definition(register({"Get": "Parameters.Group"}), Parameters=[PARAMETER])
        pipeline_task_group(body, group_id="ml", parameters={"Group": "other"})

    assert declared(dag.task_dict) == {"ml.Register": ["x-sagemaker://model-package-group/other"]}


def test_steps_of_a_loop_declare_theirs(definition: Any) -> None:
    loop = {
        "Name": "Loop",
        "Type": "ForEach",
        "Arguments": {"IterableItems": ["a", "b"], "MaxConcurrency": 2, "ForEachBody": [register()]},
    }
    dag = pipeline_dag(definition(loop), dag_id="dag")

    assert declared(dag.task_dict) == {"Register": [GROUP]}


@pytest.mark.parametrize("outlets", [[], [Asset("x-data://mine")]])
def test_the_authors_outlets_win(definition: Any, outlets: list[Asset]) -> None:
    dag = pipeline_dag(definition(register()), dag_id="dag", overrides={"Register": {"outlets": outlets}})

    assert dag.task_dict["Register"].outlets == outlets


def test_airflow_stores_the_asset_with_the_dag(definition: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    dag = pipeline_dag(definition(register()), dag_id="dag")

    stored = json.dumps(DagSerialization.to_dict(dag))
    assert stored.count(GROUP) >= 1
