"""A task that is cleared while its run is marked keeps no state: Airflow alone, on SQLite, in seconds.

Run it with ``python -m tests.soak.reproductions.clear_while_run_is_marked``. With Airflow 3.3.2 it prints
``run success, task None``: nobody schedules the task, and the run has ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

_DAG = """\
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("dag", schedule=None):
    EmptyOperator(task_id="task")
"""


def main() -> None:
    """Clear and mark in two sessions, as two requests do."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        dags = Path(home, "dags")
        dags.mkdir()
        (dags / "dag.py").write_text(_DAG)
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
        _reproduce(dags)


def _reproduce(dags: Path) -> None:
    from airflow.api.common.mark_tasks import set_dag_run_state_to_success
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models import DagRun, TaskInstance
    from airflow.models.dagbag import DBDagBag
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.taskinstance import clear_task_instances
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType
    from sqlalchemy import select

    with create_session(scoped=False) as session:
        session.merge(DagBundleModel(name="dags-folder"))
    sync_bag_to_db(DagBag(str(dags), bundle_name="dags-folder", bundle_path=None), "dags-folder", None)
    with create_session(scoped=False) as session:
        dag = DBDagBag().get_latest_version_of_dag("dag", session=session)
        run = dag.create_dagrun(
            run_id="run",
            run_type=DagRunType.MANUAL,
            state=DagRunState.RUNNING,
            triggered_by=DagRunTriggeredByType.TEST,
            run_after=datetime.now(UTC),
            session=session,
        )
        run.get_task_instance("task", session=session).state = TaskInstanceState.QUEUED
    with create_session(scoped=False) as clearing, create_session(scoped=False) as marking:
        tasks = list(clearing.scalars(select(TaskInstance)))  # the clear reads the run with the task: it is running
        dag = DBDagBag().get_latest_version_of_dag("dag", session=marking)
        set_dag_run_state_to_success(dag=dag, run_id="run", commit=True, session=marking)
        marking.commit()
        clear_task_instances(tasks, clearing)  # the clear queues an ended run again, but takes this one for running
        clearing.commit()
    with create_session(scoped=False) as session:
        print(f"run {session.scalar(select(DagRun.state))}, task {session.scalar(select(TaskInstance.state))}")


if __name__ == "__main__":
    main()
