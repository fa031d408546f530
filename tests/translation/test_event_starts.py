"""The DAG that starts a pipeline on events."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.serialization.serialized_objects import DagSerialization

from airflow_sm_pipelines import start_on_events_dag
from airflow_sm_pipelines.execution.event_queue import EventQueueTrigger
from airflow_sm_pipelines.semantics.event_parameters import EventValueError

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/events"


def test_it_is_scheduled_on_the_queue() -> None:
    dag: Any = start_on_events_dag("abalone", queue_url=URL, parameters={"Key": "$.detail.key"}, aws_conn_id="aws_ml")

    (asset,) = dag.timetable.asset_condition.objects
    (watcher,) = asset.watchers
    (task,) = dag.tasks
    assert (dag.dag_id, dag.fileloc, asset.name) == (
        "abalone_on_events",
        __file__,
        "sm-pipelines-events-abalone_on_events",
    )
    assert isinstance(asset, Asset)
    assert isinstance(watcher.trigger, EventQueueTrigger)
    assert watcher.trigger.connection["aws_conn_id"] == task.connection.aws_conn_id == "aws_ml"
    assert (task.pipeline_dag_id, task.queue_url, task.parameters) == ("abalone", URL, {"Key": "$.detail.key"})


def test_airflow_stores_it_with_its_watcher() -> None:
    dag = start_on_events_dag("abalone", queue_url=URL, visibility_timeout=60)

    read = DagSerialization.from_dict(DagSerialization.to_dict(dag))

    ((_, asset),) = read.timetable.asset_condition.iter_assets()
    trigger = asset.watchers[0].trigger
    assert trigger["classpath"] == "airflow_sm_pipelines.execution.event_queue.EventQueueTrigger"
    assert trigger["kwargs"]["visibility_timeout"] == 60


def test_two_pipelines_have_queues_of_their_own() -> None:
    names = {next(iter(start_on_events_dag(one, queue_url=URL).schedule)).name for one in ("a", "b")}

    assert len(names) == 2


def test_with_the_dag_of_the_pipeline_the_names_of_parameters_are_checked(dag_of: Any, processing: Any) -> None:
    pipeline = dag_of(processing("A"), members={"Parameters": [{"Name": "Key", "Type": "String"}]})

    assert start_on_events_dag(pipeline, queue_url=URL, parameters={"Key": "$.id"}).dag_id == "dag_on_events"
    with pytest.raises(EventValueError, match=r"parameter Kye: the pipeline has no such parameter; it has 'Key', 'sm_"):
        start_on_events_dag(pipeline, queue_url=URL, parameters={"Kye": "$.id"})


def test_a_wrong_path_is_refused_when_the_file_is_parsed() -> None:
    with pytest.raises(EventValueError, match="is not a JSON path"):
        start_on_events_dag("abalone", queue_url=URL, parameters={"Key": "$.a..b"})


def test_airflows_own_arguments_are_passed_on() -> None:
    dag = start_on_events_dag("abalone", queue_url=URL, dag_id="mine", tags=["ops"], max_active_runs=1)

    assert (dag.dag_id, dag.tags, dag.max_active_runs) == ("mine", {"ops"}, 1)
