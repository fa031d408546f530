"""From a definition to a DAG."""

from __future__ import annotations

import copy
import gc
import inspect
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from msgspec import msgpack

from airflow_sm_pipelines import pipeline_dag, pipeline_task_group
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import InvalidDefinitionError, UnsupportedStepTypeError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import Waiting
from airflow_sm_pipelines.operators.control_flow import ConditionOperator, FailOperator
from airflow_sm_pipelines.operators.jobs import ProcessingOperator
from airflow_sm_pipelines.operators.pipeline_status import PipelineStatusOperator
from airflow_sm_pipelines.semantics.run_options import RUN_OPTIONS
from airflow_sm_pipelines.translation import step_tasks
from tests.definition.test_mutations import MARK, WITH_NUMBERS, numbers_in

Step = dict[str, Any]


def condition(name: str, if_steps: list[Step], else_steps: list[Step], **members: Any) -> Step:
    arguments = {"Conditions": [], "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, **members}


def fail(name: str, *depends_on: str) -> Step:
    waits = {"DependsOn": list(depends_on)} if depends_on else {}
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "no"}, **waits}


def when(trigger: str, step: str) -> Step:
    return {"Step": step, "Trigger": trigger}


def edges_of(dag: DAG) -> set[tuple[str, str]]:
    return {(task.task_id, downstream) for task in dag.tasks for downstream in task.downstream_task_ids}


# -- tasks and edges ---------------------------------------------------------------------------------------------------


def test_numbers_of_any_size_are_refused_or_can_be_sent_between_airflows_processes() -> None:
    accepted = 0
    for text in numbers_in(WITH_NUMBERS):
        for number in (str(2**63 - 1), str(2**63), "1e19", "1e308"):
            try:
                dag = pipeline_dag(text.replace(MARK, number), dag_id="d")
            except InvalidDefinitionError:
                continue
            assert msgpack.encode(DagSerialization.to_dict(dag))
            accepted += 1
    assert accepted > 20


def test_a_step_is_one_task_of_its_name_and_type(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A-1_b"), condition("class", [fail("Stop")], []))

    assert {task.task_id: type(task) for task in dag.tasks} == {
        "A-1_b": ProcessingOperator,
        "class": ConditionOperator,
        "Stop": FailOperator,
    }


def test_names_that_differ_in_a_hyphen_only_are_two_tasks(dag_of: Any, processing: Any) -> None:
    assert set(dag_of(processing("a-b"), processing("a_b")).task_ids) == {"a-b", "a_b"}


def test_depends_on_and_references_are_edges(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), processing("B"), processing("C", "A", reads="B"), processing("D", reads="C"))

    assert edges_of(dag) == {("A", "C"), ("B", "C"), ("C", "D")}


def test_a_condition_has_an_edge_to_each_step_of_both_branches(dag_of: Any, processing: Any) -> None:
    inner = condition("Inner", [processing("Deep")], [])
    dag = dag_of(processing("A"), condition("Outer", [processing("If", reads="A"), inner], [fail("Else")]))

    assert {edge for edge in edges_of(dag) if edge[1] != "pipeline_status"} == {
        ("Outer", "If"),
        ("A", "If"),
        ("Outer", "Inner"),
        ("Inner", "Deep"),
        ("Outer", "Else"),
    }


def test_a_step_outside_may_wait_for_one_inside_a_branch(dag_of: Any, processing: Any) -> None:
    dag = dag_of(condition("Check", [processing("If")], []), processing("After", "If"))

    assert edges_of(dag) == {("Check", "If"), ("If", "After")}
    assert dag.get_task("After").trigger_rule == "all_success"


def test_without_triggers_airflows_own_rule_is_enough(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), processing("B", "A"), condition("C", [fail("F")], [], DependsOn=["B"]))

    assert {task.trigger_rule for task in dag.tasks} == {"all_success"}


@pytest.mark.parametrize("trigger", ["Failed", "Stopped", "Any"])
def test_a_step_with_a_trigger_starts_when_all_have_ended(dag_of: Any, processing: Any, trigger: str) -> None:
    dag = dag_of(processing("A"), processing("B"), processing("Notify", when(trigger, "A"), "B"))

    rules = {task.task_id: task.trigger_rule for task in dag.tasks}
    assert rules == {"A": "all_success", "B": "all_success", "Notify": "all_done", "pipeline_status": "all_done"}


