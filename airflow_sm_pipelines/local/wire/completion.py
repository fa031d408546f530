"""Completion of requests: required members that are missing get synthetic values.

For a stand-in that accepts what AWS would refuse: no operation is to see an incomplete request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.model import Shape


def completed(shape: Shape, value: Any, text: str) -> Any:
    """Return a value of a shape with all required members, those of inner structures included.

    Args:
        shape: A shape of botocore's model.
        value: A value of that shape, as far as it is there.
        text: The value of missing strings.
    """
    if shape.type_name == "structure" and isinstance(value, Mapping):
        there = {
            name: completed(shape.members[name], held, text) if name in shape.members else held
            for name, held in value.items()
            if held is not None
        }
        missing = (name for name in shape.required_members if name not in there)
        return {**there, **{name: _synthetic(shape.members[name], text) for name in missing}}
    if shape.type_name == "list" and isinstance(value, list):
        return [completed(shape.member, held, text) for held in value]
    if shape.type_name == "map" and isinstance(value, Mapping):
        return {key: completed(shape.value, held, text) for key, held in value.items()}
    return value


def _synthetic(shape: Shape, text: str) -> Any:
    if shape.type_name == "structure":
        return completed(shape, {}, text)
    if shape.type_name in ("list", "map"):
        return [] if shape.type_name == "list" else {}
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else text
    if shape.type_name == "boolean":
        return False
    return shape.metadata.get("min", 1)
