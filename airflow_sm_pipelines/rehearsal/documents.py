"""Documents that no job of a rehearsal computes: what the definition reads of each, and with which value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.paths import Path

OUTPUTS = "OutputParameters"
"""The outputs that a step declares by itself; in a `ReadFile`, the name of the output that they are."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where a file is.

    Attributes:
        step: The step that would write it; ``""`` for a file that is there before the run.
        output: Name of the step's output; ``""`` likewise.
        path: Path below the output, or the whole S3 URI.
    """

    step: str
    output: str
    path: str


PARAMETERS = FilePlace("", "Parameters", "")
"""Where the values of pipeline parameters are, as if they were a file."""


@dataclass(slots=True)
class ReadFile:
    """A file and what the definition reads of it.

    Attributes:
        place: Where it is.
        names: How the command line names it: ``STEP.PROPERTYFILE``, ``STEP.PATH``, or its S3 URI.
        values: The value at each path that is read.
        kinds: The type of the values, where it is declared: ``String``, ``Integer``, ``Float`` or ``Boolean``.
        allowed: The only values, where they are declared.
    """

    place: FilePlace
    names: list[str]
    values: dict[Path, Json] = field(default_factory=dict)
    kinds: dict[Path, str] = field(default_factory=dict)
    allowed: dict[Path, tuple[Json, ...]] = field(default_factory=dict)

    def content(self, note: str) -> Json:
        """Return the whole document; one that is an object says by a member ``rehearsal`` what it is."""
        document: Json = None
        for path in sorted(self.values, key=len):
            document = with_value(document, path, self.values[path])
        return {"rehearsal": note, **document} if isinstance(document, dict) else document


@dataclass(frozen=True, slots=True)
class FreeValue:
    """A value that a rehearsal may choose.

    Attributes:
        place: The file that it stands in.
        path: Where in it.
        file: The file itself.
    """

    place: FilePlace
    path: Path
    file: ReadFile = field(compare=False, repr=False)

    def get(self) -> Json:
        """Return the value."""
        return self.file.values[self.path]

    def set(self, value: Json) -> None:
        """Choose the value."""
        self.file.values[self.path] = value

    def allowed(self) -> tuple[Json, ...]:
        """Return the only values that it can have, if they are declared."""
        return self.file.allowed.get(self.path, ())

    def takes(self, value: Json) -> bool:
        """Tell whether the value can be this one, by its declared type."""
        kind, allowed = self.file.kinds.get(self.path), self.allowed()
        return (kind is None or type(value) in _PYTHON_TYPES[kind]) and (not allowed or value in allowed)


_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (float, int),
    "Boolean": (bool,),
}


def with_value(document: Json, path: Path, value: Json) -> Json:
    """Return a document with a value at a path; what is missing on the way is made."""
    if not path:
        return value
    segment, rest = path[0], path[1:]
    if isinstance(segment, int):
        elements = list(document) if isinstance(document, list) else []
        elements += [None] * (segment + 1 - len(elements))
        elements[segment] = with_value(elements[segment], rest, value)
        return elements
    members = dict(document) if isinstance(document, dict) else {}
    members[segment] = with_value(members.get(segment), rest, value)
    return members
