"""What a definition reads and no job of a rehearsal computes: JSON files, and outputs of Lambda and Callback steps.

Each ``Std:JsonGet`` of the definition reads one value of a file: a property file, or a document at an S3 URI. A
rehearsal makes each file so that it holds all of these values. What they are by default:

- compared in a condition: 0.0 for a number, ``""`` for a text, ``true`` for a boolean, after the other operand;
- anywhere else: 0.0.

An output of a Lambda or Callback step is 1, 1.0, false or a text, as declared (see `rehearsal_parameters`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from airflow_sm_pipelines.definition.expressions import (
    JsonGet,
    Namespace,
    evaluate,
    parse_expression,
)
from airflow_sm_pipelines.definition.json_values import Json, list_names
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.paths import Path, format_path, parse_path
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.definition.traversal import own_arguments, walk
from airflow_sm_pipelines.errors import EvaluationError, PathSyntaxError, SageMakerPipelinesError
from airflow_sm_pipelines.rehearsal.documents import OUTPUTS, FilePlace, FreeValue, ReadFile
from airflow_sm_pipelines.rehearsal.placeholders import Source, placeholder_of
from airflow_sm_pipelines.rehearsal.scope import ScopeBeforeRun, comparisons, located


class ChosenValueError(SageMakerPipelinesError, ValueError):
    """A value was chosen for something that the definition does not read."""


def files_read(
    pipeline: Pipeline, parameters: Mapping[str, Json], name: str | None = None
) -> tuple[list[ReadFile], list[str], ScopeBeforeRun]:
    """Return what a definition reads, a sentence for each file that cannot be located before the run, and the scope.

    Args:
        pipeline: The definition.
        parameters: The values of its parameters.
        name: What the run calls the pipeline; ``None`` if only the run knows.
    """
    scope = ScopeBeforeRun(pipeline, parameters)
    if name is not None:
        scope.variables["PipelineName"] = name
    outputs = [file for step in pipeline.steps if (file := _declared_values(step, pipeline)).values]
    files = scope.files
    files.update({file.place: file for file in outputs})
    notes = []
    for step in pipeline.steps:
        for found, default, is_compared in _json_gets(step, scope):
            try:
                place, name = located(found, pipeline, scope)
            except EvaluationError as error:
                notes.append(f"{step.name} reads a file that cannot be located before the run: {error}")
                continue
            file = files.setdefault(place, ReadFile(place, []))
            if name not in file.names:
                file.names.append(name)
            if is_compared or found.path not in file.values:
                file.values[found.path] = default
    return list(files.values()), notes, scope


def _declared_values(step: Step, pipeline: Pipeline) -> ReadFile:
    file = ReadFile(FilePlace(step.name, OUTPUTS, ""), [f"{step.name}.{OUTPUTS}"])
    declared = step.members.get(OUTPUTS)
    for entry in declared if isinstance(declared, list) else ():
        if isinstance(entry, dict):
            name, kind = str(entry.get("OutputName")), str(entry.get("OutputType") or "String")
            source = Source(Namespace.STEP, step.name, (OUTPUTS, name))
            file.values[(name,)] = placeholder_of(source, name, kind, pipeline)
            file.kinds[(name,)] = kind
    return file


def choose_values(files: Iterable[ReadFile], assignments: Iterable[str]) -> frozenset[FreeValue]:
    """Set values of files as the user wants them, and return which.

    Args:
        files: The files that the definition reads; they are changed.
        assignments: ``FILE.PATH=VALUE`` each, with FILE one of the file's names; VALUE is JSON, else a text.

    Raises:
        ChosenValueError: Nothing of that name is read.
    """
    by_name = {name: file for file in files for name in file.names}
    chosen = set()
    for assignment in assignments:
        name, path, text = _split(assignment, by_name)
        try:
            value: Json = json.loads(text)
        except ValueError:
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


def _json_gets(step: Step, scope: ScopeBeforeRun) -> Iterator[tuple[JsonGet, Json, bool]]:
    """Yield what a step reads, the default of it, and whether that comes from a comparison."""
    compared: dict[int, Json] = {}
    for _, value in walk([own_arguments(step), step.members]):
        if not isinstance(value, dict):
            continue
        for operand, others in comparisons(value):
            compared[id(operand)] = _like(others[0], scope)
        found = parse_expression(value)
        if isinstance(found, JsonGet):
            yield found, compared.get(id(value), 0.0), id(value) in compared


def _like(other: Json, scope: ScopeBeforeRun) -> Json:
    try:
        value = evaluate(other, scope)
    except EvaluationError:  # another file's value, or a property: most are numbers
        return 0.0
    if isinstance(value, bool):
        return True
    return "" if isinstance(value, str) else 0.0
