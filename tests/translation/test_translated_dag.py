"""What Airflow does with the DAG of a pipeline: documentation, serialization, versions, copies, params."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from airflow_sm_pipelines import pipeline_dag, pipeline_task_group
from airflow_sm_pipelines.semantics.run_options import RUN_OPTIONS
from tests.translation.steps import condition, declare, edges_of, fail, when


@pytest.fixture
def whole(dag_of: Any, processing: Any) -> Any:
    """A DAG with every kind of task; its first step has a name, a description and treacherous text."""

    def make(image: str = "image:1") -> DAG:
        first = processing("A", DisplayName="Prepare", Description="What it does")
        first["Arguments"] = {**first["Arguments"], "AppSpecification": {"ImageUri": image}}
        notify = processing("Notify", when("Failed", "A"))
        parameters = declare({"Name": "P", "Type": "Integer", "DefaultValue": 0})
        dag: DAG = dag_of(first, condition("C", [notify], [fail("F")]), members=parameters)
        return dag

    return make


def test_the_documentation_names_the_definition_and_its_digest(whole: Any) -> None:
    dag = whole()
    pipeline = dag.get_task("A").settings.pipeline

    assert f"sha256 `{pipeline.digest}`" in dag.doc_md
    assert "`<dict>`, 4 steps" in dag.doc_md


def test_the_users_own_documentation_does_not_replace_the_digest(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), doc_md="mine")

    assert dag.doc_md.startswith("mine\n\nSageMaker pipeline definition")
    assert dag.get_task("A").settings.pipeline.digest in dag.doc_md


def test_a_copied_dag_is_whole(whole: Any) -> None:
    dag = whole()

    copied = copy.deepcopy(dag)

    assert edges_of(copied) == edges_of(dag)
    assert copied.get_task("A").plan.step is dag.get_task("A").plan.step
    assert copied.get_task("A").dag is copied


def test_the_api_server_takes_the_text_of_a_typed_parameter(definition: Any, processing: Any) -> None:
    parameters = [
        {"Name": "N", "Type": "Integer", "DefaultValue": 1},
        {"Name": "B", "Type": "Boolean", "DefaultValue": False},
    ]
    dag = pipeline_dag(definition(processing("A"), Parameters=parameters), dag_id="dag")
    served = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))

    params = served.params.deep_merge({"N": "2", "B": "True"})
    params.validate()
    with pytest.raises(ValueError, match="'two' does not match"):
        served.params.deep_merge({"N": "two"}).validate()

    assert (params["N"], params["B"]) == ("2", "True")
    assert {name: served.params.get_param(name).dump()["schema"]["type"] for name in "NB"} == {
        "N": "integer",
        "B": "boolean",
    }


def test_airflow_can_serialize_the_dag_and_read_it_back(whole: Any) -> None:
    dag = whole("{{ ds }}.sh")
    digest = dag.get_task("A").settings.pipeline.digest

    serialized = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    again = DagSerialization.from_dict(serialized)

    assert digest in again.doc_md
    assert set(again.task_dict) == {"A", "C", "Notify", "F", "pipeline_status"}
    task = again.task_dict["A"]
    assert (task.task_display_name, task.ui_color) == ("Prepare", "#d5e8f7")
    assert task.doc_md.startswith("What it does\n\n**Processing** step.")
    assert again.task_dict["Notify"].trigger_rule == "all_done"
    assert again.task_dict["Notify"].upstream_task_ids == {"A", "C"}
    assert again.task_dict["C"].inherits_from_skipmixin
    shown = next(entry["__var"] for entry in serialized["dag"]["tasks"] if entry["__var"]["task_id"] == "A")
    assert shown["request"]["AppSpecification"] == {"ImageUri": "{{ ds }}.sh"}
    assert shown["has_retry_policy"] is True
    assert "_operator_extra_links" not in shown, "Airflow would ask for an XCom of each"
    assert {"SageMaker console", "CloudWatch logs", "S3 outputs", "Reused run"} == set(task.extra_links)


def test_a_change_anywhere_in_the_definition_is_a_new_version_of_the_dag(whole: Any) -> None:
    long = "x" * 10_000

    first, second = (json.dumps(DagSerialization.to_dict(whole(long + end)), sort_keys=True) for end in ("1", "2"))

    assert first != second


def test_airflow_makes_a_new_version_for_a_changed_definition_and_none_for_the_same(whole: Any) -> None:
    from airflow.models.serialized_dag import SerializedDagModel

    long = "x" * 10_000
    first, same, second = (
        SerializedDagModel.hash(DagSerialization.to_dict(whole(long + end))) for end in ("1", "1", "2")
    )

    assert first == same != second


def test_a_change_anywhere_in_the_definition_of_a_group_is_a_new_version_of_its_dag(
    definition: Any, processing: Any
) -> None:
    def serialized(end: str) -> str:
        step = processing("A")
        step["Arguments"] = {**step["Arguments"], "Environment": {"Long": "x" * 10_000 + end}}
        with DAG("outer") as dag:
            pipeline_task_group(definition(step), group_id="group", tooltip="mine")
        return json.dumps(DagSerialization.to_dict(dag), sort_keys=True)

    assert serialized("1") == serialized("1") != serialized("2")


def test_the_same_definition_is_the_same_version_of_the_dag(whole: Any) -> None:
    first, second = (json.dumps(DagSerialization.to_dict(whole())) for _ in range(2))

    assert first == second


def test_fail_fast_is_refused_with_triggers_and_loops_all_at_once(errors_of: Any, processing: Any) -> None:
    notify = processing("Notify", {"Step": "A", "Trigger": "Failed"}, {"Step": "B", "Trigger": "Any"})
    arguments = {"IterableItems": [1], "MaxConcurrency": 1, "ForEachBody": [processing("Work")]}
    loop = {"Name": "Each", "Type": "ForEach", "Arguments": arguments}

    assert errors_of(processing("A"), processing("B"), notify, loop, fail_fast=True) == [
        "Steps[2]: fail_fast=True stops the run at its first failure, but step Notify waits for one: its trigger for A "
        "is Failed (leave fail_fast out)",
        "Steps[2]: fail_fast=True stops the run at its first failure, but step Notify waits for one: its trigger for B "
        "is Any (leave fail_fast out)",
        "Steps[3]: fail_fast=True is not possible with ForEach step Each: its last task sums up also what has failed, "
        "which Airflow does not allow then (leave fail_fast out)",
    ]


def test_with_fail_fast_a_teardown_tells_the_status_which_airflow_runs_whatever_has_failed(
    dag_of: Any, processing: Any
) -> None:
    dag = dag_of(processing("A"), processing("B", "A"), fail_fast=True)
    status = dag.get_task("pipeline_status")

    assert (dag.fail_fast, status.is_teardown, status.on_failure_fail_dagrun) == (True, True, True)
    assert status.upstream_task_ids == {"A", "B"}
    assert not dag_of(processing("A")).fail_fast


def test_params_of_the_users_own_stand_beside_the_parameters(dag_of: Any, processing: Any, errors_of: Any) -> None:
    parameters = [{"Name": "Count", "Type": "Integer", "DefaultValue": 1}]

    made = dag_of(processing("A"), members={"Parameters": parameters}, params={"mine": 2}).params
    assert set(made) - set(RUN_OPTIONS) == {"Count", "mine"}
    [error] = errors_of(processing("A"), members={"Parameters": parameters}, params={"Count": 2})
    assert error.startswith("Parameters[0]: params= redefines the pipeline parameter Count")


def test_params_of_the_users_own_keep_what_they_demand(dag_of: Any, processing: Any) -> None:
    params = {"env": Param("dev", enum=["dev", "prod"]), "must": Param(type="string")}

    made = dag_of(processing("A"), params=params).params

    assert made.get_param("env").schema == {"enum": ["dev", "prod"]}
    assert made.get_param("must").schema == {"type": "string"}
    with pytest.raises(ParamValidationError, match="must"):
        made.validate()
