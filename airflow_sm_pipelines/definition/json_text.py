"""Strict JSON: `json` with errors for what other parsers reject or read differently, each with its place.

These are duplicate keys in an object, ``NaN``, ``Infinity``, and numbers outside the range of a double (RFC 8259,
sections 4 and 6).
"""

from __future__ import annotations

import json
import math
from collections import Counter

from airflow_sm_pipelines.definition.json_values import Json, JsonObject, list_names
from airflow_sm_pipelines.definition.paths import Path, format_path
from airflow_sm_pipelines.definition.shapes import Faults

_TOO_DEEP = "the JSON is nested too deeply"
_DEEPEST = 1_000
"""Levels of lists and objects. Python 3.11 reads no more, later versions read many thousands."""


class _Unreadable(dict[str, Json]):
    """A placeholder in the decoded tree for a value that is not interoperable JSON, until its path is known."""

    def __init__(self, message: str, members: JsonObject) -> None:
        super().__init__(members)
        self.message = message


def decode(text: str, path: str, faults: Faults) -> Json:
    """Parse a JSON text; record a fault and return ``None`` if that is impossible.

    Args:
        text: The text.
        path: JSON path of the text itself, when it was a string in another document.
        faults: Where faults are recorded, each with its line and column, or with its path.
    """
    marks: list[_Unreadable] = []

    def mark(message: str, members: JsonObject | None = None) -> _Unreadable:
        marks.append(_Unreadable(message, members or {}))
        return marks[-1]

    def unique(pairs: list[tuple[str, Json]]) -> JsonObject:
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        times = Counter(name for name, _ in pairs)
        twice = list_names(name for name, count in times.items() if count > 1)
        return mark(f"duplicate key in an object: {twice}; JSON parsers disagree on which value counts", members)

    def finite(number: str) -> float | _Unreadable:
        value = float(number)
        return value if math.isfinite(value) else mark(f"the number {number[:40]} is out of range")

    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=unique,
            parse_float=finite,
            parse_constant=lambda name: mark(f"{name} is not valid JSON: numbers must be finite"),
        )
        _limit_depth(value)
    except json.JSONDecodeError as error:
        faults.add(path, f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        faults.add(path, _TOO_DEEP)
    except ValueError:
        # Python refuses to convert integers of more than 4,300 digits.
        faults.add(path, "not JSON: a number has too many digits")
    else:
        for mark_path, found in _marks_in(value) if marks else ():
            faults.add(format_path(mark_path, path), found.message)
        return None if marks else value
    return None


def _limit_depth(value: Json) -> None:
    """Raise `RecursionError` if lists and objects are nested more than `_DEEPEST` deep: a Python may read more."""
    level = [value]
    for _ in range(_DEEPEST + 1):
        within = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list)))
        level = [child for children in within for child in children]
        if not level:
            return
    raise RecursionError(_TOO_DEEP)


def encode(document: object, faults: Faults) -> str:
    """Serialize an object to JSON; record a fault and return ``""`` if that is impossible.

    Parsing the text gives a copy that shares nothing with the object.
    """
    try:
        return json.dumps(document)
    except RecursionError:
        faults.add("", _TOO_DEEP)
    except ValueError:
        faults.add("", "not JSON: an object contains itself")
    except TypeError as error:
        for path, value in _foreign_values(document):
            faults.add(format_path(path), f"not JSON: found a Python {type(value).__name__}")
        if not faults:
            faults.add("", f"not JSON: {error}")
    return ""


def _foreign_values(document: object) -> list[tuple[Path, object]]:
    pending: list[tuple[Path, object]] = [((), document)]
    found: list[tuple[Path, object]] = []
    entered: set[int] = set()
    while pending:
        path, node = pending.pop()
        if isinstance(node, (dict, list, tuple)):
            if id(node) not in entered:
                entered.add(id(node))
                items = node.items() if isinstance(node, dict) else enumerate(node)
                pending += [((*path, key if isinstance(key, int) else str(key)), held) for key, held in items][::-1]
        elif node is not None and not isinstance(node, (str, int, float)):
            found.append((path, node))
    return found


def _marks_in(value: Json) -> list[tuple[Path, _Unreadable]]:
    pending: list[tuple[Path, Json]] = [((), value)]
    found: list[tuple[Path, _Unreadable]] = []
    while pending:
        path, node = pending.pop()
        if isinstance(node, _Unreadable):
            found.append((path, node))
        if isinstance(node, dict):
            pending += [((*path, key), member) for key, member in node.items()][::-1]
        elif isinstance(node, list):
            pending += [((*path, index), element) for index, element in enumerate(node)][::-1]
    return found
