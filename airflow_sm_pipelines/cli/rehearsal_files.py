"""The JSON files that a definition reads, for a rehearsal in which no job writes them.

Each ``Std:JsonGet`` of the definition reads one value of a file: a property file, or a document at an S3 URI. A
rehearsal makes each file so that it holds all of these values. What they are by default:

- compared in a condition: 0.0 for a number, ``""`` for a text, ``true`` for a boolean, after the other operand;
- anywhere else: 0.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from airflow_sm_pipelines.definition.expressions import EvaluationError, JsonGet, Reference, evaluate, parse_expression
from airflow_sm_pipelines.definition.json_values import Json, list_names
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.near_misses import did_you_mean
from airflow_sm_pipelines.definition.paths import Path, PathSyntaxError, format_path, parse_path
from airflow_sm_pipelines.definition.traversal import own_arguments, walk

_UNKNOWN = "\0"
"""Marks what only a run knows; no definition's own text holds it."""


class ChosenValueError(ValueError):
    """A value was chosen for something that the definition does not read."""


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


@dataclass(slots=True)
class ReadFile:
    """A file and what the definition reads of it.

    Attributes:
        place: Where it is.
        names: How the command line names it: ``STEP.PROPERTYFILE``, ``STEP.PATH``, or its S3 URI.
        values: The value at each path that is read.
    """

    place: FilePlace
    names: list[str]
    values: dict[Path, Json] = field(default_factory=dict)

    def content(self, note: str) -> Json:
        """Return the whole document; one that is an object says by a member ``rehearsal`` what it is."""
        document: Json = None
        for path in sorted(self.values, key=len):
            document = _with_value(document, path, self.values[path])
        return {"rehearsal": note, **document} if isinstance(document, dict) else document


def files_read(pipeline: Pipeline, parameters: Mapping[str, Json]) -> tuple[list[ReadFile], list[str]]:
    """Return the files that a definition reads, and a sentence for each that cannot be located before the run.

    Args:
        pipeline: The definition.
        parameters: The values of its parameters.
    """
    scope = _ScopeBeforeRun(pipeline, parameters)
    files: dict[FilePlace, ReadFile] = {}
    notes = []
    for step in pipeline.steps:
        for found, default, is_compared in _json_gets(step, scope):
            try:
                place, name = _located(found, pipeline, scope)
            except EvaluationError as error:
                notes.append(f"{step.name} reads a file that cannot be located before the run: {error}")
                continue
            file = files.setdefault(place, ReadFile(place, []))
            if name not in file.names:
                file.names.append(name)
            if is_compared or found.path not in file.values:
                file.values[found.path] = default
    return list(files.values()), notes


def choose_values(files: Iterable[ReadFile], assignments: Iterable[str]) -> None:
    """Set values of files as the user wants them.

    Args:
        files: The files that the definition reads; they are changed.
        assignments: ``FILE.PATH=VALUE`` each, with FILE one of the file's names; VALUE is JSON, else a text.

    Raises:
        ChosenValueError: Nothing of that name is read.
    """
    by_name = {name: file for file in files for name in file.names}
    for assignment in assignments:
        name, path, text = _split(assignment, by_name)
        try:
            value: Json = json.loads(text)
        except ValueError:
            value = text
        by_name[name].values[path] = value


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


def _json_gets(step: Step, scope: _ScopeBeforeRun) -> Iterator[tuple[JsonGet, Json, bool]]:
    """Yield what a step reads, the default of it, and whether that comes from a comparison."""
    compared: dict[int, Json] = {}
    for _, value in walk([own_arguments(step), step.members]):
        if not isinstance(value, dict):
            continue
        for operand, other in _comparisons(value):
            compared[id(operand)] = _like(other, scope)
        found = parse_expression(value)
        if isinstance(found, JsonGet):
            yield found, compared.get(id(value), 0.0), id(value) in compared


def _comparisons(condition: Mapping[str, Json]) -> Iterator[tuple[Json, Json]]:
    """Yield each operand of a condition with one that it is compared with."""
    if {"LeftValue", "RightValue"} <= condition.keys():
        left, right = condition["LeftValue"], condition["RightValue"]
        yield from ((left, right), (right, left))
    values = condition.get("Values")
    if "QueryValue" in condition and isinstance(values, list) and values:
        yield condition["QueryValue"], values[0]
        yield from ((value, condition["QueryValue"]) for value in values)


def _like(other: Json, scope: _ScopeBeforeRun) -> Json:
    try:
        value = evaluate(other, scope)
    except EvaluationError:  # another file's value, or a property: most are numbers
        return 0.0
    if isinstance(value, bool):
        return True
    return "" if isinstance(value, str) else 0.0


