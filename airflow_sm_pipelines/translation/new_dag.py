"""The DAG of a pipeline before it has tasks and parameters: schedule, description, tags, bounds. Runs at parse time."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.translation.described_dag import described
from airflow_sm_pipelines.translation.schedules import EARLIEST_START, DagSchedule
from airflow_sm_pipelines.translation.step_tasks import most_at_once


def empty_dag(pipeline: Pipeline, dag_id: str, *, schedule: DagSchedule, **dag_kwargs: Any) -> DAG:
    """Return the pipeline's DAG without its tasks, parameters and documentation.

    Args:
        pipeline: The pipeline.
        dag_id: Id of the DAG.
        schedule: Its schedule.
        dag_kwargs: What else its author gives to ``DAG``.
    """
    # The service starts every step that is ready; Airflow's default of 16 would hold wide pipelines back.
    dag_kwargs.setdefault("max_active_tasks", max(16, most_at_once(pipeline.plans)))
    return new_dag(dag_id, schedule=schedule, **described(pipeline, dag_kwargs))


def new_dag(dag_id: str, *, schedule: DagSchedule, **dag_kwargs: Any) -> DAG:
    """Return a DAG with a schedule.

    Args:
        dag_id: Its id.
        schedule: Its schedule.
        dag_kwargs: Other arguments of ``DAG``.
    """
    if schedule.argument is not None:
        # Without a start date Airflow would never schedule the DAG.
        dag_kwargs.setdefault("start_date", EARLIEST_START)
    dag = DAG(dag_id, schedule=schedule.argument, **dag_kwargs)
    schedule.count_rates_from(dag)
    return dag
