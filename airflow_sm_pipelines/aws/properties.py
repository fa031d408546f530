"""From a Describe response to a step's properties.

A step's properties are the Describe response of its resource (developer guide, "Step properties"): the values that
``Get: Steps.<name>…`` references read, published as the task's ``return_value``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def plain_properties(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Describe response as plain JSON: ISO 8601 times, no response metadata.

    Args:
        description: The response as boto3 returns it.
    """
    return {key: _plain(value) for key, value in description.items() if key != "ResponseMetadata"}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
