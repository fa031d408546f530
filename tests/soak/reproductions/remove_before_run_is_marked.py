"""A task that an edit removed keeps no state if its run is marked next: Airflow alone, on SQLite, in seconds.

Run it with ``python -m tests.soak.reproductions.remove_before_run_is_marked``. With Airflow 3.3.2 it prints
``run failed, stays skipped, goes None``: nobody schedules the removed task, and the run has ended.
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
    for name in {names}:
        EmptyOperator(task_id=name)
"""


def main() -> None:
    """Start a run, edit the DAG, and mark the run before the scheduler has looked at it again."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0"}
        dags = Path(home, "dags")
        dags.mkdir()
        subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
        _reproduce(dags)


def _reproduce(dags: Path) -> None:
    from airflow.api.common.mark_tasks import set_dag_run_state_to_failed
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models import DagRun, TaskInstance
    from airflow.models.dagbag import DBDagBag
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType
    from sqlalchemy import select

    def parse(*names: str) -> None:
        (dags / "dag.py").write_text(_DAG.format(names=names))
        sync_bag_to_db(DagBag(str(dags), bundle_name="dags-folder", bundle_path=None), "dags-folder", None)

    with create_session(scoped=False) as session:
        session.merge(DagBundleModel(name="dags-folder"))
    parse("stays", "goes")
    with create_session(scoped=False) as session:
        DBDagBag().get_latest_version_of_dag("dag", session=session).create_dagrun(
            run_id="run",
            run_type=DagRunType.MANUAL,
            state=DagRunState.RUNNING,
            triggered_by=DagRunTriggeredByType.TEST,
            run_after=datetime.now(UTC),
            session=session,
        )
    parse("stays")
    with create_session(scoped=False) as session:
        run = session.scalar(select(DagRun))
        dag = DBDagBag().get_dag_for_run(run, session=session)  # as the API server does it
        set_dag_run_state_to_failed(dag=dag, run_id="run", commit=True, session=session)
    with create_session(scoped=False) as session:
        tasks = session.scalars(select(TaskInstance).order_by(TaskInstance.task_id.desc()))
        states = ", ".join(f"{task.task_id} {task.state}" for task in tasks)
        print(f"run {session.scalar(select(DagRun.state))}, {states}")


if __name__ == "__main__":
    main()
