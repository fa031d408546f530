"""Airflow arguments of single tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.errors import InvalidDefinitionError


def processing(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"Name": name, "Type": "Processing", "Arguments": arguments}


DEPLOY = {
    "Name": "Deploy",
    "Type": "Lambda",
    "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:deploy",
    "Arguments": {},
}


ROLE, OTHER_ROLE = (f"arn:aws:iam::222233334444:role/{name}" for name in ("A", "B"))


@pytest.fixture
def dag_with(definition: Any, processing_arguments: Any) -> Any:
    def make(overrides: Any, *more: Any) -> Any:
        body = definition(processing("A", processing_arguments), processing("B", processing_arguments), *more)
        return pipeline_dag(body, dag_id="dag", aws_conn_id="all", overrides=overrides)

    return make


def test_an_override_of_a_type_is_for_all_of_its_steps_and_one_of_a_name_wins(dag_with: Any) -> None:
    dag = dag_with({"Processing": {"queue": "gpu", "retries": 1}, "B": {"queue": "big"}})

    assert [dag.get_task(name).queue for name in "AB"] == ["gpu", "big"]
    assert [dag.get_task(name).retry_policy.unmatched_retries for name in "AB"] == [1, 1]


def test_connection_and_waiting_of_one_step(dag_with: Any) -> None:
    dag = dag_with({"B": {"aws_conn_id": "other", "region_name": "eu-west-1", "deferrable": False, "settle": 1.0}})

    assert (dag.get_task("A").connection.aws_conn_id, dag.get_task("A").waiting.deferrable) == ("all", True)
    task = dag.get_task("B")
    assert (task.connection.aws_conn_id, task.connection.region_name) == ("other", "eu-west-1")
    assert (task.waiting.deferrable, task.waiting.settle, task.waiting.poll_interval) == (False, 1.0, 10.0)


def test_the_assumed_role_of_one_step(definition: Any, processing_arguments: Any) -> None:
    steps = [processing(name, processing_arguments) for name in "ABC"]
    overrides = {"B": {"assume_role_arn": OTHER_ROLE}, "C": {"assume_role_arn": None}}
    dag: Any = pipeline_dag(definition(*steps), dag_id="dag", assume_role_arn=ROLE, overrides=overrides)

    roles = [dag.get_task(name).connection.assume_role_arn for name in "ABC"]
    assert roles == [ROLE, OTHER_ROLE, None]


def test_a_role_that_is_none_is_an_error_of_the_dag_file(definition: Any, processing_arguments: Any) -> None:
    body = definition(processing("A", processing_arguments))
    with pytest.raises(InvalidDefinitionError) as caught:
        pipeline_dag(body, dag_id="dag", assume_role_arn="R", overrides={"A": {"assume_role_arn": 3}})

    assert [str(error).partition(" (")[0] for error in caught.value.exceptions] == [
        "assume_role_arn is not the ARN of a role: 'R'",
        "overrides['A']: assume_role_arn is not the ARN of a role: 3",
    ]


def test_any_argument_of_airflows_operator(dag_with: Any) -> None:
    task = dag_with({"A": {"execution_timeout": timedelta(hours=1), "pool": "aws", "pool_slots": 2}}).get_task("A")

    assert (task.execution_timeout, task.pool, task.pool_slots) == (timedelta(hours=1), "aws", 2)


def test_an_override_of_a_type_that_the_pipeline_does_not_have_does_no_harm(dag_with: Any) -> None:
    assert dag_with({"Training": {"queue": "gpu"}}).get_task("A").queue == "default"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"Procesing": {}}, "overrides: 'Procesing' is neither a step nor a step type (did you mean 'Processing'?)"),
        ({"zzz": {}}, "overrides: 'zzz' is neither a step nor a step type (the steps are A, B, Deploy)"),
        ({"A": {"trigger_rule": "all_done"}}, "overrides['A']: trigger_rule cannot be overridden"),
        ({"A": {"task_id": "b"}}, "overrides['A']: task_id cannot be overridden"),
        (
            {"Deploy": {"on_unknown": "sometimes"}},
            "overrides['Deploy']: on_unknown must be 'retry' or 'fail', not 'sometimes'",
        ),
        (
            {"Lambda": {"on_unknown": ["fail"]}},
            "overrides['Lambda']: on_unknown must be 'retry' or 'fail', not ['fail']",
        ),
        (
            {"A": {"on_unknown": "fail"}},
            "overrides['A']: on_unknown is only supported for Lambda steps, not for Processing steps",
        ),
        (
            {"Training": {"on_unknown": "fail"}},
            "overrides['Training']: on_unknown is only supported for Lambda steps, not for Training steps",
        ),
    ],
)
def test_a_wrong_override_is_an_error_of_the_dag_file(dag_with: Any, overrides: Any, expected: str) -> None:
    with pytest.raises(InvalidDefinitionError) as caught:
        dag_with(overrides, DEPLOY)

    assert [str(error) for error in caught.value.exceptions] == [expected]


def test_a_step_that_is_called_like_the_type_with_the_argument_cannot_have_it(
    dag_with: Any, processing_arguments: Any
) -> None:
    with pytest.raises(InvalidDefinitionError) as caught:
        dag_with({"Lambda": {"on_unknown": "fail"}}, processing("Lambda", processing_arguments))

    assert [str(error) for error in caught.value.exceptions] == [
        "overrides['Lambda']: on_unknown is only supported for Lambda steps, not for Processing steps"
    ]
