"""JSON that AWS, or what runs there, has written: answers of functions, reports of jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

_DEEPEST_NESTING = 100
"""Levels of lists and objects: what is deeper would end in Python's recursion limit, here or where it is passed on."""


def read_json(text: str | bytes) -> Any:
    """Parse a JSON text.

    Raises:
        ValueError: It is not JSON, not Unicode, or nested deeper than 100 levels.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        value = None
        is_deep = True
    else:
        is_deep = _is_deep(value)
    if is_deep:
        raise ValueError(f"it is nested deeper than {_DEEPEST_NESTING} levels")
    return value


def _is_deep(value: object) -> bool:
    level = _containers([value])
    for _ in range(_DEEPEST_NESTING):
        level = [held for outer in level for held in _containers(outer.values() if isinstance(outer, dict) else outer)]
        if not level:
            return False
    return True


def _containers(values: Iterable[object]) -> list[Any]:
    return [value for value in values if isinstance(value, (dict, list))]
