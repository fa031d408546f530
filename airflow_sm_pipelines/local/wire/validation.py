"""Validation of requests against botocore's models, with AWS's own messages.

AWS documents the constraints (they are the model) and the error code; the texts are those that its services answer.
Two things are stricter or guessed, and marked so below: members that the model does not know, and their text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sized
from typing import Any

from botocore.model import Shape

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.wire.patterns import compile_pattern

Violation = tuple[str, str]
"""Where and what: ``"Value 'x' at 'a.b'"`` and ``"Member must …"``."""

MISSING = "Member must not be null"
"""What a violation says of a required member that is not there."""

_UNKNOWN = "Member must be one of the members of the request"


def validate_request(shape: Shape, request: object, tolerate: Callable[[str], None] | None = None) -> None:
    """Check a request against its input shape.

    Args:
        shape: The operation's input shape in botocore's model.
        request: The decoded JSON body.
        tolerate: Is told of what is missing and of values that break a pattern, an enumeration or a limit, instead of
            raising an error.

    Raises:
        AwsError: ``SerializationException`` for a value of a wrong JSON type (AWS stops at the first), else one
            ``ValidationException`` that counts and lists every violated constraint.
    """
    found = violations(shape, request)
    if not found:
        return
    noun = "error" if len(found) == 1 else "errors"
    listed = "; ".join(f"{where} failed to satisfy constraint: {what}" for where, what in found)
    message = f"{len(found)} validation {noun} detected: {listed}"
    if tolerate is None or any(what == _UNKNOWN for _, what in found):
        raise validation_error(message)
    tolerate(message)


def violations(shape: Shape, value: object) -> list[Violation]:
    """Return every violated constraint of a value.

    Args:
        shape: Its shape in botocore's model.
        value: The decoded JSON value.

    Raises:
        AwsError: ``SerializationException`` for a value of a wrong JSON type.
    """
    return list(_check(shape, value, ""))


def _check(shape: Shape, value: object, path: str) -> Iterator[Violation]:
    _require_json_type(shape, value, path)
    if check := _CHECKS.get(shape.type_name):
        yield from check(shape, value, path)


def _check_structure(shape: Shape, value: Document, path: str) -> Iterator[Violation]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{_join(path, name)}'", MISSING
    for name, inner in value.items():
        if name not in shape.members:
            # Stricter than AWS, whose JSON services ignore unknown members: here they are nearly always a typo.
            yield f"Value at '{_join(path, name)}'", _UNKNOWN
        elif inner is not None:
            yield from _check(shape.members[name], inner, _join(path, name))


def _check_list(shape: Shape, value: list[object], path: str) -> Iterator[Violation]:
    yield from _check_size(shape, value, path)
    for number, item in enumerate(value, start=1):
        yield from _check(shape.member, item, f"{path}.{number}.member")


def _check_map(shape: Shape, value: Document, path: str) -> Iterator[Violation]:
    yield from _check_size(shape, value, path)
    for key, item in value.items():
        for kind, inner, text in (("keys", shape.key, key), ("value", shape.value, item)):
            if broken := [what for _, what in _check(inner, text, f"{path}.{key}")]:
                yield _at(shape, value, path), f"Map {kind} must satisfy constraint: [{', '.join(broken)}]"


def _check_string(shape: Shape, value: str, path: str) -> Iterator[Violation]:
    yield from _check_size(shape, value, path)
    where = _at(shape, value, path)
    pattern = shape.metadata.get("pattern")
    if pattern is not None and not compile_pattern(pattern).fullmatch(value):
        yield where, f"Member must satisfy regular expression pattern: {pattern}"
    if shape.enum and value not in shape.enum:
        yield where, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def _check_size(shape: Shape, value: Sized, path: str) -> Iterator[Violation]:
    yield from _check_limits(shape, value, path, len(value), "length")


def _check_number(shape: Shape, value: float, path: str) -> Iterator[Violation]:
    yield from _check_limits(shape, value, path, value, "value")


def _check_limits(shape: Shape, value: object, path: str, measure: float, noun: str) -> Iterator[Violation]:
    where = _at(shape, value, path)
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if high is not None and measure > high:
        yield where, f"Member must have {noun} less than or equal to {high}"
    if low is not None and measure < low:
        yield where, f"Member must have {noun} greater than or equal to {low}"


_CHECKS: Mapping[str, Callable[[Shape, Any, str], Iterator[Violation]]] = {
    "structure": _check_structure,
    "list": _check_list,
    "map": _check_map,
    "string": _check_string,
    "integer": _check_number,
    "long": _check_number,
    "float": _check_number,
    "double": _check_number,
}


def _join(path: str, name: str) -> str:
    """Return the path of a member; AWS names members by their Java field: first letter in lower case."""
    field = name[:1].lower() + name[1:]
    return f"{path}.{field}" if path else field


def _at(shape: Shape, value: object, path: str) -> str:
    if shape.metadata.get("sensitive"):
        return f"Value at '{path}'"
    return f"Value '{_java(value)}' at '{path}'"


def _java(value: object) -> str:
    """Return a value as AWS's Java services print it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_java(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_java(item) for item in value) + "]"
    return str(value)


_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "blob": (str,),
}

_TOKENS: Mapping[type, str] = {
    bool: "TRUE_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
    str: "STRING_VALUE",
    list: "START_ARRAY",
    dict: "START_OBJECT",
    type(None): "VALUE_NULL",
}


def _require_json_type(shape: Shape, value: object, path: str) -> None:
    allowed = _JSON_TYPES[shape.type_name]
    if isinstance(value, allowed) and not (isinstance(value, bool) and bool not in allowed):
        return
    token = "FALSE_VALUE" if value is False else _TOKENS[type(value)]
    place = f" (at '{path}')" if path else ""
    # AWS does not say where; the place is added, because a message without it helps nobody.
    target = shape.type_name.capitalize()
    raise AwsError("SerializationException", f"{token} can not be converted to {_article(target)} {target}{place}")


def _article(noun: str) -> str:
    return "an" if noun[0] in "AEIOU" else "a"
