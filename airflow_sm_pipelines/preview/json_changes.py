"""What differs between two JSON values, each difference at its path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import MISSING, Missing
from airflow_sm_pipelines.definition.paths import Path, format_path

_NAMING_MEMBERS = (
    "InputName",
    "OutputName",
    "ChannelName",
    "VariantName",
    "RuleConfigurationName",
    "ContainerHostname",
    "DefinitionName",
    "StepName",
    "ClusterId",
    "Classification",
    "Name",
    "Key",
)
"""Members by which people and references tell the elements of a list apart, e.g. ``ProcessingInputs['train']``."""

_LONGEST_TEXT = 160


@dataclass(frozen=True, slots=True)
class JsonChange:
    """A place where two JSON values differ.

    Attributes:
        path: The place; elements with a name are addressed by it.
        old: The value there in the first one, `MISSING` if it has none.
        new: The value there in the second one, likewise.
    """

    path: Path
    old: Json | Missing
    new: Json | Missing

    def below(self, *path: str | int) -> JsonChange:
        """Return the same change, seen from further up."""
        return JsonChange((*path, *self.path), self.old, self.new)

    def as_members(self, old: str, new: str) -> JsonObject:
        """Return the change as members of a report; a side that has no value is left out.

        Args:
            old: What the first side is called there.
            new: What the second one is called.
        """
        sides = {old: self.old, new: self.new}
        given = {name: value for name, value in sides.items() if not isinstance(value, Missing)}
        return {"path": format_path(self.path), **given}

    def in_words(self) -> str:
        """Return the change as one line for people."""
        place = format_path(self.path)
        if isinstance(self.old, Missing):
            return f"{place}: added {value_text(self.new)}"
        if isinstance(self.new, Missing):
            return f"{place}: removed {value_text(self.old)}"
        return f"{place}: {value_text(self.old)} -> {value_text(self.new)}"


def value_text(value: Json | Missing) -> str:
    """Return a value on one line, cut if it is long."""
    if isinstance(value, Missing):
        return "(none)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


def json_changes(old: Json, new: Json, *, order_counts: bool = True) -> Iterator[JsonChange]:
    """Yield the differences between two values, the deepest places that differ, in the order of the first value.

    Args:
        old: The first value.
        new: The second value.
        order_counts: Whether another order of the same named elements of a list is a difference.
    """
    return _changes(old, new, (), order_counts)


def same_json(one: Json, other: Json) -> bool:
    """Tell whether two JSON values are the same; the order of members does not matter, ``true`` is not ``1``."""
    return next(json_changes(one, other), None) is None


def _changes(old: Json, new: Json, path: Path, order_counts: bool) -> Iterator[JsonChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_objects(old, new, path, order_counts)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(old, new, path, order_counts)
    elif isinstance(old, bool) is not isinstance(new, bool) or old != new:
        yield JsonChange(path, old, new)


def _of_objects(old: JsonObject, new: JsonObject, path: Path, order_counts: bool) -> Iterator[JsonChange]:
    for name, value in old.items():
        if name in new:
            yield from _changes(value, new[name], (*path, name), order_counts)
        else:
            yield JsonChange((*path, name), value, MISSING)
    for name, value in new.items():
        if name not in old:
            yield JsonChange((*path, name), MISSING, value)


def _of_lists(old: list[Json], new: list[Json], path: Path, order_counts: bool) -> Iterator[JsonChange]:
    naming = next((name for name in _NAMING_MEMBERS if _all_named(old, name) and _all_named(new, name)), None)
    if naming is not None and (old or new):
        first, second = _by_name(old, naming), _by_name(new, naming)
        yield from _of_objects(first, second, path, order_counts)
        orders: tuple[list[Json], list[Json]] = ([*first], [*second])
        if order_counts and orders[0] != orders[1] and first.keys() == second.keys():
            yield JsonChange(path, *orders)
    elif len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _changes(one, other, (*path, index), order_counts)
    elif any(isinstance(one, (dict, list)) for one in (*old, *new)):
        both = min(len(old), len(new))
        for index in range(both):
            yield from _changes(old[index], new[index], (*path, index), order_counts)
        for index, one in enumerate(old[both:], both):
            yield JsonChange((*path, index), one, MISSING)
        for index, one in enumerate(new[both:], both):
            yield JsonChange((*path, index), MISSING, one)
    else:  # command lines and the like are read as a whole
        yield JsonChange(path, old, new)


def _all_named(elements: list[Json], naming: str) -> bool:
    names = [element.get(naming) if isinstance(element, dict) else None for element in elements]
    return all(isinstance(name, str) for name in names) and len(set(map(str, names))) == len(names)


def _by_name(elements: list[Json], naming: str) -> JsonObject:
    return {str(element[naming]): element for element in cast("list[JsonObject]", elements)}
