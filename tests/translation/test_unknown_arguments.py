from __future__ import annotations

import pytest
from airflow.sdk import DAG, TaskGroup

from airflow_sm_pipelines.translation.folder import load_pipelines
from airflow_sm_pipelines.translation.translator import pipeline_dag, pipeline_task_group
from airflow_sm_pipelines.translation.unknown_arguments import refuse_unknown_arguments


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("role", "did you mean `role_arn`?"),
        ("rolearn", "did you mean `role_arn`?"),
        ("execution_role_arn", "did you mean `role_arn`?"),
        ("schedul", "did you mean `schedule`?"),
        ("schedule_interval", "did you mean `schedule`?"),
        ("region", "did you mean `region_name`?"),
        ("connection", "did you mean `aws_conn_id`?"),
        ("parameter", "did you mean `parameters`?"),
        ("catch_up", "did you mean `catchup`?"),
        ("retries", "tasks take it: write default_args={'retries': ...}, or put it into overrides"),
        ("pool", "tasks take it: write default_args={'pool': ...}, or put it into overrides"),
    ],
)
def test_an_unknown_argument_is_refused_with_what_may_have_been_meant(name: str, hint: str) -> None:
    with pytest.raises(TypeError) as caught:
        refuse_unknown_arguments(pipeline_dag, [DAG], {name: 1})
    assert str(caught.value) == f"pipeline_dag() got an unexpected keyword argument {name!r}; {hint}"


def test_what_resembles_nothing_has_no_hint() -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'xyz'$"):
        refuse_unknown_arguments(pipeline_dag, [DAG], {"xyz": 1})


def test_the_words_of_others_stand_only_for_arguments_that_the_function_has() -> None:
    with pytest.raises(TypeError, match=r"pipeline_task_group\(\) got .* 'schedule_interval'; did you mean `poll_int"):
        refuse_unknown_arguments(pipeline_task_group, [TaskGroup], {"schedule_interval": 1})


def test_known_arguments_pass() -> None:
    refuse_unknown_arguments(pipeline_dag, [DAG], {"catchup": True, "tags": []})
    refuse_unknown_arguments(pipeline_task_group, [TaskGroup], {"tooltip": "x"})


# -- before anything else ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [pipeline_dag, pipeline_task_group, load_pipelines])
def test_an_unknown_argument_is_told_before_a_file_is_looked_for(function: object) -> None:
    assert callable(function)
    with pytest.raises(TypeError, match=r"'role'; did you mean `role_arn`\?$"):
        function("no-such-file", role="r")


def test_an_unknown_argument_is_told_before_the_parameters_that_it_should_have_given() -> None:
    step = {"Name": "A", "Type": "Lambda", "FunctionArn": "f"}
    definition = {"Version": "2020-12-01", "Parameters": [{"Name": "P"}], "Steps": [step]}
    with pytest.raises(TypeError, match=r"'parameter'; did you mean `parameters`\?$"):
        pipeline_dag(definition, dag_id="d", schedule="@daily", parameter={"P": "x"})


def test_a_name_of_our_own_is_no_argument() -> None:
    with pytest.raises(TypeError, match=r"^pipeline_dag\(\) got an unexpected keyword argument 'pipeline'"):
        pipeline_dag({}, pipeline="x")
