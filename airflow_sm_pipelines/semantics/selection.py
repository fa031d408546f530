"""Which iteration a ForEach step selects: its ``Selector``, MaxBy or MinBy (SDK 3: ``ForEachSelector``)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from airflow_sm_pipelines.definition.json_values import Json, describe


class NotComparableError(ValueError):
    """A value that the iterations are to be compared by is no number."""


def selected_iteration(pick: str, values: Mapping[int, Json]) -> int | None:
    """Return the iteration whose value is the largest or smallest, the first of equals; ``None`` if there is none.

    The documents say nothing of equal values and of values that are no numbers: both are *assumed*.

    Args:
        pick: ``MaxBy`` or ``MinBy``.
        values: The value of each iteration.

    Raises:
        NotComparableError: A value is no finite number.
    """
    numbers = {index: _number(index, values[index]) for index in sorted(values)}
    if not numbers:
        return None
    choose = {"MaxBy": max, "MinBy": min}[pick]
    return choose(numbers, key=numbers.__getitem__)


def _number(index: int, value: Json) -> int | float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise NotComparableError(f"iterations are compared by numbers, but that of iteration {index} is {describe(value)}")
