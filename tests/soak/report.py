"""What a soak tells: the table, and the history of each violation."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tests.soak.history import History, StepKey
from tests.soak.invariants import Violation
from tests.soak.people import DAG
from tests.soak.plan import DEEDS, GROUPS


def table(counted: Mapping[str, int], drawn: Mapping[str, int], broken: int) -> str:
    """Return the table of faults in Markdown.

    Args:
        counted: Productive faults by deed.
        drawn: All that were tried, by deed.
        broken: How many violations there were.
    """
    lines = ["| | fault | tried | productive |", "|---|---|---|---|"]
    for group in GROUPS:
        deeds = [deed for deed in DEEDS if deed.group == group]
        lines += [
            f"| {group} | {deed.name} | {drawn.get(deed.name, 0)} | {counted.get(deed.name, 0)} |" for deed in deeds
        ]
    total = sum(counted.get(deed.name, 0) for deed in DEEDS if deed.group in GROUPS)
    lines.append(f"| | together: {broken} violations | {sum(drawn.values())} | {total} |")
    return "\n".join(lines)


def story(
    violation: Violation,
    history: History,
    lines: Iterable[tuple[float, str]],
    calls: Iterable[Mapping[str, Any]],
    folder: Path,
) -> str:
    """Return what happened to the step of a violation, in the order of time, and where its logs are.

    Args:
        violation: What must not be.
        history: The records of the round.
        lines: What happened to processes, with its times.
        calls: AWS's calls.
        folder: Where the deployments live.
    """
    step = violation.step
    jobs = [job for job in history.jobs if _concerns(step, job.step)]
    names = {job.name for job in jobs}
    told = [
        (act.began, f"person: {act.deed}: {act.step}, answered at {_clock(act.ended)}")
        for act in history.acts
        if act.step.covers(step) or step.covers(act.step) or act.step.task_id == "definition"
    ]
    told += [(moment, f"process: {line}") for moment, line in lines if step.deployment in line]
    told += [(job.created, f"AWS: {job.kind} {job.name} of {job.step} created") for job in jobs]
    told += [(job.ended, f"AWS: {job.kind} {job.name} {job.state}") for job in jobs if job.ended is not None]
    told += [
        (call["time"], f"call: {call['operation']} {call['job_name']}: {call['outcome']}{_fault(call)}")
        for call in calls
        if call["job_name"] in names
    ]
    told += [
        (0.0, f"at rest: {task.step}: {task.state}, try {task.try_number}, at most {task.max_tries + 1}")
        for task in history.tasks
        if _concerns(step, task.step)
    ]
    said = "\n".join(f"    {_clock(moment)} {what}" for moment, what in sorted(told))
    logs = folder / step.deployment / "logs" / f"dag_id={DAG}" / f"run_id={step.run_id}" / f"task_id={step.task_id}"
    return f"{violation.invariant}: {step}: {violation.what}\n{said}\n    logs: {logs}"


def keep(folder: Path, history: History, calls: Iterable[Mapping[str, Any]], stories: Iterable[str]) -> None:
    """Keep everything about a round."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "history.json").write_text(json.dumps(asdict(history), indent=1))
    (folder / "calls.json").write_text("\n".join(json.dumps(dict(call)) for call in calls))
    (folder / "violations.txt").write_text("\n\n".join(stories))


def read(folder: Path) -> History:
    """Return what `keep` has kept of a round."""
    return TypeAdapter(History).validate_json((folder / "history.json").read_bytes())


def _concerns(step: StepKey, other: StepKey) -> bool:
    return step.covers(other)


def _fault(call: Mapping[str, Any]) -> str:
    return f" ({call['fault']})" if call["fault"] else ""


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment)) + f"{moment % 1:.3f}"[1:] if moment else " " * 12
