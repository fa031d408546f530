"""The DAG that starts a pipeline on the events of EventBridge.

A rule of EventBridge puts its events into an SQS queue; an asset watcher of Airflow reads the queue. Airflow makes one
run of events that come close together, so the pipeline's own DAG cannot be scheduled on the asset: a DAG beside it
starts one run for each event, with the event's values in its conf, where people see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.semantics.event_parameters import EventValueError, check_event_parameters
from airflow_sm_pipelines.translation.schedules import EARLIEST_START
from airflow_sm_pipelines.translation.translator import calling_file

_DOCUMENTATION = """Starts one run of `{pipeline}` for each message of the SQS queue `{queue_url}`, to which a rule of
EventBridge sends its events. Pause this DAG to leave the messages in the queue.
"""


def start_on_events_dag(
    pipeline: DAG | str,
    *,
    queue_url: str,
    parameters: Mapping[str, str] | None = None,
    dag_id: str | None = None,
    aws_conn_id: str | None = "aws_default",
    region_name: str | None = None,
    visibility_timeout: int = 300,
    **dag_kwargs: Any,
) -> DAG:
    """Create the DAG that starts a pipeline for each event that a rule of EventBridge sends to a queue.

    Args:
        pipeline: The pipeline's DAG, or its id. With the DAG, the names of ``parameters`` are checked.
        queue_url: URL of the SQS queue that is the target of the rule.
        parameters: Values of pipeline parameters, as texts. One that begins with ``$.`` is read from the event:
            ``{"Key": "$.detail.object.key", "Type": "ml.m5.large"}``.
        dag_id: Id of the DAG. Default: that of the pipeline and ``_on_events``.
        aws_conn_id: Airflow connection to AWS; ``None`` for boto3's own credential chain.
        region_name: AWS region. Default: that of the queue's URL, the connection or the environment.
        visibility_timeout: Seconds after which a message whose run was not started comes back.
        dag_kwargs: Any other argument of Airflow's ``DAG``.

    Raises:
        EventValueError: A path in ``parameters`` is not valid, or the pipeline has no such parameter.
    """
    # Triggers take time to import, and are needed by this DAG only.
    from airflow_sm_pipelines.execution.event_queue import EventQueueTrigger
    from airflow_sm_pipelines.operators.start_on_events import StartOnEventsOperator

    given = dict(parameters or {})
    check_event_parameters(given)
    if isinstance(pipeline, DAG):
        for name in given.keys() - pipeline.params.keys():
            raise EventValueError(name, f"the pipeline has no such parameter; it has {list_names(pipeline.params)}")
    pipeline_dag_id = pipeline.dag_id if isinstance(pipeline, DAG) else pipeline
    connection = AwsConnection(aws_conn_id, region_name)
    trigger = EventQueueTrigger(
        queue_url=queue_url, connection=connection.as_arguments(), visibility_timeout=visibility_timeout
    )
    own_id = dag_id or f"{pipeline_dag_id}_on_events"
    watched = Asset(f"sm-pipelines-events-{own_id}", watchers=[AssetWatcher(name="queue", trigger=trigger)])
    settings: dict[str, Any] = {
        "start_date": EARLIEST_START,
        "catchup": False,
        "tags": ["sagemaker"],
        "doc_md": _DOCUMENTATION.format(pipeline=pipeline_dag_id, queue_url=queue_url),
        **dag_kwargs,
    }
    dag = DAG(own_id, schedule=[watched], **settings)
    dag.fileloc = calling_file()
    StartOnEventsOperator(
        task_id="start_runs",
        pipeline_dag_id=pipeline_dag_id,
        queue_url=queue_url,
        parameters=given,
        connection=connection,
        dag=dag,
    )
    return dag
