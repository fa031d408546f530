"""Somebody edits the definition of a pipeline while its steps are deferred."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from tests.attacks.deployment import Deployment, Run, wait_for
from tests.attacks.ground import Ground
from tests.attacks.invariants import Findings

_EDITS = {"renamed": ["Rework", "Processing"], "removed": None, "retyped": ["Work", "Training"]}
_JOB_SECONDS = (60, 150)
_DEFINITE = {"success", "failed", "skipped", "removed", "upstream_failed"}
_PATIENCE = 600.0


def edited_while_deferred(ground: Ground, count: int) -> list[Findings]:
    """Edit the step of runs that are deferred; each run is one repetition."""
    file = ground.deployment.dags / "edited.json"
    before = file.read_text()
    runs = [
        run
        for dag_id in _EDITS
        for _ in range(count)
        for run in ground.start_runs(dag_id, 1, Seconds=ground.chance.randint(*_JOB_SECONDS))
    ]
    ground.when_deferred(runs)
    _write(file, json.dumps(_EDITS))
    wait_for(lambda: _operators(ground.deployment, "retyped")["Work"] == "TrainingOperator", "the edit to be read")
    for run in runs:
        run.wait(_PATIENCE)
    found = [_of(ground, run) for run in runs]
    ground.sweep(runs, found)
    ground.clean()
    _write(file, before)
    wait_for(lambda: _operators(ground.deployment, "retyped")["Work"] == "ProcessingOperator", "the old definition")
    return found


def _write(file: Path, text: str) -> None:
    draft = file.with_suffix(".new")
    draft.write_text(text)
    os.replace(draft, file)
    # Airflow reads only DAG files that have changed, or at its interval.
    os.utime(file.with_suffix(".py"), (time.time(), time.time()))


def _operators(deployment: Deployment, dag_id: str) -> dict[str, str]:
    tasks = deployment.ask("GET", f"dags/{dag_id}/tasks")["tasks"]
    return {task["task_id"]: task["operator_name"] for task in tasks}


def _of(ground: Ground, run: Run) -> Findings:
    findings, states = Findings(), {task["task_id"]: task["state"] for task in run.tasks()}
    state = run.state()
    if state not in {"success", "failed"}:
        findings.lost.append(f"{run.run_id} is {state} after {_PATIENCE:g} s")
    for task_id, one in states.items():
        if one not in _DEFINITE:
            findings.lost.append(f"{task_id} of {run.run_id} is {one}")
            ground.say(f"{task_id} of {run.run_id}:\n{run.trouble(task_id)}")
    if states.get("Other") != "success":
        findings.lost.append(f"Other of {run.run_id}, which nobody edited, is {states.get('Other')}")
    jobs = [job for job in ground.records.jobs(run.run_id) if job.owner.task_id == "Work"]
    for job in jobs:
        if job.status not in {"Completed", "Stopped"}:
            findings.wrong.append(f"{job.name} is {job.status}")
    statuses = ", ".join(job.status for job in jobs)
    findings.seen.append(f"{run.dag_id}: run {state}, {states}, old job {statuses}")
    return findings