@pytest.mark.parametrize("trigger", ["Failed", "Stopped", "Any"])
def test_a_pipeline_with_triggers_has_one_leaf_that_tells_its_status(
    dag_of: Any, processing: Any, trigger: str
) -> None:
    dag = dag_of(processing("A"), processing("Notify", when(trigger, "A")), processing("C"))
    status = dag.get_task("pipeline_status")

    assert isinstance(status, PipelineStatusOperator)
    assert status.upstream_task_ids == {"A", "Notify", "C"}
    assert [task.task_id for task in dag.leaves] == ["pipeline_status"]
    assert status.steps_of_tasks == {"A": "A", "Notify": "Notify", "C": "C"}


def test_so_has_a_pipeline_whose_branches_may_hide_a_failure(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), condition("C", [processing("B", "A")], []))

    assert [task.task_id for task in dag.leaves] == ["pipeline_status"]


def test_a_pipeline_without_triggers_has_no_such_leaf(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), processing("B", when("Completed", "A")), condition("C", [fail("F")], []))

    assert set(dag.task_ids) == {"A", "B", "C", "F"}


def test_the_leaf_makes_way_for_a_step_of_its_name(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("pipeline_status"), processing("B", when("Any", "pipeline_status")))

    assert isinstance(dag.get_task("pipeline_status"), ProcessingOperator)
    assert isinstance(dag.get_task("pipeline_status_"), PipelineStatusOperator)


def test_the_wish_for_a_green_run_reaches_the_leaf(dag_of: Any, processing: Any) -> None:
    steps = processing("A"), processing("B", when("Failed", "A"))

    assert dag_of(*steps).get_task("pipeline_status").completed_with_failures == "failed"
    opted_out = dag_of(*steps, completed_with_failures="success")
    assert opted_out.get_task("pipeline_status").completed_with_failures == "success"


# -- settings ----------------------------------------------------------------------------------------------------------


def test_all_steps_share_pipeline_name_and_connection(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), condition("C", [], []), aws_conn_id="other", region_name="eu-west-1")
    first, second = dag.tasks

    assert first.settings is second.settings
    assert (first.settings.name, first.settings.task_ids) == ("dag", {"A": "A", "C": "C"})
    assert first.connection == second.connection == AwsConnection("other", "eu-west-1")
    assert dag_of(processing("A"), pipeline_name="Abalone").get_task("A").settings.name == "Abalone"


def test_how_to_wait_reaches_the_jobs(dag_of: Any, processing: Any) -> None:
    task = dag_of(processing("A"), deferrable=False, poll_interval=5.0).get_task("A")

    assert task.waiting == Waiting(deferrable=False, poll_interval=5.0)
    default = dag_of(processing("A")).get_task("A")
    assert default.waiting == Waiting() == Waiting(deferrable=True, poll_interval=10.0, settle=None)


def test_wide_pipelines_are_not_held_back(dag_of: Any, processing: Any) -> None:
    wide = [processing(f"S{number}") for number in range(20)]

    assert dag_of(*wide).max_active_tasks == 20
    assert dag_of(processing("A")).max_active_tasks == 16
    assert dag_of(*wide, max_active_tasks=3).max_active_tasks == 3


def test_other_arguments_are_those_of_the_dag(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), tags=["ml"], max_active_runs=1, doc_md="mine", params={"extra": 1})

    assert (dag.tags, dag.max_active_runs) == ({"ml"}, 1)
    assert dag.params["extra"] == 1


def test_a_schedule_starts_by_itself(dag_of: Any, processing: Any) -> None:
    mine = datetime(2026, 1, 1, tzinfo=UTC)

    assert dag_of(processing("A"), schedule="@daily").start_date <= datetime(2021, 1, 1, tzinfo=UTC)
    assert dag_of(processing("A"), schedule="@daily", start_date=mine).start_date == mine
    assert dag_of(processing("A")).start_date is None


def test_a_schedule_does_not_catch_up(dag_of: Any, processing: Any) -> None:
    assert dag_of(processing("A"), schedule="@daily").catchup is False


def test_a_dag_and_a_task_group_take_the_same_options(dag_of: Any) -> None:
    dag, group = (inspect.signature(function).parameters for function in (pipeline_dag, pipeline_task_group))

    own = {"dag_id", "schedule", "dag_kwargs"}, {"group_id", "group_kwargs"}
    assert own == (dag.keys() - group.keys(), group.keys() - dag.keys())
    assert all(dag[name].replace(kind=group[name].kind) == group[name] for name in dag.keys() & group.keys())


