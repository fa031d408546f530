"""A ForEach step: its items, how many iterations run at a time, its properties, and the iteration it selects.

Sources: SDK 3, ``sagemaker.mlops.workflow.for_each_step``, for the names of the properties, the words of ``Status``,
the names of children, ``<body step>-<index>``, and ``ForEachSelector``. Which steps each count includes is *assumed*.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from airflow_sm_pipelines.definition.json_values import Json, JsonObject, describe
from airflow_sm_pipelines.definition.read_values import parse_document, unfit_place
from airflow_sm_pipelines.errors import IterableItemsError, SelectorValueError
from airflow_sm_pipelines.semantics.readiness import StepStatus

_ENDED_STATES = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Child:
    """A body step in one iteration that has ended.

    Attributes:
        step: Name of the body step.
        index: The iteration.
        status: How it ended.
        properties: What it published, ``None`` for nothing.
        reason: Why it failed; empty if it did not fail, or gave no reason.
    """

    step: str
    index: int
    status: StepStatus
    properties: Json = None
    reason: str = ""

    @property
    def has_failed(self) -> bool:
        """Tell whether it makes its iteration a failed one."""
        return self.status in (StepStatus.FAILED, StepStatus.STOPPED)


def child_name(step: str, index: int | str) -> str:
    """Return the service's name of a body step in an iteration; the index may be a placeholder."""
    return f"{step}-{index}"


def items_of(value: Json) -> list[Json]:
    """Return the items of a resolved ``IterableItems``: a list, or a text that holds a JSON list.

    Raises:
        IterableItemsError: It is neither.
    """
    if isinstance(value, list):
        return value
    if not isinstance(value, str):
        raise IterableItemsError(f"expected a list, or a text that holds a JSON list, found {describe(value)}")
    try:
        found = parse_document(value)
    except ValueError as error:
        raise IterableItemsError(f"expected a text that holds a JSON list, found {describe(value)}: {error}") from error
    if not isinstance(found, list):
        raise IterableItemsError(f"expected a text that holds a JSON list, found one that holds {describe(found)}")
    if unfit := unfit_place(found):
        raise IterableItemsError(f"the list {unfit}")
    return found


def ends_awaited(index: int, limit: int, ended: Collection[int]) -> int:
    """Return how many more iterations must end before iteration ``index`` may start; 0 if it may start now.

    An iteration is open from its start until all of its body steps have ended. The rule needs no counter and no lock:
    with a limit of N, iteration i may start when at least i-N+1 of the iterations before it have ended. Then never
    more than N are open: take the last of all open iterations. When it started, at most N-1 of those before it had not
    ended, and an iteration that has ended does not open again by itself. Every iteration gets its turn, since each
    waits only for some before it. Where a user clears an iteration that has ended, those that come wait for it.

    Args:
        index: The iteration, from 0.
        limit: ``MaxConcurrency``: how many iterations may be open at a time, 1 or more.
        ended: The iterations of which all body steps have ended.
    """
    ended_before = sum(1 for other in ended if other < index)
    return max(0, index - limit + 1 - ended_before)


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
        items: Number of items.
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


def selected_iteration(pick: str, values: Mapping[int, Json]) -> int | None:
    """Return the iteration whose value is the largest or smallest, the first of equals; ``None`` if there is none.

    The documents say nothing of equal values and of values that are no numbers: both are *assumed*.

    Args:
        pick: ``MaxBy`` or ``MinBy``.
        values: The value of each iteration.

    Raises:
        SelectorValueError: A value is no finite number.
    """
    numbers = {index: _number(index, values[index]) for index in sorted(values)}
    if not numbers:
        return None
    choose = {"MaxBy": max, "MinBy": min}[pick]
    return choose(numbers, key=numbers.__getitem__)


def failures_in_words(items: int, children: Sequence[Child]) -> str:
    """Describe which iterations failed, and each failed child with its reason; empty if none failed."""
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


def _number(index: int, value: Json) -> int | float:
    # math.isfinite() would convert an integer to a float, which not every integer fits.
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise SelectorValueError(f"iterations are compared by numbers, but that of iteration {index} is {describe(value)}")
