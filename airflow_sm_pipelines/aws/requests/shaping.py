"""Coerces a resolved request to the API's own types.

Parameters and references can bring values of another type than the member's: an integer parameter in a string member,
``"3"`` in an integer member. Like the service, we coerce them by the shape of the member. botocore's model of the API
is the only source of types and limits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.aws.calls import Body

if TYPE_CHECKING:
    from botocore.model import Shape

UNKNOWN_MEMBER = "the API knows no such member"
"""What `shape_request` says of a member that botocore's model does not have."""

_TRUE_FALSE = {"true": True, "false": False}
# Python's int() and float() also read "1_000", "nan" and the digits of every script.
_INTEGER_TEXT = re.compile(r"\s*[+-]?[0-9]{1,400}\s*", re.ASCII)
_NUMBER_TEXT = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)


class Misfit(str):
    """A message about a place where a request does not fit the API, with its parts.

    Attributes:
        place: Path of the place in the request; ``""`` for the request itself.
        fault: What is wrong there.
        hint: What may have been meant, or ``""``.
        value: What was found; ``None`` for a member that is missing.
    """

    __slots__ = ("fault", "hint", "place", "value")

    place: str
    fault: str
    hint: str
    value: object

    def __new__(cls, place: str, fault: str, hint: str = "", value: object = None) -> Misfit:
        """Make the message ``place: fault; hint``."""
        misfit = super().__new__(cls, (f"{place}: " if place else "") + fault + (f"; {hint}" if hint else ""))
        misfit.place, misfit.fault, misfit.hint, misfit.value = place, fault, hint, value
        return misfit


def shape_request(
    request: Body,
    shape: Shape,
    *,
    complete: bool = True,
    is_unknown: Callable[[object], bool] = lambda _: False,
) -> tuple[dict[str, Any], list[Misfit]]:
    """Coerce a request to the types of an API operation.

    Args:
        request: The resolved request body.
        shape: botocore's input shape of the operation.
        complete: Whether missing members, lengths and ranges count as faults.
        is_unknown: Tells whether a value is a placeholder, which is never a fault.

    Returns:
        The request with nulls dropped and scalars in the members' types, and one message for each fault: a member
        unknown to the API, missing, of a wrong type, or longer than the API allows.
    """
    faults = _Faults(complete=complete, is_unknown=is_unknown)
    shaped = _coerce(dict(request), shape, "", faults)
    return (shaped if isinstance(shaped, dict) else {}), faults


def texts(value: object, shape: Shape, place: str = "") -> Iterator[tuple[str, str, Shape]]:
    """Yield every text of a request that the API has a shape for: its path in the request, the text, the shape.

    Args:
        value: The request, or a part of it.
        shape: botocore's shape of it.
        place: Its path in the request.
    """
    if isinstance(value, str) and shape.type_name == "string":
        yield place, value, shape
    elif isinstance(value, Mapping) and shape.type_name == "structure":
        for name, item in value.items():
            if name in shape.members:
                yield from texts(item, shape.members[name], _member_place(place, name))
    elif isinstance(value, Mapping) and shape.type_name == "map":
        for key, item in value.items():
            yield from texts(item, shape.value, f"{place}['{key}']")
    elif isinstance(value, (list, tuple)) and shape.type_name == "list":
        for index, item in enumerate(value):
            yield from texts(item, shape.member, f"{place}[{index}]")


class _Faults(list[Misfit]):
    """Messages about faults; missing members, lengths and ranges may be left out.

    Args:
        complete: Whether missing members, lengths and ranges count as faults.
        is_unknown: As for `shape_request`.
    """

    def __init__(self, *, complete: bool, is_unknown: Callable[[object], bool]) -> None:
        super().__init__()
        self._complete = complete
        self.is_unknown = is_unknown

    def note(self, place: str, fault: str, hint: str = "", value: object = None) -> None:
        self.append(Misfit(place, fault, hint, value))

    def note_limits(self, misfits: Iterator[Misfit]) -> None:
        if self._complete:
            self.extend(misfits)


