"""Metrics in a job's output."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """A pattern that finds a metric.

    Attributes:
        name: Name of the metric.
        pattern: Searched in every line; its first group is the value.
    """

    name: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One value of a metric.

    Attributes:
        name: Name of the metric.
        value: The number.
        time: When its line came, in UTC.
    """

    name: str
    value: float
    time: datetime


class MetricReader:
    """A reader that finds the metrics of a job in its lines.

    Args:
        definitions: What to look for.
    """

    def __init__(self, definitions: Iterable[MetricDefinition]) -> None:
        self._definitions = tuple(definitions)
        self._last: dict[str, MetricValue] = {}

    def read(self, line: str) -> None:
        """Take a line of output. What the group has matched is skipped if it is no number (*assumed*)."""
        for definition in self._definitions:
            if not (found := definition.pattern.search(line)):
                continue
            try:
                value = float(found[1])
            except (IndexError, TypeError, ValueError):
                continue
            self._last[definition.name] = MetricValue(definition.name, value, datetime.now(UTC))

    def values(self) -> tuple[MetricValue, ...]:
        """Return the last value of each metric that was found, in the order of the definitions."""
        return tuple(self._last[one.name] for one in self._definitions if one.name in self._last)
