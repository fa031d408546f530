"""The states of task instances, as Airflow's API server tells them to workers and triggerers."""

from __future__ import annotations

from airflow_sm_pipelines.execution.airflow_internals.worker import task_states
from airflow_sm_pipelines.semantics.ownership import ABSENT


def mapped_task_states(dag_id: str, run_id: str, task_id: str) -> dict[int, str | None]:
    """Return the state of each instance of a task, by map index; ``-1`` for one that is not mapped, or not mapped yet.

    Args:
        dag_id: The DAG.
        run_id: The DAG run.
        task_id: The task. Asked for alone: Airflow's keys of several tasks could be mixed up.
    """
    states = task_states(dag_id, run_id, [task_id])
    return {-1 if key == task_id else int(key.removeprefix(f"{task_id}_")): state for key, state in states.items()}


def task_state(dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
    """Return the state of one task instance, `ABSENT` if it has no row (its run was deleted).

    Args:
        dag_id: The DAG.
        run_id: The DAG run.
        task_id: The task.
        map_index: Index within a mapped task, ``-1`` if it is not mapped.
    """
    key = task_id if map_index < 0 else f"{task_id}_{map_index}"  # the form of Airflow's answer
    return task_states(dag_id, run_id, [task_id]).get(key, ABSENT)