@pytest.mark.parametrize("function", [pipeline_dag, pipeline_task_group])
def test_each_option_is_explained_where_it_is_given(function: Any) -> None:
    explained = re.findall(r"^        (\w+): ", inspect.getdoc(function).replace("\n    ", "\n        "), re.MULTILINE)

    assert explained[: len(inspect.signature(function).parameters)] == [*inspect.signature(function).parameters]


def test_a_misspelt_option_is_refused_with_the_nearest_one(definition: Any, processing: Any) -> None:
    with pytest.raises(TypeError) as caught:
        pipeline_dag(definition(processing("A")), dag_id="dag", poll_intervall=5)
    assert str(caught.value) == (
        "pipeline_dag() got an unexpected keyword argument 'poll_intervall'; did you mean `poll_interval`?"
    )
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'xyz'$"):
        pipeline_dag(definition(processing("A")), dag_id="dag", xyz=5)
    with (
        DAG("own", schedule=None),
        pytest.raises(TypeError, match=r"^pipeline_task_group\(\) got .* 'override'; did you mean `overrides`\?$"),
    ):
        pipeline_task_group(definition(processing("A")), group_id="g", override={})


def test_another_type_error_of_airflow_stays_as_it_is(definition: Any, processing: Any) -> None:
    with pytest.raises(TypeError) as caught:
        pipeline_dag(definition(processing("A")), dag_id="dag", dagrun_timeout="soon")

    assert "unexpected keyword argument" not in str(caught.value)


# -- parameters --------------------------------------------------------------------------------------------------------


def declare(*parameters: Step) -> Step:
    return {"Parameters": list(parameters)}


def test_values_replace_defaults_in_the_parameters_type(dag_of: Any, processing: Any) -> None:
    parameters = declare({"Name": "P", "Type": "Integer", "DefaultValue": 1}, {"Name": "Q", "Type": "Boolean"})
    dag = dag_of(processing("A"), members=parameters, parameters={"P": "0", "Q": False})

    assert {name: dag.params[name] for name in ("P", "Q")} == {"P": 0, "Q": False}


def test_values_of_unknown_parameters_or_wrong_types_are_refused_all_at_once(errors_of: Any, processing: Any) -> None:
    parameters = declare({"Name": "P", "Type": "Integer", "DefaultValue": 1}, {"Name": "Q", "Type": "String"})

    errors = errors_of(processing("A"), members=parameters, parameters={"P": "many", "Q": 1, "R": 1})

    assert errors == [
        "Parameters: the pipeline declares no parameter R (it declares: P, Q)",
        "Parameters[0]: parameter P must be an integer, not the string 'many'",
        "Parameters[1]: parameter Q must be a string, not the number 1",
    ]


