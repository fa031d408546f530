"""What a running task can learn of other runs of its DAG; for a run that reuses results of an earlier one.

Everything that takes time to import is imported inside functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.execution.airflow_internals.worker import ask_airflow


@dataclass(frozen=True, slots=True)
class OtherRun:
    """A DAG run, as a task of another one sees it.

    Attributes:
        run_id: Its id.
        run_after: When it was to start; unlike its other times, this one never changes.
        state: Its state, e.g. ``success``.
        conf: What it was started with.
    """

    run_id: str
    run_after: datetime
    state: str
    conf: JsonObject


def other_run(dag_id: str, run_id: str) -> OtherRun | None:
    """Return a DAG run, ``None`` if it does not exist."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetDagRun

    if not number_of_runs(dag_id, [run_id]):  # GetDagRun fails for one that does not exist
        return None
    run: Any = ask_airflow(lambda: task_runner.SUPERVISOR_COMMS.send(GetDagRun(dag_id=dag_id, run_id=run_id)))
    return OtherRun(run.run_id, run.run_after, run.state.value, dict(run.conf or {}))


def run_ids_of_tasks(dag_id: str, task_ids: Sequence[str]) -> set[str]:
    """Return the ids of all runs that have one of some tasks, in one call, whatever their number.

    Args:
        dag_id: The DAG.
        task_ids: The tasks.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return set(
        ask_airflow(lambda: RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=list(task_ids), map_index=-1))
    )


def number_of_runs(dag_id: str, run_ids: Sequence[str] | None = None) -> int:
    """Return how many runs a DAG has.

    Args:
        dag_id: The DAG.
        run_ids: Count these only; all by default.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    wanted = None if run_ids is None else list(run_ids)
    return int(ask_airflow(lambda: RuntimeTaskInstance.get_dr_count(dag_id=dag_id, run_ids=wanted)))
