"""Serialization of results to JSON, driven by botocore's models."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.model import Shape

from airflow_sm_pipelines.local.documents import Document


def serialize(shape: Shape, value: Any) -> Any:
    """Turn a result into what the JSON protocols send.

    Args:
        shape: The output shape in botocore's model, or ``None`` for an operation without output.
        value: The result; members that are ``None`` are left out; timestamps are timezone-aware datetimes.

    Returns:
        The JSON document; timestamps are seconds since the epoch with milliseconds.

    Raises:
        KeyError: The result has a member that the shape does not know.
    """
    if shape is None:
        return {}
    match shape.type_name:
        case "structure":
            return _members(shape, value)
        case "list":
            return [serialize(shape.member, item) for item in value]
        case "map":
            return {key: serialize(shape.value, item) for key, item in value.items()}
        case "timestamp" if isinstance(value, datetime):
            return round(value.timestamp(), 3)
    return value


def _members(shape: Shape, value: Document) -> Document:
    return {name: serialize(shape.members[name], item) for name, item in value.items() if item is not None}