def test_a_scheduled_run_needs_a_value_for_every_parameter(errors_of: Any, dag_of: Any, processing: Any) -> None:
    parameters = declare({"Name": "P", "Type": "String"})

    (error,) = errors_of(processing("A"), members=parameters, schedule="@daily")

    assert error == (
        "Parameters[0]: parameter P has no default value, so a scheduled run cannot start "
        "(pass parameters={'P': ...}, or remove the schedule)"
    )
    assert dag_of(processing("A"), members=parameters, schedule="@daily", parameters={"P": "x"}).params["P"] == "x"
    assert dag_of(processing("A"), members=parameters).schedule is None


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def few_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that runs two step types."""
    few = {name: CATALOG[name] for name in ("Processing", "Condition")}
    monkeypatch.setattr(step_tasks, "CATALOG", few)


@pytest.mark.usefixtures("few_types")
def test_steps_that_cannot_run_are_refused_all_at_once_by_name_and_type(errors_of: Any, processing: Any) -> None:
    def lambda_step(name: str) -> Step:
        return {"Name": name, "Type": "Lambda", "Arguments": {}, "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:f"}

    errors = errors_of(lambda_step("First"), processing("A"), condition("C", [lambda_step("Second")], []))

    assert errors == [
        "Steps[0].Type: step First: the step type Lambda is not supported (supported types: Condition, Processing)",
        "Steps[2].Arguments.IfSteps[0].Type: step Second: the step type Lambda is not supported "
        "(supported types: Condition, Processing)",
    ]


@pytest.mark.usefixtures("few_types")
def test_such_a_refusal_has_a_type_of_its_own(dag_of: Any) -> None:
    step = {"Name": "L", "Type": "Lambda", "Arguments": {}, "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:f"}

    with pytest.raises(InvalidDefinitionError) as caught:
        dag_of(step)

    assert [type(error) for error in caught.value.exceptions] == [UnsupportedStepTypeError]
    assert caught.value.source == "<dict>"


def test_errors_of_the_definition_come_as_they_are(errors_of: Any, processing: Any) -> None:
    (error,) = errors_of(processing("A", "Nobody"))

    assert "Nobody" in error


def test_a_definition_without_a_file_needs_a_dag_id(definition: Any, processing: Any) -> None:
    with pytest.raises(InvalidDefinitionError) as caught:
        pipeline_dag(definition(processing("A")))

    assert str(caught.value.exceptions[0]) == "dag_id is required when the definition is not a file (pass dag_id=...)"
    assert pipeline_dag(json.dumps(definition(processing("A"))), dag_id="text").dag_id == "text"


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def dag_file(tmp_path: Path, definition: Any, processing: Any) -> Path:
    """A DAG file of two lines beside its definition."""
    (tmp_path / "abalone.json").write_text(json.dumps(definition(processing("A"))))
    file = tmp_path / "abalone_dag.py"
    file.write_text('from airflow_sm_pipelines import pipeline_dag\n\ndag = pipeline_dag("abalone.json")\n')
    return file


def dag_in(file: Path) -> Any:
    names: dict[str, Any] = {"__file__": str(file)}
    exec(compile(file.read_text(), file, "exec"), names)
    return names["dag"]


def test_a_relative_path_starts_at_the_calling_file(
    dag_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

    assert dag_in(dag_file).task_ids == ["A"]


def test_the_dag_is_called_like_the_definitions_file(dag_file: Path) -> None:
    assert dag_in(dag_file).dag_id == "abalone"


def test_airflow_shows_the_calling_file(dag_file: Path) -> None:
    assert dag_in(dag_file).fileloc == str(dag_file)


def test_an_absolute_path_is_taken_as_it_is(dag_file: Path) -> None:
    assert pipeline_dag(dag_file.parent / "abalone.json").dag_id == "abalone"
    assert pipeline_dag(dag_file.parent / "abalone.json").fileloc == __file__


def test_nothing_keeps_the_last_pipeline_alive(definition: Any, processing: Any) -> None:
    pipeline_dag(definition(processing("Ephemeral")), dag_id="dag")

    gc.collect()

    left = [found for found in gc.get_objects() if type(found) is Pipeline]
    assert "Ephemeral" not in {step.name for pipeline in left for step in pipeline.steps}


# -- what Airflow does with a DAG --------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("cache", "links"), [({}, set()), ({"Enabled": False}, set()), ({"Enabled": True}, {"Reused run"})]
)
def test_only_a_cached_step_has_a_link_to_the_run_of_its_result(
    dag_of: Any, processing: Any, cache: dict[str, bool], links: set[str]
) -> None:
    members = {"CacheConfig": cache} if cache else {}
    dag = DagSerialization.to_dict(dag_of(processing("A") | members))

    [task] = dag["dag"]["tasks"]
    assert set(task["__var"]["_operator_extra_links"]) == {"SageMaker console", "CloudWatch logs", *links}


def test_airflow_can_serialize_the_dag_and_read_it_back(whole: Any) -> None:
    dag = whole("{{ ds }}.sh")
    digest = dag.get_task("A").settings.pipeline.digest

    serialized = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    again = DagSerialization.from_dict(serialized)

    assert digest in again.doc_md
    assert set(again.task_dict) == {"A", "C", "Notify", "F", "pipeline_status"}
    task = again.task_dict["A"]
    assert (task.task_display_name, task.doc_md, task.ui_color) == ("Prepare", "What it does", "#d5e8f7")
    assert again.task_dict["Notify"].trigger_rule == "all_done"
    assert again.task_dict["Notify"].upstream_task_ids == {"A", "C"}
    assert again.task_dict["C"].inherits_from_skipmixin
    shown = next(entry["__var"] for entry in serialized["dag"]["tasks"] if entry["__var"]["task_id"] == "A")
    assert shown["request"]["AppSpecification"] == {"ImageUri": "{{ ds }}.sh"}
    assert shown["has_retry_policy"] is True
    assert set(shown["_operator_extra_links"]) == {"SageMaker console", "CloudWatch logs"}


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


# -- task groups -------------------------------------------------------------------------------------------------------


@pytest.fixture
def group_in(definition: Any) -> Any:
    """Make a task group of some steps in a DAG with some params."""

    def make(*steps: Step, params: Step | None = None, members: Step | None = None, **arguments: Any) -> DAG:
        with DAG("own", schedule=None, params=params or {}) as dag:
            pipeline_task_group(definition(*steps, **(members or {})), **{"group_id": "train", **arguments})
        return dag

    return make


def test_a_group_has_a_task_for_each_step_under_its_own_name(group_in: Any, processing: Any) -> None:
    dag = group_in(processing("A"), processing("B", "A"))

    assert edges_of(dag) == {("train.A", "train.B")}
    assert dag.get_task("train.B").settings.task_ids == {"A": "train.A", "B": "train.B"}
    assert dag.get_task("train.A").settings.name == "train"


def test_a_group_without_prefix_keeps_the_steps_names(group_in: Any, processing: Any) -> None:
    assert group_in(processing("A"), prefix_group_id=False).get_task("A").settings.task_ids == {"A": "A"}


def test_the_status_of_a_group_is_a_task_of_the_group(group_in: Any, processing: Any) -> None:
    dag = group_in(processing("A"), processing("Notify", when("Failed", "A")))

    assert edges_of(dag) >= {("train.A", "train.pipeline_status"), ("train.Notify", "train.pipeline_status")}


def test_a_groups_parameters_have_the_value_given_else_the_dags_else_the_default(
    group_in: Any, processing: Any
) -> None:
    members = {"Parameters": [{"Name": name, "Type": "Integer", "DefaultValue": 1} for name in ("P", "Q", "R")]}

    dag = group_in(processing("A"), members=members, params={"Q": 5}, parameters={"P": 2})

    assert dag.get_task("train.A").settings.values == {"P": 2, "R": 1}
    assert dict(dag.params) == {"Q": 5}, "a group adds nothing to the DAG"


def test_a_groups_parameter_needs_a_value_from_somewhere(group_in: Any, processing: Any) -> None:
    members = {"Parameters": [{"Name": "P", "Type": "Integer"}]}

    with pytest.raises(InvalidDefinitionError) as caught:
        group_in(processing("A"), members=members)
    assert "parameter P has no default value, and the DAG has no param of that name" in str(caught.value)
    assert group_in(processing("A"), members=members, params={"P": 5})
    assert group_in(processing("A"), members=members, parameters={"P": 5})
    assert group_in(processing("A"), members=members, params={"P": Param(type="integer")}), "asked for at each run"


def test_the_options_of_a_group_reach_its_steps(group_in: Any, processing: Any) -> None:
    steps = processing("A"), processing("B", when("Failed", "A"))
    dag = group_in(
        *steps,
        pipeline_name="Abalone",
        role_arn="arn:aws:iam::1:role/R",
        aws_conn_id="other",
        region_name="eu-west-1",
        deferrable=False,
        poll_interval=5.0,
        overrides={"A": {"queue": "gpu"}},
        completed_with_failures="success",
    )
    a, status = dag.get_task("train.A"), dag.get_task("train.pipeline_status")

    assert (a.settings.name, a.settings.role_arn) == ("Abalone", "arn:aws:iam::1:role/R")
    assert a.connection == AwsConnection("other", "eu-west-1")
    assert a.waiting == Waiting(deferrable=False, poll_interval=5.0)
    assert a.queue == "gpu"
    assert status.completed_with_failures == "success"


def test_the_role_of_the_pipeline_reaches_its_steps(dag_of: Any, processing: Any) -> None:
    assert dag_of(processing("A"), role_arn="arn:aws:iam::1:role/R").get_task("A").settings.role_arn


# -- what stands around a definition -----------------------------------------------------------------------------------

AROUND = {
    "PipelineName": "nightly",
    "RoleArn": "arn:aws:iam::1:role/Pipeline",
    "PipelineDescription": "Trains every night",
    "Tags": [{"Key": "team", "Value": "ml"}, {"Key": "k" * 120, "Value": ""}],
    "ParallelismConfiguration": {"MaxParallelExecutionSteps": 3},
}


@pytest.fixture
def described(definition: Any, processing: Any) -> dict[str, Any]:
    """The answer of DescribePipeline, or the request of CreatePipeline."""
    return {**AROUND, "PipelineDefinition": json.dumps(definition(processing("A")))}


def test_name_and_role_beside_the_definition_are_the_pipelines(described: Any) -> None:
    settings = pipeline_dag(described, dag_id="dag").get_task("A").settings

    assert (settings.name, settings.role_arn) == ("nightly", AROUND["RoleArn"])
    assert settings.max_parallel_steps == 3


def test_what_the_author_of_the_dag_says_wins(described: Any) -> None:
    dag = pipeline_dag(
        described,
        dag_id="dag",
        pipeline_name="mine",
        role_arn="arn:mine",
        description="Mine",
        tags=["own"],
        max_parallel_steps=7,
    )

    settings = dag.get_task("A").settings
    assert (settings.name, settings.role_arn, settings.max_parallel_steps) == ("mine", "arn:mine", 7)
    assert (dag.description, set(dag.tags)) == ("Mine", {"own", "sagemaker-pipeline=mine"})


@pytest.mark.parametrize(
    ("dag_id", "pipeline_name", "tags"),
    [
        ("nightly", None, set()),
        ("my_pipeline", "my-pipeline", set()),
        ("my_pipeline", None, set()),
        ("dag", "Abalone", {"sagemaker-pipeline=Abalone"}),
        ("dag", "a" * 200, {"sagemaker-pipeline=" + "a" * 81}),
    ],
)
def test_a_name_that_does_not_follow_from_the_dag_id_is_a_tag(
    definition: Any, processing: Any, dag_id: str, pipeline_name: str | None, tags: set[str]
) -> None:
    dag = pipeline_dag(definition(processing("A")), dag_id=dag_id, pipeline_name=pipeline_name)
    assert set(dag.tags) == tags


def test_a_task_group_has_a_bound_of_its_own(described: Any) -> None:
    with DAG("dag", schedule=None):
        own = pipeline_task_group(described, group_id="own", max_parallel_steps=2)
        theirs = pipeline_task_group(described, group_id="theirs")

    settings = [group.children[f"{group.group_id}.A"].settings for group in (own, theirs)]
    assert [one.max_parallel_steps for one in settings] == [2, 3]
    assert [(one.airflow_id, one.task_prefix) for one in settings] == [("own", "own."), ("theirs", "theirs.")]


@pytest.mark.parametrize("bound", [0, -1, True, 2.0, "3"])
def test_a_bound_of_parallel_steps_is_a_whole_number_from_1(described: Any, bound: Any) -> None:
    with pytest.raises(ValueError, match="max_parallel_steps is a whole number from 1"):
        pipeline_dag(described, dag_id="dag", max_parallel_steps=bound)


def test_description_and_tags_beside_the_definition_are_the_dags(described: Any) -> None:
    dag = pipeline_dag(described, dag_id="dag")

    assert dag.description == "Trains every night"
    assert set(dag.tags) == {"team=ml", "k" * 100, "sagemaker-pipeline=nightly"}


def test_a_group_has_name_role_and_description_beside_the_definition(described: Any) -> None:
    with DAG("outer"):
        group = pipeline_task_group(described, group_id="group")

    settings = group.dag.get_task("group.A").settings
    assert (settings.name, settings.role_arn) == ("nightly", AROUND["RoleArn"])
    assert group.tooltip == f"Trains every night\n\n<dict>, sha256 {settings.pipeline.digest}"


def test_the_documentation_of_the_dag_says_what_has_no_effect(described: Any, dag_of: Any, processing: Any) -> None:
    assert "Not in effect" not in dag_of(processing("A")).doc_md
    cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": "1d"}}
    config = {"Name": "C", "Type": "EndpointConfig", "Arguments": {"ProductionVariants": []}, **cached}
    assert "Not in effect" not in dag_of(processing("A") | cached).doc_md

    assert "- `Steps[0].CacheConfig`: no result of C is reused" in dag_of(config).doc_md
    assert "Not in effect" not in pipeline_dag(described, dag_id="dag").doc_md, "its bound is obeyed"
