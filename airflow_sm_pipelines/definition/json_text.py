"""Strict JSON: `json` with errors for what other parsers reject or read differently, each with its place.

These are duplicate keys in an object, ``NaN``, ``Infinity``, numbers outside the range of a double, integers of more
than 64 bits, and half surrogate pairs (RFC 8259, sections 4, 6 and 8.2). Neither AWS's APIs nor Airflow's processes
can carry them: one such integer in one definition would end the process that parses the whole DAG file.
"""

from __future__ import annotations

import json
import math
import re

from airflow_sm_pipelines.definition.json_values import LONGEST_64_BIT_TEXT, Json, JsonObject, is_64_bit
from airflow_sm_pipelines.definition.paths import Path, format_path
from airflow_sm_pipelines.definition.shapes import Faults

_TOO_DEEP = "the JSON is nested too deeply"
_SHOWN_BEFORE, _SHOWN_AFTER = 60, 40
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_DEEPEST = 1_000
"""Levels of lists and objects. Python 3.11 reads no more, later versions read many thousands."""


class _Soundness:
    """Hooks for `json` that notice what is not sound; they are not told where it is."""

    def __init__(self) -> None:
        self.is_lost = False

    def members(self, pairs: list[tuple[str, Json]]) -> JsonObject:
        members = dict(pairs)
        self.is_lost |= len(members) != len(pairs)
        return members

    def float(self, text: str) -> float:
        number = float(text)
        self.is_lost |= not math.isfinite(number)
        return number

    def integer(self, text: str) -> int:
        # Python refuses to convert integers of more than 4,300 digits.
        number = int(text) if len(text) <= LONGEST_64_BIT_TEXT else 2**64
        self.is_lost |= not is_64_bit(number)
        return number

    def constant(self, _: str) -> None:
        self.is_lost = True


def decode(text: str, path: str, faults: Faults, *, is_authored: bool = True) -> Json:
    """Parse a JSON text; record a fault and return ``None`` if that is impossible.

    Args:
        text: The text.
        path: JSON path of the text itself, when it was a string in another document.
        faults: Where faults are recorded, each with its path, line and column, and the line itself.
        is_authored: Somebody wrote this text. Lines of one that was made from a Python object tell nobody anything.
    """
    if not text.strip():
        faults.add(path, "not JSON: the text is empty")
        return None
    soundness = _Soundness()
    try:
        value: Json = json.loads(
            text,
            object_pairs_hook=soundness.members,
            parse_float=soundness.float,
            parse_int=soundness.integer,
            parse_constant=soundness.constant,
        )
        _limit_depth(value)
    except json.JSONDecodeError as error:
        faults.add(path, f"not JSON: {error.msg}{place_in(text, error.pos)}")
        return None
    except RecursionError:
        faults.add(path, _TOO_DEEP)
        return None
    if not soundness.is_lost and not _HALF_PAIR.search(text):
        return value
    # A second reading, by a slower reader that knows where it is; only a faulty definition pays for its import.
    from airflow_sm_pipelines.definition.unsound_json import unsound_places

    unsound = list(unsound_places(text))
    for place in unsound:
        shown = place_in(text, place.position) if is_authored else ""
        faults.add(format_path(place.path, path), f"{place.message}{shown}")
    return None if unsound else value


def place_in(text: str, position: int) -> str:
    """Describe a position in a text for the end of a message: line, column, and the line with a mark below it."""
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)].rstrip("\r")
    number, column = text.count("\n", 0, start) + 1, position - start
    first, last = max(0, column - _SHOWN_BEFORE), column + _SHOWN_AFTER
    head, tail = "…" if first else "", "…" if last < len(line) else ""
    shown = "".join(character if character.isprintable() else " " for character in line[first:last])
    mark = " " * (len(head) + column - first)
    return f", at line {number}, column {column + 1}:\n    {head}{shown}{tail}\n    {mark}^"


def _limit_depth(value: Json) -> None:
    """Raise `RecursionError` if lists and objects are nested more than `_DEEPEST` deep: a Python may read more."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(_DEEPEST + 1):
        if not level:
            return
        level = [
            child
            for one in level
            for child in (one.values() if isinstance(one, dict) else one)
            if isinstance(child, (dict, list))
        ]
    raise RecursionError(_TOO_DEEP)


def encode(document: object, faults: Faults) -> str:
    """Serialize an object to JSON; record a fault and return ``""`` if that is impossible.

    Parsing the text gives a copy that shares nothing with the object.
    """
    try:
        return json.dumps(document)
    except RecursionError:
        faults.add("", _TOO_DEEP)
    except ValueError as error:
        # Python refuses to write integers of more than 4,300 digits.
        is_loop = "Circular" in str(error)
        faults.add("", f"not JSON: {'an object contains itself' if is_loop else 'a number has too many digits'}")
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
