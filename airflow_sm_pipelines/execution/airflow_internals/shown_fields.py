"""What Airflow's UI shows of a task beside its log: its rendered fields.

Airflow stores them when a process of the task starts, and when it ends: two requests to the API server in the second
process of a deferred task, for what the first one has stored already. So the first process stores them right before it
defers, where nothing can come between, and the second leaves them as they are. When the first one starts, seconds
before, its fields hold nothing yet but a part of the definition: they are not stored then.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_sm_pipelines.execution.airflow_internals.worker import ask_airflow

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

_log = logging.getLogger(__name__)


def store_what_is_shown(task: BaseOperator) -> None:
    """Store a task's rendered fields as they are now, instead of when the process ends.

    If Airflow's API server does not take them, Airflow tries again when the process ends.

    Args:
        task: The task, in its own process.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import SetRenderedFields

    comms = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if comms is None:  # in no process of a task: nothing is shown
        return
    try:
        # As `finalize` of Airflow's task runner does it.
        fields = SetRenderedFields(rendered_fields=task_runner._serialize_rendered_fields(task))
        ask_airflow(partial(comms.send, fields))
    except AirflowRuntimeError as error:
        _log.warning("Airflow has not taken what it shows of this task, and gets it again at its end: %s", error)
        return
    leave_what_is_shown(task)


def leave_what_is_shown(task: BaseOperator) -> None:
    """Keep Airflow from storing a task's rendered fields again in this process."""
    task.template_fields = ()


def show_later(task: BaseOperator) -> None:
    """Keep Airflow from storing a task's rendered fields when this process starts, until `show_from_now_on`."""
    task.template_fields = ()


def show_from_now_on(task: BaseOperator) -> None:
    """Let Airflow store a task's rendered fields again."""
    vars(task).pop("template_fields", None)


def goes_on_in(context: Context) -> str:
    """Return the method in which a deferred task goes on in this process; empty if it begins."""
    from_server = getattr(context.get("ti"), "_ti_context_from_server", None)
    return str(getattr(from_server, "next_method", None) or "")