def _located(found: JsonGet, pipeline: Pipeline, scope: _ScopeBeforeRun) -> tuple[FilePlace, str]:
    if isinstance(found.source, Reference):
        step, name = found.source.name, str(found.source.path[0])
        declared = next(file for file in pipeline.step(step).property_files if file.name == name)
        return FilePlace(step, declared.output_name, declared.file_path), f"{step}.{name}"
    uri = str(evaluate(found.source, scope))
    below = [
        (len(folder), FilePlace(step, output, uri[len(folder) + 1 :]))
        for step, output, folder in scope.output_folders()
        if uri.startswith(f"{folder}/")
    ]
    if below:
        place = max(below, key=lambda pair: pair[0])[1]
        return place, f"{place.step}.{place.path}"
    if _UNKNOWN in uri:
        raise EvaluationError(uri.replace(_UNKNOWN, ""), "no output of a step is there")
    return FilePlace("", "", uri), uri


class _ScopeBeforeRun:
    """A scope of what is known before a run: parameters, and where the outputs of jobs go."""

    def __init__(self, pipeline: Pipeline, parameters: Mapping[str, Json]) -> None:
        self._pipeline = pipeline
        self._parameters = parameters
        self._outputs: dict[str, dict[str, str]] = {}

    def output_folders(self) -> Iterator[tuple[str, str, str]]:
        """Yield step, name and S3 URI of each output that can be told."""
        for step in self._pipeline.steps:
            for output, uri in self._outputs_of(step).items():
                yield step.name, output, uri.rstrip("/")

    def parameter(self, name: str) -> Json:
        return self._parameters[name]

    def execution(self, variable: str) -> Json:
        return f"{_UNKNOWN}<Execution.{variable}>"

    def experiment(self, member: str) -> Json:
        return f"{_UNKNOWN}<PipelineExperimentConfig.{member}>"

    def properties(self, step: str) -> Json:
        uris = self._outputs_of(self._pipeline.step(step))
        outputs: list[Json] = [{"OutputName": name, "S3Output": {"S3Uri": uri}} for name, uri in uris.items()]
        if self._pipeline.step(step).type == "Training":
            return {name: {"S3OutputPath": uri} for name, uri in uris.items()}
        return {"ProcessingOutputConfig": {"Outputs": outputs}}

    def property_file(self, step: str, name: str) -> Json:
        raise EvaluationError(f"Steps.{step}.PropertyFiles.{name}", "known only in the run")

    def document(self, uri: str) -> Json:
        raise EvaluationError(uri, "known only in the run")

    def current_item(self) -> Json:
        raise EvaluationError("ForEach.CurrentItem", "known only in the run")

    def iteration_output(self, step: str) -> Json:
        raise EvaluationError(f"IterationOutput.{step}", "known only in the run")

    def _outputs_of(self, step: Step) -> dict[str, str]:
        """Name -> S3 URI of a step's outputs; without those that depend on what only a run knows."""
        if step.name not in self._outputs:
            self._outputs[step.name] = dict(self._evaluated(_declared_outputs(step)))
        return self._outputs[step.name]

    def _evaluated(self, outputs: Iterable[tuple[str, Json]]) -> Iterator[tuple[str, str]]:
        for name, expression in outputs:
            try:
                uri = evaluate(expression, self)
            except EvaluationError:
                continue
            if isinstance(uri, str):
                yield name, uri


def _declared_outputs(step: Step) -> Iterator[tuple[str, Json]]:
    """Yield name and unevaluated S3 URI of each output; that of a Training step is its ``OutputDataConfig``."""
    data = step.arguments.get("OutputDataConfig")
    if step.type == "Training" and isinstance(data, dict):
        yield "OutputDataConfig", data.get("S3OutputPath")
    config = step.arguments.get("ProcessingOutputConfig")
    outputs = config.get("Outputs") if isinstance(config, dict) else None
    for output in outputs if isinstance(outputs, list) else ():
        target = output.get("S3Output") if isinstance(output, dict) else None
        if isinstance(output, dict) and isinstance(target, dict):
            yield str(output.get("OutputName")), target.get("S3Uri")


def _with_value(document: Json, path: Path, value: Json) -> Json:
    """Return a document with a value at a path; what is missing on the way is made."""
    if not path:
        return value
    segment, rest = path[0], path[1:]
    if isinstance(segment, int):
        elements = list(document) if isinstance(document, list) else []
        elements += [None] * (segment + 1 - len(elements))
        elements[segment] = _with_value(elements[segment], rest, value)
        return elements
    members = dict(document) if isinstance(document, dict) else {}
    members[segment] = _with_value(members.get(segment), rest, value)
    return members
