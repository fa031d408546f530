"""JSON values: their types, and how messages describe them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
JsonObject: TypeAlias = "dict[str, Json]"

LONGEST_64_BIT_TEXT = 20
"""Characters of the longest integers of 64 bits, with their sign."""

_64_BITS = range(-(2**63), 2**63)
_LONGEST_TEXT_QUOTED = 60
_MOST_NAMES_LISTED = 12


def is_64_bit(number: int) -> bool:
    """Tell whether an integer has at most 64 bits, sign included, as in AWS's APIs and between Airflow's processes."""
    return number in _64_BITS


def describe(value: Json) -> str:
    """Describe a JSON value for a message: ``the string 'abc'``, ``a list of 3``."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the string {_shorten(value)!r}"
    if isinstance(value, (int, float)):
        return f"the number {_number_text(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    return f"an object with {list_names(value)}" if value else "an empty object"


def list_names(names: Iterable[str]) -> str:
    """List names for a message, in their order, at most a dozen: ``'train', 'test'``."""
    every = list(names)
    shown = ", ".join(repr(_shorten(name)) for name in every[:_MOST_NAMES_LISTED])
    return f"{shown} and {len(every) - _MOST_NAMES_LISTED} more" if len(every) > _MOST_NAMES_LISTED else shown


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT_QUOTED else text[: _LONGEST_TEXT_QUOTED - 1] + "…"


def _number_text(value: float) -> str:
    # repr() of an int beyond Python's limit on digits raises.
    return repr(value) if isinstance(value, float) or abs(value) < 10**100 else "(more than 100 digits)"
