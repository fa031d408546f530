"""The task of a step that the definition does not have any more."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, TaskGroup
from airflow.sdk.definitions.retry_policy import RetryAction

from airflow_sm_pipelines import pipeline_dag, pipeline_task_group
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.operators.removed_step import RemovedStepOperator

NAME = "pipelines-abcdef012345-Gone-t0k3nt0k3n-0"


@pytest.fixture
def task_process(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Do as if a process parsed the file for one task."""

    def become(dag_id: str, task_id: str) -> None:
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", dag_id)
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", task_id)

    return become


@pytest.fixture
def source(definition: Any, processing_arguments: Any) -> Any:
    return definition({"Name": "A", "Type": "Processing", "Arguments": processing_arguments})


def recorded(context: Any, sagemaker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sagemaker.jobs[NAME] = {"ProcessingJobName": NAME, "ProcessingJobStatus": "InProgress"}
    sagemaker.ending = None
    monkeypatch.setattr(AwsConnection, "client", lambda *_: sagemaker)
    connection = AwsConnection(None, "eu-west-1").as_arguments()
    record = {"epoch": "3/3", "name": NAME, "reference": NAME, "kind": "processing-job", "connection": connection}
    context["task_state_store"].set(RECORD_KEY, record)


@pytest.mark.parametrize("resumed", [True, False])
def test_it_stops_the_job_fails_and_says_why(
    context: Any, sagemaker: Any, monkeypatch: pytest.MonkeyPatch, resumed: bool
) -> None:
    recorded(context, sagemaker, monkeypatch)
    task = RemovedStepOperator(task_id="Gone")

    with pytest.raises(StepError) as caught:
        task.resume_execution("resume", {"event": {}}, context) if resumed else task.execute(context)

    assert str(caught.value) == (
        "Step Gone: the definition was edited while this task waited: it has no such step any more (removed, or "
        f"renamed?); its processing job {NAME} was stopped; clear the task, or start a new run, to run the definition "
        "as it is now"
    )
    assert sagemaker.jobs[NAME]["ProcessingJobStatus"] == "Stopped"


def test_it_is_not_retried(context: Any, sagemaker: Any) -> None:
    task: Any = RemovedStepOperator(task_id="Gone")
    with pytest.raises(StepError) as caught:
        task.execute(context)

    assert task.retry_policy.evaluate(caught.value, 1, 3, context).action is RetryAction.FAIL


def test_the_process_of_such_a_task_finds_it(task_process: Any, source: Any) -> None:
    task_process("pipe", "Gone")
    dag = pipeline_dag(source, dag_id="pipe")

    assert "Gone" not in dag.task_dict
    assert isinstance(dag.task_dict["Gone"], RemovedStepOperator)
    assert dag.task_dict["A"].task_type == "ProcessingOperator"


def test_a_task_of_ones_own_that_comes_later_in_the_file_is_found_instead(task_process: Any, source: Any) -> None:
    task_process("pipe", "notify")
    dag = pipeline_dag(source, dag_id="pipe")
    own = BaseOperator(task_id="notify", dag=dag)

    assert dag.task_dict["notify"] is own


def test_in_a_task_group_only_its_own_tasks_are_looked_for(task_process: Any, source: Any) -> None:
    task_process("own", "pipe.Gone")
    with DAG("own") as dag:
        pipeline_task_group(source, group_id="pipe")
        with TaskGroup("other"):
            BaseOperator(task_id="t")

    assert isinstance(dag.task_dict["pipe.Gone"], RemovedStepOperator)
    with pytest.raises(KeyError):
        dag.task_dict["other.Gone"]


@pytest.mark.parametrize(("dag_id", "task_id"), [(None, None), ("pipe", None), ("another", "Gone")])
def test_other_processes_are_not_concerned(
    monkeypatch: pytest.MonkeyPatch, source: Any, dag_id: str | None, task_id: str | None
) -> None:
    for name, value in (("DAG_ID", dag_id), ("TASK_ID", task_id)):
        if value is not None:
            monkeypatch.setenv(f"_AIRFLOW_PARSING_CONTEXT_{name}", value)
    dag = pipeline_dag(source, dag_id="pipe")

    assert type(dag.task_dict) is dict
    with pytest.raises(KeyError):
        dag.task_dict["Gone"]
