"""Fault rules: which calls fail, how, and how often.

Rules are set by tests and users through ``/_local/faults``; each call takes at most one, the first in the order of
setting that matches and is not used up.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from itertools import count
from typing import Any

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.wire.aws_call import AwsCall


class FaultAction(StrEnum):
    """An action of a fault rule."""

    ERROR = "error"
    """Answer an error instead of executing."""
    SLOW = "slow"
    """Wait ``seconds``, then execute."""
    DROP_BEFORE = "drop_before"
    """Close the connection without executing."""
    DROP_AFTER = "drop_after"
    """Execute, then close the connection without answering."""
    KILL_CLIENT_AFTER = "kill_client_after"
    """Execute, then SIGKILL the process that owns the client's end of the connection."""
    JOB_FAIL = "job_fail"
    """The job that the call creates ends Failed with ``reason``, without running."""
    JOB_SLOW = "job_slow"
    """The job that the call creates starts its command ``seconds`` later."""


@dataclass(frozen=True, slots=True)
class JobFault:
    """A fault that a rule gives to a job.

    Attributes:
        delay_seconds: Time before the job's command starts, or before the job fails.
        failure_reason: Why the job fails without running; ``None`` lets it run.
    """

    delay_seconds: float = 0.0
    failure_reason: str | None = None


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule.

    Attributes:
        service: Signing name of the service, e.g. ``sagemaker`` or ``s3``.
        operation: Regular expression that the whole operation name must match.
        action: What happens.
        match: Regular expressions by member (dots for inner members); each must be found in the member's text.
        times: How many calls it hits; ``None`` for all.
        after: How many matching calls it lets pass first.
        code: Error code of ``error``.
        http_status: HTTP status of ``error``.
        message: Message of ``error``.
        seconds: Delay of ``slow``, ``job_slow`` and, if not 0, of any other action.
        reason: Failure reason of ``job_fail``.
    """

    service: str
    operation: str
    action: FaultAction
    match: Mapping[str, str] | None = None
    times: int | None = None
    after: int = 0
    code: str = "ThrottlingException"
    http_status: int = 400
    message: str = "Rate exceeded"
    seconds: float = 0.0
    reason: str = "InternalServerError: We encountered an internal error. Please try again."

    def applies(self, call: AwsCall) -> bool:
        """Tell whether the rule applies to a call."""
        if call.service != self.service or not re.fullmatch(self.operation, call.operation):
            return False
        return all(
            (text := _member_text(call.members, member)) is not None and re.search(pattern, text)
            for member, pattern in (self.match or {}).items()
        )

    @property
    def job_fault(self) -> JobFault | None:
        """What the rule wants of the job that the call creates."""
        if self.action is FaultAction.JOB_FAIL:
            return JobFault(self.seconds, self.reason)
        return JobFault(self.seconds) if self.action is FaultAction.JOB_SLOW else None


class FaultTable:
    """The rules in force and how often each was applied. Safe for use by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._rules: dict[int, FaultRule] = {}
        self._seen: dict[int, int] = {}

    def add(self, rules: Iterable[FaultRule]) -> list[Document]:
        """Put rules in force, after those that are, and return them as `describe` does."""
        with self._lock:
            numbers = []
            for rule in rules:
                number = next(self._numbers)
                self._rules[number] = rule
                self._seen[number] = 0
                numbers.append(number)
            return [self._described(number) for number in numbers]

    def describe(self) -> list[Document]:
        """Return the rules as JSON with their ``id``, ``seen`` (matching calls) and ``hits`` (calls it acted on)."""
        with self._lock:
            return [self._described(number) for number in self._rules]

    def clear(self) -> None:
        """Remove all rules."""
        with self._lock:
            self._rules.clear()
            self._seen.clear()

    def take(self, call: AwsCall) -> FaultRule | None:
        """Return the rule that acts on this call, if any; counts the call."""
        with self._lock:
            for number, rule in self._rules.items():
                if not rule.applies(call):
                    continue
                self._seen[number] += 1
                turn = self._seen[number] - rule.after
                if turn > 0 and (rule.times is None or turn <= rule.times):
                    return rule
        return None

    def _described(self, number: int) -> Document:
        rule, seen = self._rules[number], self._seen[number]
        turns = max(0, seen - rule.after)
        hits = turns if rule.times is None else min(turns, rule.times)
        return {"id": number, **asdict(rule), "seen": seen, "hits": hits}


def parse_rules(document: object) -> list[FaultRule]:
    """Read one rule or a list of rules from JSON.

    Raises:
        ValueError: With every problem, each at its place.
    """
    entries = document if isinstance(document, list) else [document]
    problems: list[str] = []
    rules = [_parse_rule(entry, f"rules[{index}]", problems) for index, entry in enumerate(entries)]
    if problems:
        raise ValueError("; ".join(problems))
    return [rule for rule in rules if rule is not None]


_TYPES: Mapping[str, tuple[type, ...]] = {
    "service": (str,),
    "operation": (str,),
    "action": (str,),
    "match": (dict, type(None)),
    "times": (int, type(None)),
    "after": (int,),
    "code": (str,),
    "http_status": (int,),
    "message": (str,),
    "seconds": (int, float),
    "reason": (str,),
}


def _parse_rule(entry: object, path: str, problems: list[str]) -> FaultRule | None:
    if not isinstance(entry, dict):
        problems.append(f"{path}: a rule is a JSON object, not {entry!r}")
        return None
    found = list(_rule_problems(entry))
    problems.extend(f"{path}.{problem}" for problem in found)
    return None if found else FaultRule(**{**entry, "action": FaultAction(entry["action"])})


def _rule_problems(entry: Document) -> Iterable[str]:
    known = [field.name for field in fields(FaultRule)]
    for name in ("service", "operation", "action"):
        if name not in entry:
            yield f"{name}: is missing"
    for name, value in entry.items():
        if name not in known:
            yield f"{name}: is no member of a rule; there are {', '.join(known)}"
        elif not isinstance(value, _TYPES[name]) or isinstance(value, bool):
            yield f"{name}: has the wrong type: {value!r}"
    if isinstance(action := entry.get("action"), str) and action not in list(FaultAction):
        yield f"action: is {action!r}; there are {', '.join(FaultAction)}"
    yield from _pattern_problems(entry)


def _pattern_problems(entry: Document) -> Iterable[str]:
    match = entry.get("match")
    patterns = {"operation": entry.get("operation", "")}
    if isinstance(match, dict):
        patterns.update({f"match.{member}": pattern for member, pattern in match.items()})
    for place, pattern in patterns.items():
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            yield f"{place}: is no regular expression: {error}"


def _member_text(members: Any, path: str) -> str | None:
    """Return the text of a member, e.g. ``AppSpecification.ImageUri``; ``None`` if the request has none there."""
    value = members
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return str(value)
