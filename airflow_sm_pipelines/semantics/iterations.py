"""The iterations of a ForEach step: its items, which of them have ended, and what they amount to.

Sources: SDK 3, ``sagemaker.mlops.workflow.for_each_step``, for the names of the properties, the words of ``Status``
and the names of children, ``<body step>-<index>``. What counts into which number is *assumed*.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_sm_pipelines.definition.json_values import Json, JsonObject, describe
from airflow_sm_pipelines.semantics.readiness import StepStatus

_ENDED_STATES = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_MOST_NAMED = 10


class NoItemsError(ValueError):
    """``IterableItems`` is no list."""


@dataclass(frozen=True, slots=True)
class Child:
    """One body step in one iteration, when it has ended.

    Attributes:
        step: Name of the body step.
        index: The iteration.
        status: How it ended.
        properties: What it has published, ``None`` for nothing.
        reason: Why it failed; empty if it did not, or has not said.
    """

    step: str
    index: int
    status: StepStatus
    properties: Json = None
    reason: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether its iteration is a failed one."""
        return self.status in (StepStatus.FAILED, StepStatus.STOPPED)


def child_name(step: str, index: int | str) -> str:
    """Return what the service calls a body step in an iteration; the index may be a placeholder."""
    return f"{step}-{index}"


def items_of(value: Json) -> list[Json]:
    """Return the items of a resolved ``IterableItems``: a list, or a text that holds a JSON list.

    Raises:
        NoItemsError: It is neither.
    """
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        raise NoItemsError(f"expected a list, or a text that holds a JSON list, found {describe(value)}")
    try:
        found: Json = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise NoItemsError(f"expected a text that holds a JSON list, found {describe(value)}: {error}") from error
    if not isinstance(found, list):
        raise NoItemsError(f"expected a text that holds a JSON list, found one that holds {describe(found)}")
    return found


def ended_iterations(states: Sequence[Mapping[int, str | None]]) -> frozenset[int]:
    """Return the iterations of which every body step has ended; one that waits for a retry has not.

    Args:
        states: For each body step, the state of its task in each iteration. A task that Airflow has not made yet is
            missing: then its iteration has not ended.
    """
    ended = [{index for index, state in of_step.items() if state in _ENDED_STATES} for of_step in states]
    return frozenset(set.intersection(*ended)) if ended else frozenset()


def loop_properties(items: int, body: Sequence[str], children: Sequence[Child]) -> JsonObject:
    """Return the properties of a ForEach step whose children have ended, without ``Selected``.

    Args:
        items: How many items there were.
        body: Names of the body steps.
        children: Each body step of each iteration.
    """
    outputs: list[Json] = []
    for index in range(items):
        published = {one.step: one.properties for one in children if one.index == index}
        outputs.append({step: properties for step, properties in published.items() if properties is not None})
    return {
        "Status": _status(items, children),
        "InputItemCount": items,
        "TotalStepCount": items * len(body),
        "SucceededStepCount": _count(children, StepStatus.SUCCEEDED),
        "FailedStepCount": _count(children, StepStatus.FAILED),
        "StoppedStepCount": _count(children, StepStatus.STOPPED),
        "IterationOutputs": outputs,
    }


def failures_in_words(items: int, children: Sequence[Child]) -> str:
    """Return which iterations failed, and each failed child with its reason; empty if none failed."""
    failed = [child for child in children if child.has_failed]
    if not failed:
        return ""
    number = len({child.index for child in failed})
    head = f"{number} of {items} {'iteration' if items == 1 else 'iterations'} failed"
    lines = [f"    {_failure(child)}" for child in failed[:_MOST_NAMED]]
    more = [f"    and {len(failed) - _MOST_NAMED} more"] if len(failed) > _MOST_NAMED else []
    return "\n".join([f"{head}:", *lines, *more])


def _failure(child: Child) -> str:
    return f"{child_name(child.step, child.index)} {child.status}: {child.reason or 'see the log of its task'}"


def _status(items: int, children: Sequence[Child]) -> str:
    failed = {child.index for child in children if child.has_failed}
    if not failed:
        return "Succeeded"
    return "PartiallySucceeded" if len(failed) < items else "Failed"


def _count(children: Sequence[Child], status: StepStatus) -> int:
    return sum(1 for child in children if child.status is status)