def _coerce(value: object, shape: Shape, path: str, faults: _Faults) -> object:
    if faults.is_unknown(value):
        return value
    coerce = _BY_TYPE.get(shape.type_name, _keep)
    shaped = coerce(value, shape, path, faults)
    faults.note_limits(_limit_faults(shaped, shape, path))
    return shaped


def _structure(value: object, shape: Shape, path: str, faults: _Faults) -> object:
    if not isinstance(value, Mapping):
        faults.note(path, f"expected an object, found {_found(value)}", value=value)
        return value
    shaped = {}
    for name, item in value.items():
        place = _member_place(path, name)
        if faults.is_unknown(name):
            shaped[name] = item  # stands for members that nobody knows yet, the required ones perhaps among them
        elif name not in shape.members:
            near = get_close_matches(name, shape.members, n=1)
            faults.note(place, UNKNOWN_MEMBER, f"did you mean {near[0]}?" if near else "", item)
        elif item is not None:
            shaped[name] = _coerce(item, shape.members[name], place, faults)
    if any(faults.is_unknown(name) for name in value):
        return shaped
    missing = (name for name in shape.required_members if name not in shaped)
    faults.note_limits(Misfit(_member_place(path, name), "required by the API, but missing") for name in missing)
    return shaped


def _member_place(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _list(value: object, shape: Shape, path: str, faults: _Faults) -> object:
    if not isinstance(value, (list, tuple)):
        faults.note(path, f"expected a list, found {_found(value)}", value=value)
        return value
    return [_coerce(item, shape.member, f"{path}[{index}]", faults) for index, item in enumerate(value)]


def _map(value: object, shape: Shape, path: str, faults: _Faults) -> object:
    if not isinstance(value, Mapping):
        faults.note(path, f"expected an object, found {_found(value)}", value=value)
        return value
    for key in value:
        faults.note_limits(_limit_faults(key, shape.key, f"the key of {path}['{key}']"))
    return {
        key: _coerce(item, shape.value, f"{path}['{key}']", faults) for key, item in value.items() if item is not None
    }


def _string(value: object, _shape: Shape, path: str, faults: _Faults) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    faults.note(path, f"expected text, found {_found(value)}", value=value)
    return value


def _integer(value: object, _shape: Shape, path: str, faults: _Faults) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER_TEXT.fullmatch(value):
        return int(value)
    faults.note(path, f"expected an integer, found {_found(value)}", value=value)
    return value


def _number(value: object, _shape: Shape, path: str, faults: _Faults) -> object:
    number = float(value) if isinstance(value, str) and _NUMBER_TEXT.fullmatch(value) else value
    if isinstance(number, float) and math.isfinite(number):
        return number
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    faults.note(path, f"expected a number, found {_found(value)}", value=value)
    return value


def _boolean(value: object, _shape: Shape, path: str, faults: _Faults) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE_FALSE:
        return _TRUE_FALSE[value.lower()]
    faults.note(path, f"expected true or false, found {_found(value)}", value=value)
    return value


def _keep(value: object, _shape: Shape, _path: str, _faults: _Faults) -> object:
    return value


_BY_TYPE = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
}

_MEASURED: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "characters"),
    "list": ((list,), "entries"),
    "map": ((dict,), "entries"),
    **dict.fromkeys(("integer", "long", "float", "double"), ((int, float), "")),
}


def _limit_faults(value: object, shape: Shape, path: str) -> Iterator[Misfit]:
    """Compare lengths (strings, lists, maps) and ranges (numbers) with the model's limits."""
    types, unit = _MEASURED.get(shape.type_name, ((), ""))
    if not isinstance(value, types):
        return  # of a type without a size, or of a wrong one, which is a fault of its own
    size = _size(value)
    if size is None:
        return
    largest, smallest = shape.metadata.get("max"), shape.metadata.get("min")
    measured = f"{size} {unit}".strip()
    if largest is not None and size > largest:
        yield Misfit(path, f"{measured}, but the API allows at most {largest}", value=value)
    if smallest is not None and size < smallest:
        yield Misfit(path, f"{measured}, but the API requires at least {smallest}", value=value)


def _size(value: object) -> float | None:
    if isinstance(value, (str, list, dict)):
        return len(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _found(value: object) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
