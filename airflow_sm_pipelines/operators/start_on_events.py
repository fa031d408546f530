"""The task that starts runs of a pipeline for the events of a queue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_sm_pipelines.definition.json_text import decode
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.definition.shapes import Faults
from airflow_sm_pipelines.errors import AwsCallError, SageMakerPipelinesError
from airflow_sm_pipelines.execution.airflow_internals.worker import start_dag_run
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.semantics.event_parameters import EventValueError, event_values

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sm_pipelines.execution.event_queue import QueueMessage

_EVENT_ID = re.compile(r"[A-Za-z0-9-]{1,100}")


class EventStartError(SageMakerPipelinesError):
    """Messages of a queue started no run. They stay in the queue."""


class StartOnEventsOperator(BaseOperator):
    """Starts one run of a pipeline's DAG for each message, then deletes the message.

    The id of a run is made from the id of its event. A message that comes twice, because a worker died before it
    deleted it, finds its run, and starts none.

    Args:
        pipeline_dag_id: Id of the DAG whose runs it starts.
        queue_url: URL of the queue.
        parameters: Values of pipeline parameters, static or as paths into the event.
        connection: How to reach the queue.
        kwargs: Any argument of Airflow's ``BaseOperator``.
    """

    ui_color = "#e6f2ff"

    def __init__(
        self,
        *,
        pipeline_dag_id: str,
        queue_url: str,
        parameters: Mapping[str, str],
        connection: AwsConnection,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline_dag_id = pipeline_dag_id
        self.queue_url = queue_url
        self.parameters = dict(parameters)
        self.connection = connection

    def execute(self, context: Context) -> list[str]:
        """Start the runs; runs in the worker. Returns the ids of the runs, also of those that were there already.

        Raises:
            EventStartError: A message is no event, lacks a value, or Airflow refused the run. All others were handled.
        """
        from airflow_sm_pipelines.execution.event_queue import QueueMessage, delete_message

        payloads = [
            event.extra["payload"] for events in context["triggering_asset_events"].values() for event in events
        ]
        # A message that came twice before this run began has two payloads; the later one deletes it.
        messages = {message.message_id: message for message in map(QueueMessage.from_payload, payloads)}
        started, faults = [], []
        for message in messages.values():
            try:
                started.append(self._start(message))
                delete_message(self.connection, self.queue_url, message)
            except (EventValueError, EventStartError, AwsCallError, AirflowRuntimeError) as error:
                faults.append(f"message {message.message_id}: {error}")
                self.log.error("%s", faults[-1])
        if faults:
            said = "; ".join(faults)
            raise EventStartError(f"{len(faults)} of {len(messages)} messages stay in {self.queue_url}: {said}")
        if not messages:
            self.log.info("No message started this run, so there is nothing to do")
        return started

    def _start(self, message: QueueMessage) -> str:
        event = _event(message)
        event_id = event.get("id")
        is_id = isinstance(event_id, str) and _EVENT_ID.fullmatch(event_id)
        run_id = f"event__{event_id if is_id else message.message_id}"
        conf = event_values(self.parameters, event)
        if start_dag_run(self.pipeline_dag_id, run_id, conf):
            self.log.info("Started %s of %s", run_id, self.pipeline_dag_id)
        else:
            self.log.info("%s of %s was started before", run_id, self.pipeline_dag_id)
        return run_id


def _event(message: QueueMessage) -> JsonObject:
    faults = Faults()
    event = decode(message.body, "", faults)
    if not isinstance(event, dict):
        found = "; ".join(map(str, faults)) or message.body[:100]
        raise EventStartError(f"it is not a JSON object: {found}")
    return event
