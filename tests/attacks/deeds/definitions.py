"""Somebody edits the definition of a pipeline while its steps are deferred."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.airflow_on_postgres.deployment import AttackError, Deployment, Run, wait_for
from tests.attacks.ground import Ground
from tests.attacks.invariants import Findings

_EDITS = {"renamed": ["Rework", "Processing"], "removed": None, "retyped": ["Work", "Training"]}
_JOB_SECONDS = (60, 150)
_DEFINITE = {"success", "failed", "skipped", "removed", "upstream_failed"}
_ENDLESS_SECONDS = 300.0
"""Much longer than Airflow's own pause (60 s) before it looks again for a task that its DAG file lacks."""


def read_at_once(ground: Ground, count: int) -> list[Findings]:
    """Edit the step of runs that are deferred; the scheduler is told of it before their jobs end."""
    runs = _deferred_runs(ground, count)
    with _edited(ground.deployment):
        _read_again(ground.deployment)
        return _judge(ground, runs)


def read_late(ground: Ground, count: int) -> list[Findings]:
    """The same, but the scheduler is told minutes later: the tasks resume with a file that it does not know yet."""
    runs = _deferred_runs(ground, count)
    with _edited(ground.deployment):
        wait_for(
            lambda: not any(job.is_running for run in runs for job in ground.records.jobs(run.run_id)),
            "the jobs of edited pipelines to end",
        )
        with contextlib.suppress(AttackError):
            wait_for(lambda: not any(map(_endless, runs)), "the tasks to end", _ENDLESS_SECONDS)
        endless = [_endless(run) for run in runs]
        _read_again(ground.deployment)
        found = _judge(ground, runs)
    for findings, states in zip(found, endless, strict=True):
        findings.wrong += [f"{state} long after its job has ended" for state in states]
    return found


def _endless(run: Run) -> list[str]:
    return [f"{task} of {run.dag_id} is {state}" for task, state in _states(run).items() if state not in _DEFINITE]


def _deferred_runs(ground: Ground, count: int) -> list[Run]:
    runs = [
        run
        for dag_id in _EDITS
        for _ in range(count)
        for run in ground.start_runs(dag_id, 1, Seconds=ground.chance.randint(*_JOB_SECONDS))
    ]
    ground.when_deferred(runs)
    return runs


@contextmanager
def _edited(deployment: Deployment) -> Iterator[None]:
    """Edit the definitions for the block, in a file that Airflow does not watch."""
    file = deployment.dags / "edited.json"
    before = file.read_text()
    try:
        _write(file, json.dumps(_EDITS))
        yield
    finally:
        _write(file, before)
        _read_again(deployment)


def _write(file: Path, text: str) -> None:
    draft = file.with_suffix(".new")
    draft.write_text(text)
    os.replace(draft, file)


def _read_again(deployment: Deployment) -> None:
    """Make Airflow read the DAG file: it reads those that have changed since it last ended to read them."""
    file = deployment.dags / "edited.py"
    [_, type_now] = json.loads(file.with_suffix(".json").read_text())["retyped"]

    def is_read() -> bool:
        os.utime(file)  # again and again: a change while Airflow still reads it goes unnoticed
        return _operators(deployment, "retyped")["Work"] == f"{type_now}Operator"

    wait_for(is_read, "the edit to be read")


def _operators(deployment: Deployment, dag_id: str) -> dict[str, str]:
    tasks = deployment.ask("GET", f"dags/{dag_id}/tasks")["tasks"]
    return {task["task_id"]: task["operator_name"] for task in tasks}


def _judge(ground: Ground, runs: Sequence[Run]) -> list[Findings]:
    for run in runs:
        run.wait()
    found = [_of(ground, run) for run in runs]
    ground.sweep(runs, found)
    ground.clean()
    return found


def _states(run: Run) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in run.tasks()}


def _of(ground: Ground, run: Run) -> Findings:
    findings, states = Findings(), _states(run)
    state = run.state()
    if state not in {"success", "failed"}:
        findings.lost.append(f"{run.run_id} is {state}")
    for task_id, one in states.items():
        if one not in _DEFINITE:
            findings.lost.append(f"{task_id} of {run.run_id} is {one}")
        if one != "success":
            ground.say(f"{task_id} of {run.run_id} is {one}:\n{run.trouble(task_id)}")
    if states.get("Other") != "success":
        findings.lost.append(f"Other of {run.run_id}, which nobody edited, is {states.get('Other')}")
    jobs = [job for job in ground.records.jobs(run.run_id) if job.owner.task_id == "Work"]
    for job in jobs:
        if job.status not in {"Completed", "Stopped"}:
            findings.wrong.append(f"{job.name} is {job.status}")
    statuses = ", ".join(job.status for job in jobs)
    findings.seen.append(f"{run.dag_id}: run {state}, {states}, old job {statuses}")
    return findings
