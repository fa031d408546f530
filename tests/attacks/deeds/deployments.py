"""Two Airflows without a configured name share an AWS."""

from __future__ import annotations

import time

from tests.airflow_on_postgres.deployment import SWEEP_DAG, Deployment, Run
from tests.attacks.ground import DAGS, Ground
from tests.attacks.invariants import Findings


def without_names(ground: Ground, count: int) -> list[Findings]:
    """Sweep in each of two deployments while both have a job."""
    name = f"other_{time.time_ns()}"
    database = ground.postgres.create_database(name)
    found = []
    sweeps_by_dag = ground.deployment.sweeps_by_dag
    environment = ground.aws.environment()
    home = ground.folder / name
    with Deployment("other", DAGS, home, database, environment, sweeps_by_dag=sweeps_by_dag) as other:
        other.wait_until_parsed("one", *([SWEEP_DAG] if sweeps_by_dag else []))
        for number in range(count):
            runs = [
                deployment.trigger("one", f"{deployment.name}-{name}-{number}", Seconds=1800)
                for deployment in (ground.deployment, other)
            ]
            for run in runs:
                run.wait_task("Work", "deferred")
            found.append(_swept_by_both(ground, runs))
            for run in runs:
                run.mark_run("failed")
            ground.records.stop_all()
    ground.clean()
    return found


def _swept_by_both(ground: Ground, runs: list[Run]) -> Findings:
    findings, [here, there] = Findings(), runs
    for run, foreign in ((here, there), (there, here)):
        said = run.deployment.sweep()
        ground.say(said)
        for job in ground.records.jobs(foreign.run_id):
            if job.name in said:
                findings.wrong.append(f"{run.deployment.name} lists {job.name} of {foreign.deployment.name}")
    for run in runs:
        for job in ground.records.jobs(run.run_id):
            if not job.is_running:
                findings.lost.append(f"{job.name} of {run.deployment.name} is {job.status}")
    return findings
