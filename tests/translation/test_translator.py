"""From a definition to a DAG: options, parameters, refusals, files, what stands around a definition."""

from __future__ import annotations

import gc
import inspect
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_sm_pipelines import pipeline_dag, pipeline_task_group
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import InvalidDefinitionError, UnsupportedStepTypeError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import Waiting
from airflow_sm_pipelines.translation import unsupported_steps
from tests.translation.steps import Step, condition, declare

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

    own = {"dag_id", "schedule", "group_steps_by", "dag_kwargs"}, {"group_id", "group_kwargs"}
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


def test_values_replace_defaults_in_the_parameters_type(dag_of: Any, processing: Any) -> None:
    parameters = declare({"Name": "P", "Type": "Integer", "DefaultValue": 1}, {"Name": "Q", "Type": "Boolean"})
    dag = dag_of(processing("A"), members=parameters, parameters={"P": "0", "Q": False})

    assert {name: dag.params[name] for name in ("P", "Q")} == {"P": 0, "Q": False}


def test_values_of_unknown_parameters_or_wrong_types_are_refused_all_at_once(errors_of: Any, processing: Any) -> None:
    parameters = declare({"Name": "P", "Type": "Integer", "DefaultValue": 1}, {"Name": "Q", "Type": "String"})

    errors = errors_of(processing("A"), members=parameters, parameters={"P": "many", "Q": 1, "R": 1})

    assert errors == [
        "Parameters: parameters= in the DAG file: the pipeline declares no parameter R (it declares: P, Q)",
        "Parameters[0]: parameters= in the DAG file: parameter P must be an integer, not the string 'many'",
        "Parameters[1]: parameters= in the DAG file: parameter Q must be a string, not the number 1",
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
    monkeypatch.setattr(unsupported_steps, "CATALOG", few)


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
    assert set(dag.tags) == {"sagemaker", *tags}


def test_a_task_group_has_a_bound_of_its_own(described: Any) -> None:
    with DAG("dag", schedule=None):
        own = pipeline_task_group(described, group_id="own", max_parallel_steps=2)
        theirs = pipeline_task_group(described, group_id="theirs")

    settings = [group.children[f"{group.group_id}.A"].settings for group in (own, theirs)]
    assert [one.max_parallel_steps for one in settings] == [2, 3]
    assert [(one.airflow_id, one.task_prefix) for one in settings] == [("own", "own."), ("theirs", "theirs.")]


@pytest.mark.parametrize("bound", [0, -1, True, 2.0, "3"])
def test_a_bound_of_parallel_steps_is_a_whole_number_from_1(described: Any, bound: Any) -> None:
    with pytest.raises(ValueError, match="max_parallel_steps must be a whole number of at least 1"):
        pipeline_dag(described, dag_id="dag", max_parallel_steps=bound)


def test_description_and_tags_beside_the_definition_are_the_dags(described: Any) -> None:
    dag = pipeline_dag(described, dag_id="dag")

    assert dag.description == "Trains every night"
    assert set(dag.tags) == {"sagemaker", "team=ml", "k" * 100, "sagemaker-pipeline=nightly"}


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
