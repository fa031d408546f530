"""A person ends a task whose trigger nobody runs, or nobody runs yet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from tests.airflow_on_postgres.deployment import AttackError, Run, wait_for
from tests.attacks.deeds.same_run_id import fail_and_delete, queue_and_delete
from tests.attacks.ground import Ground
from tests.attacks.invariants import Findings, doubled

_SECONDS = 1800
_CLEARED = "cleared"
_ACTS: Mapping[str, Callable[[Run], None]] = {
    "task marked failed": lambda run: run.mark("Work", "failed"),
    "task marked successful": lambda run: run.mark("Work", "success"),
    "task marked skipped": lambda run: run.mark("Work", "skipped"),
    "run marked failed": lambda run: run.mark_run("failed"),
    "run marked successful": lambda run: run.mark_run("success"),
    "run failed and deleted": fail_and_delete,
    "run queued and deleted": queue_and_delete,
    _CLEARED: lambda run: run.clear("Work"),
}


def without_triggerer(ground: Ground, count: int) -> list[Findings]:
    """End tasks while there is no triggerer."""
    with ground.deployment.away("triggerer"):
        acts = _runs(ground, count)
        done = ground.when_deferred(acts, lambda run: _ACTS[acts[run]](run), (0.0, 10.0))
        found = _judge(ground, acts, done)
        ground.clean()
    return found


def within_a_second(ground: Ground, count: int) -> list[Findings]:
    """End tasks within a second of their deferral; then the triggerer is away."""
    acts = _runs(ground, count)
    done = ground.when_deferred(acts, lambda run: _ACTS[acts[run]](run), (0.0, 1.0))
    with ground.deployment.away("triggerer"):
        found = _judge(ground, acts, done)
        ground.clean()
    return found


def _runs(ground: Ground, count: int) -> dict[Run, str]:
    return {run: act for act in _ACTS for run in ground.start_runs("one", count, Seconds=_SECONDS)}


def _judge(ground: Ground, acts: Mapping[Run, str], done: Mapping[str, float]) -> list[Findings]:
    runs, found = list(acts), [Findings() for _ in acts]
    for run, findings in zip(runs, found, strict=True):
        if acts[run] == _CLEARED:
            _wait_for_new_job(ground, run, findings)
    ground.sweep(runs, found)
    stops = ground.records.stop_times()
    for run, findings in zip(runs, found, strict=True):
        jobs = ground.records.jobs(run.run_id)
        findings.doubled += doubled(jobs, 2 if acts[run] == _CLEARED else 1)
        if acts[run] == _CLEARED and [job.status for job in jobs[1:]] != ["InProgress"]:
            findings.lost.append(f"the job of the cleared task: {jobs}")
        by_sweep = " by the sweep" if findings.swept else ""
        for job in jobs:
            if job.name in stops:
                findings.seconds[f"{acts[run]}: stopped{by_sweep}"] = stops[job.name] - done[run.run_id]
        findings.left = [f"{acts[run]}: {job}" for job in findings.left]
        findings.swept = [f"{acts[run]}: {job}" for job in findings.swept]
    return found


def _wait_for_new_job(ground: Ground, run: Run, findings: Findings) -> None:
    with contextlib.suppress(AttackError):
        wait_for(lambda: len(ground.records.jobs(run.run_id)) == 2, "a new job", 300)
        run.wait_task("Work", "deferred", patience=120)
        return
    findings.lost.append(f"the cleared task of {run.run_id} has no new job")
