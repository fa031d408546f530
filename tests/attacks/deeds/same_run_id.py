"""A run is deleted, and another one is started at once with the same id."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from tests.airflow_on_postgres.deployment import AttackError, Run, wait_for
from tests.attacks.deeds.api_server import succeeded
from tests.attacks.ground import Ground
from tests.attacks.invariants import Findings

_OLD_SECONDS, _NEW_SECONDS = 1800, 120


def fail_and_delete(run: Run) -> None:
    """Delete a run as the REST API wants it: one that runs is refused."""
    run.mark_run("failed")
    run.delete()


def queue_and_delete(run: Run) -> None:
    """Delete a run that was put back into the queue, so that its task was never marked.

    The scheduler takes it out of the queue within about a second; then it is put back again.
    """
    for _ in range(100):
        run.mark_run("queued")
        try:
            run.delete()
        except AirflowApiError as error:
            if error.status != 409:
                raise
        else:
            return
    raise AttackError(f"the scheduler always takes {run.run_id} out of the queue before it can be deleted")


def _attack(delete: Callable[[Run], None], ground: Ground, count: int) -> list[Findings]:
    def act(run: Run) -> None:
        pause = ground.chance.uniform(0.0, 0.5)
        delete(run)
        time.sleep(pause)
        ground.deployment.trigger(run.dag_id, run.run_id, Seconds=_NEW_SECONDS)

    runs = ground.start_runs("one", count, Seconds=_OLD_SECONDS)
    ground.when_deferred(runs, act, (0.0, 15.0))
    found = [Findings() for _ in runs]
    for run, findings in zip(runs, found, strict=True):
        _wait_for_new_job(ground, run, findings)
    ground.sweep(runs, found)  # beside the new jobs, which it must leave alone
    for run, findings in zip(runs, found, strict=True):
        run.wait()
        _judge(ground, run, findings)
    ground.clean()
    return found


def _wait_for_new_job(ground: Ground, run: Run, findings: Findings) -> None:
    try:
        wait_for(lambda: len(ground.records.jobs(run.run_id)) > 1, "the new run's job", 300)
    except AttackError as error:
        findings.lost.append(f"{run.run_id}: {error}")


def _judge(ground: Ground, run: Run, findings: Findings) -> None:
    now = succeeded(ground, run)
    findings.lost += now.lost
    findings.doubled += now.doubled
    findings.seen += now.seen
    old, *new = ground.records.jobs(run.run_id)
    if old.status == "Completed":
        findings.doubled.append(f"{old.name} ran to its end beside {', '.join(job.name for job in new)}")


failed_and_deleted = partial(_attack, fail_and_delete)
queued_and_deleted = partial(_attack, queue_and_delete)
