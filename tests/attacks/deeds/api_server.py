"""The API server is killed, and comes back 16 s later."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from tests.airflow_on_postgres.deployment import Run, wait_for
from tests.attacks.ground import Ground
from tests.attacks.invariants import Findings, doubled

_AWAY_SECONDS = 16.0
_Moment = Callable[[Ground, Run], None]


def _attack(dag_id: str, job_seconds: int, moment: _Moment, ground: Ground, count: int) -> list[Findings]:
    return [_once(dag_id, job_seconds, moment, ground) for _ in range(count)]


def _once(dag_id: str, job_seconds: int, moment: _Moment, ground: Ground) -> Findings:
    [run] = ground.start_runs(dag_id, 1, Seconds=job_seconds)
    moment(ground, run)
    with ground.deployment.away("api-server"):
        time.sleep(_AWAY_SECONDS)
    run.wait()
    found = succeeded(ground, run)
    ground.sweep([run], [found])
    ground.clean()
    return found


def succeeded(ground: Ground, run: Run) -> Findings:
    """Return what is lost or doubled in a run that was to succeed with one job for each step."""
    jobs, found = ground.records.jobs(run.run_id), Findings()
    found.doubled += doubled(jobs)
    tries = []
    for task in run.tasks():
        tries.append(task["try_number"])
        if task["state"] != "success":
            why = run.trouble(task["task_id"])
            ground.say(f"{task['task_id']} of {run.run_id}:\n{why}")
            found.lost.append(f"{task['task_id']} of {run.run_id} is {task['state']} at try {task['try_number']}")
        elif not any(job.owner.task_id == task["task_id"] and job.status == "Completed" for job in jobs):
            found.lost.append(f"{task['task_id']} of {run.run_id} succeeded without a job")
    if not tries:
        found.lost.append(f"{run.run_id} has no task")
    found.seen.append(f"tries {''.join(map(str, sorted(tries)))}")
    return found


# -- moments -----------------------------------------------------------------------------------------------------------


def _tasks_start(ground: Ground, run: Run) -> None:
    wait_for(lambda: {task["state"] for task in run.tasks()} & {"queued", "running"}, "a task to start", pause=0.1)
    time.sleep(ground.chance.uniform(0.0, 6.0))


def _tasks_resume(ground: Ground, run: Run) -> None:
    ground.when_deferred([run], task_id="Step0")
    wait_for(
        lambda: any(job.status == "Completed" for job in ground.records.jobs(run.run_id)), "a job to end", pause=0.2
    )
    time.sleep(ground.chance.uniform(0.0, 10.0))


def _tasks_run(ground: Ground, run: Run) -> None:
    wait_for(lambda: len(ground.records.jobs(run.run_id)) == 8, "eight jobs")
    time.sleep(ground.chance.uniform(0.0, 12.0))


def _create_is_under_way(ground: Ground, run: Run) -> None:
    ground.fault(service="sagemaker", operation="Create(Processing|Training)Job", action="slow", seconds=8, times=8)
    wait_for(ground.fault_hits, "a Create", pause=0.1)
    time.sleep(ground.chance.uniform(0.0, 6.0))


while_tasks_start = partial(_attack, "eight", 20, _tasks_start)
while_tasks_resume = partial(_attack, "eight", 25, _tasks_resume)
while_tasks_run = partial(_attack, "eight_in_worker", 25, _tasks_run)
after_create = partial(_attack, "eight", 20, _create_is_under_way)
