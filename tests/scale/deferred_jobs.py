"""Many deferred jobs in one real triggerer.

The tasks are put into the database as Airflow's API server leaves them when a worker defers them; that a thousand
worker processes did so would only make the measurement longer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from tests.airflow_on_postgres.deployment import wait_for
from tests.scale.dag_files import job_step, parallel_jobs, write_dag
from tests.scale.ground import Ground
from tests.scale.measured_airflow import MeasuredAirflow
from tests.scale.processes import memory_of_tree
from tests.scale.sagemaker_by_the_clock import SageMakerByTheClock

_FULL, _STEPS_OF_A_RUN = 1000, 50
_INTERVAL, _LOOKED_AT, _SECONDS_OF_A_JOB = 10.0, 30.0, 36_000.0
_UNTIL_STEADY = 35.0
"""Until every trigger has looked for the first time, which it does not do in its first seconds."""


def measure(ground: Ground) -> None:
    """Start a triggerer with no job, and with jobs in three numbers; look at it while nothing ends."""
    sizes = ground.sizes(_FULL)
    cpu, memory, calls = {}, {}, {}
    with ground.airflow("deferred") as (airflow, aws):
        dag_id = write_dag(airflow.dags, "ours", "deferred", parallel_jobs(min(_STEPS_OF_A_RUN, sizes[0]), 1))
        with airflow:
            airflow.wait_until_parsed(dag_id)
            for component in ("triggerer", "scheduler"):
                airflow.stop_component(component)
            waiting = _waiting_tasks(airflow, dag_id, sizes[-1])
            deferred = 0
            for size in (0, *sizes):
                _defer(airflow, aws, waiting[deferred:size])
                deferred = size
                cpu[size], memory[size], calls[size] = _look(airflow, aws, size)
    calls.pop(0)
    at_rest = cpu.pop(0)
    ground.say(f"without a job: {at_rest:.1f} ms of CPU in a second, {memory.pop(0):.0f} MiB")
    ground.tell_growth("CPU in a second", cpu, "ms", at_rest)
    ground.tell_growth("memory", memory, "MiB")
    ground.tell_growth(f"AWS calls in an interval of {_INTERVAL:g} s", calls, "")
    ground.say(
        f"each further job: {_slope(cpu) * _INTERVAL:.2f} ms of CPU in an interval, {_slope(memory) * 1024:.0f} KiB"
    )


def _slope(figures: Mapping[int, float]) -> float:
    """Return how much a figure grows with each further job: what the first one loads does not count."""
    least, most = min(figures), max(figures)
    return (figures[most] - figures[least]) / (most - least)


def _waiting_tasks(airflow: MeasuredAirflow, dag_id: str, count: int) -> list[str]:
    """Create as many runs as needed, and return the ids of their task instances."""
    found: list[str] = []
    while len(found) < count:
        run_id = airflow.api.trigger(dag_id)
        found += [task["id"] for task in airflow.tasks(dag_id, run_id)]
    return found[:count]


def _defer(airflow: MeasuredAirflow, aws: SageMakerByTheClock, task_ids: list[str]) -> None:
    import psycopg2

    connection = psycopg2.connect(airflow.database.replace("+psycopg2", ""))
    try:
        with connection, connection.cursor() as cursor:
            for task_id in task_ids:
                name = f"job-{task_id}"
                aws.jobs.answer(
                    "CreateProcessingJob", {**job_step(name, _SECONDS_OF_A_JOB)["Arguments"], "ProcessingJobName": name}
                )
                path, arguments = _stored_trigger(name)
                cursor.execute(
                    "INSERT INTO trigger (classpath, kwargs, created_date) VALUES (%s, %s, now()) RETURNING id",
                    (path, json.dumps(arguments)),
                )
                cursor.execute(
                    "UPDATE task_instance SET state = 'deferred', trigger_id = %s, next_method = 'resume', "
                    "start_date = now(), try_number = 1 WHERE id = %s",
                    (cursor.fetchone()[0], task_id),
                )
    finally:
        connection.close()


def _stored_trigger(name: str) -> tuple[str, Any]:
    from airflow_sm_pipelines.execution.connection import AwsConnection
    from airflow_sm_pipelines.execution.triggers import JobTrigger

    return JobTrigger(
        kind="processing-job",
        name=name,
        connection=AwsConnection(aws_conn_id=None).as_arguments(),
        poll_interval=_INTERVAL,
        attempt=name,
    ).serialize()


def _look(airflow: MeasuredAirflow, aws: SageMakerByTheClock, size: int) -> tuple[float, float, float]:
    """Return CPU in ms per second, memory in MiB, and AWS calls per interval of a triggerer with so many jobs."""
    airflow.start_component("triggerer")
    try:
        wait_for(lambda: _taken(airflow) == size, f"{size} triggers to be taken", pause=2.0)
        time.sleep(_UNTIL_STEADY)
        before, calls, start = airflow.usage(), aws.jobs.calls.total(), time.monotonic()
        time.sleep(_LOOKED_AT)
        used, seconds = airflow.usage().since(before), time.monotonic() - start
        memory = memory_of_tree(airflow.pid("triggerer"))
        called = aws.jobs.calls.total() - calls
        return used.seconds["triggerer"] / seconds * 1000, memory, called / seconds * _INTERVAL
    finally:
        airflow.stop_component("triggerer")


def _taken(airflow: MeasuredAirflow) -> Any:
    import psycopg2

    connection = psycopg2.connect(airflow.database.replace("+psycopg2", ""))
    try:
        with connection.cursor() as cursor:
            # A triggerer that has just started counts as one that lives.
            cursor.execute(
                "SELECT count(*) FROM trigger WHERE triggerer_id = (SELECT max(id) FROM job WHERE job_type = "
                "'TriggererJob')"
            )
            return cursor.fetchone()[0]
    finally:
        connection.close()
