"""Finds where a JSON text says what other parsers reject or read differently.

The text is JSON by Python's `json`, which tells no places; this reader is for texts in which something is wrong.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from airflow_sm_pipelines.definition.json_values import LONGEST_64_BIT_TEXT, is_64_bit
from airflow_sm_pipelines.definition.paths import Path

_LEXEME = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_INTEGER = re.compile(r"-?[0-9]+")
_LITERALS = frozenset({"true", "false", "null"})
_CONSTANTS = frozenset({"NaN", "Infinity", "-Infinity"})
_HALF_PAIR = "holds half a surrogate pair, which is no character"
_LONGEST_QUOTE = 40


@dataclass(frozen=True, slots=True)
class UnsoundPlace:
    """A place at which a text is not sound JSON.

    Attributes:
        path: The path of the value.
        position: Index of the first character in the text.
        message: What is wrong.
    """

    path: Path
    position: int
    message: str


@dataclass(slots=True)
class _Container:
    """An object or a list that is being read: the path to the value that comes next, and the keys so far."""

    is_object: bool
    segment: str | int
    keys: set[str] = field(default_factory=set)
    is_at_key: bool = False


def unsound_places(text: str) -> Iterator[UnsoundPlace]:
    """Yield each place of a JSON text that is not sound, in document order.

    Args:
        text: A text that Python's `json` can read.
    """
    containers: list[_Container] = []
    for match in _LEXEME.finditer(text):
        lexeme, position = match[0], match.start()
        if lexeme in "{[":
            is_object = lexeme == "{"
            containers.append(_Container(is_object, "" if is_object else 0, is_at_key=is_object))
        elif lexeme in "}]":
            containers.pop()
        elif lexeme == ",":
            _advance(containers[-1])
        elif lexeme == ":":
            containers[-1].is_at_key = False
        elif containers and containers[-1].is_at_key:
            yield from _read_key(lexeme, position, containers)
        else:
            message = _fault_of(lexeme)
            if message:
                yield UnsoundPlace(_path(containers), position, message)


def _advance(container: _Container) -> None:
    container.is_at_key = container.is_object
    if isinstance(container.segment, int):
        container.segment += 1


def _read_key(lexeme: str, position: int, containers: list[_Container]) -> Iterator[UnsoundPlace]:
    container = containers[-1]
    key = str(json.loads(lexeme))
    if key in container.keys:
        message = f"duplicate key in an object: {_quoted(key)}; JSON parsers disagree on which value counts"
        yield UnsoundPlace(_path(containers[:-1]), position, message)
    elif not _is_unicode(key):
        message = f"the key {_quoted(key)} {_HALF_PAIR}"
        yield UnsoundPlace(_path(containers[:-1]), position, message)
    container.keys.add(key)
    container.segment = key


def _fault_of(lexeme: str) -> str:
    """Return what is wrong with a string, a number or a literal; ``""`` if nothing is."""
    if lexeme.startswith('"'):
        held = str(json.loads(lexeme))
        return "" if _is_unicode(held) else f"the string {_quoted(held)} {_HALF_PAIR}"
    if lexeme in _CONSTANTS:
        return f"{lexeme} is not valid JSON: numbers must be finite"
    if lexeme in _LITERALS:
        return ""
    if _INTEGER.fullmatch(lexeme):
        fits = len(lexeme) <= LONGEST_64_BIT_TEXT and is_64_bit(int(lexeme))
        return "" if fits else f"the integer {_shortened(lexeme)} is out of range: integers have at most 64 bits"
    return "" if math.isfinite(float(lexeme)) else f"the number {_shortened(lexeme)} is out of range"


def _path(containers: list[_Container]) -> Path:
    return tuple(container.segment for container in containers)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _quoted(text: str) -> str:
    return repr(_shortened(text))


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
