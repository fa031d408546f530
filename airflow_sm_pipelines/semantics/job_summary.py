"""What the log of a step's task says when its job has ended, and which lines of a failed job's log come first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from airflow_sm_pipelines.aws.job_facts import JobFacts, Phase

MOST_OF_A_LIST = 10
"""The most outputs and metrics that a summary names; a job may have thousands."""

MOST_ERROR_LINES = 30

_ERROR = re.compile(
    r"\b(error|exception|fatal|critical|traceback|killed|out of memory|oom)\b|\w(Error|Exception)\b", re.I
)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)")


def summary_lines(noun: str, name: str, status: str, facts: JobFacts, phases: Sequence[Phase] = ()) -> list[str]:
    """Return the summary of an ended job, its first line for itself.

    Args:
        noun: What the job is, e.g. ``training job``.
        name: Its name.
        status: Its state.
        facts: What the Describe response tells of it.
        phases: The states within its states.
    """
    return [f"Summary of the {noun} {name}", *(f"  {label}: {text}" for label, text in _rows(status, facts, phases))]


def _rows(status: str, facts: JobFacts, phases: Sequence[Phase]) -> Iterator[tuple[str, str]]:
    yield "status", status
    if facts.arn:
        yield "ARN", facts.arn
    parts = (("waiting", facts.waiting), ("provisioning", facts.provisioning), ("running", facts.running))
    times = ", ".join(f"{label} {_number(seconds)} s" for label, seconds in parts if seconds is not None)
    if times:
        yield "time", times
    known = ", ".join(f"{phase.status} {_number(phase.seconds)} s" for phase in phases if phase.seconds is not None)
    if known:
        yield "phases", known
    if facts.billable is not None:
        yield "billable", f"{_number(facts.billable)} s"
    if facts.machines:
        yield "instances", ", ".join(facts.machines)
    yield from _list("outputs", facts.outputs)
    yield from _list("made", facts.results)
    yield from _list("metrics", [f"{name} = {value:.6g}" for name, value in facts.metrics])
    if facts.approval:
        yield "approval", facts.approval


def _list(label: str, entries: Sequence[str]) -> Iterator[tuple[str, str]]:
    if entries:
        left = len(entries) - MOST_OF_A_LIST
        more = f" and {left} more" if left > 0 else ""
        yield label, ", ".join(entries[:MOST_OF_A_LIST]) + more


def _number(seconds: float) -> str:
    return f"{seconds:.0f}"


def error_lines(lines: Sequence[str]) -> list[str]:
    """Return the lines of a log that say why the job failed: its last traceback, or else those that name an error.

    Args:
        lines: The last lines of the log, the oldest first.
    """
    starts = [number for number, line in enumerate(lines) if _TRACEBACK.search(line)]
    if starts:
        return _traceback(lines, starts[-1])
    return [line for line in lines if _ERROR.search(line)][-MOST_ERROR_LINES:]


def _traceback(lines: Sequence[str], start: int) -> list[str]:
    """Return a traceback: its heading, what is indented below it, and the exception itself."""
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" " * (indent + 1))):
        end += 1
    found = list(lines[start : end + 1])
    if len(found) <= MOST_ERROR_LINES:
        return found
    return [found[0], *found[len(found) - MOST_ERROR_LINES + 1 :]]
