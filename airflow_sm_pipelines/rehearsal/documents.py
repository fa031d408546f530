"""Documents that no job of a rehearsal computes: what the definition reads of each, and which value it gets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from airflow_sm_pipelines.definition.json_values import Json, list_names
from airflow_sm_pipelines.definition.paths import Path, format_path, parse_path
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import PathSyntaxError, SageMakerPipelinesError

OUTPUTS = "OutputParameters"
"""The outputs that a Lambda or Callback step declares; stands for them as the output of a `FilePlace`."""


class ChosenValueError(SageMakerPipelinesError, ValueError):
    """The user has chosen a value for something that the definition does not read."""


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where a file is.

    Attributes:
        step: The step that would write it; ``""`` for a file that exists before the run.
        output: Name of the step's output; ``""`` likewise.
        path: Path below the output, or the whole S3 URI.
    """

    step: str
    output: str
    path: str


PARAMETERS = FilePlace("", "Parameters", "")
"""The place of the values of pipeline parameters, as if they were a file."""


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
        """Return the whole document; an object gets the note as its member ``rehearsal``."""
        document: Json = None
        for path in sorted(self.values, key=len):
            document = with_value(document, path, self.values[path])
        return {"rehearsal": note, **document} if isinstance(document, dict) else document


@dataclass(frozen=True, slots=True)
class FreeValue:
    """A value that a rehearsal may choose.

    Attributes:
        place: The file that holds it.
        path: Where in the file.
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
        """Return the only values that are allowed; none if any is."""
        return self.file.allowed.get(self.path, ())

    def takes(self, value: Json) -> bool:
        """Tell whether the declared type allows a value."""
        kind, allowed = self.file.kinds.get(self.path), self.allowed()
        return (kind is None or type(value) in _PYTHON_TYPES[kind]) and (not allowed or value in allowed)


_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (float, int),
    "Boolean": (bool,),
}


def with_value(document: Json, path: Path, value: Json) -> Json:
    """Return a document with a value at a path; missing objects and lists on the way are added."""
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


def choose_values(files: Iterable[ReadFile], assignments: Iterable[str]) -> frozenset[FreeValue]:
    """Set the values that the user has chosen, and return them.

    Args:
        files: The files that the definition reads; they are changed.
        assignments: ``FILE.PATH=VALUE`` each, with FILE one of the file's names; VALUE is JSON, or else a text.

    Raises:
        ChosenValueError: The definition reads nothing of that name.
    """
    by_name = {name: file for file in files for name in file.names}
    chosen = set()
    for assignment in assignments:
        name, path, text = _split(assignment, by_name)
        try:
            value: Json = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        by_name[name].values[path] = value
        chosen.add(FreeValue(by_name[name].place, path, by_name[name]))
    return frozenset(chosen)


def _split(assignment: str, files: Mapping[str, ReadFile]) -> tuple[str, Path, str]:
    name = max((name for name in files if assignment.startswith((f"{name}.", f"{name}["))), key=len, default=None)
    target, equals, _ = assignment.partition("=")
    if name is None:
        known = [format_path(path, f"{name}") for name, file in files.items() for path in file.values]
        hint = did_you_mean(target, known) or f"it reads {list_names(known) if known else 'no file'}"
        raise ChosenValueError(f"the definition reads no {target!r} ({hint})")
    rest, equals, text = assignment[len(name) :].partition("=")
    if not equals:
        raise ChosenValueError(f"expected STEP.FILE.PATH=VALUE, found {assignment!r}")
    try:
        path = parse_path(rest)
    except PathSyntaxError as error:
        raise ChosenValueError(f"{assignment!r}: {error}") from error
    if path not in files[name].values:
        known = [format_path(read) for read in files[name].values]
        hint = did_you_mean(format_path(path), known) or f"it reads {list_names(known)}"
        raise ChosenValueError(f"the definition reads no {format_path(path)!r} of {name} ({hint})")
    return name, path, text
