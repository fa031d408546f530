"""What is known of a definition before a rehearsal: its scope, and the files that it reads.

Each ``Std:JsonGet`` of the definition reads one value of a file: a property file, or a document at an S3 URI. A
rehearsal makes each file so that it holds all of these values. What they are by default:

- compared in a condition: 0.0 for a number, ``""`` for a text, ``true`` for a boolean, after the other operand;
- in a request: of the form that the API wants there (`airflow_sm_pipelines.rehearsal.fitting_values`);
- anywhere else: 0.0.

An output of a Lambda or Callback step is 1, 1.0, false or a text, as declared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from airflow_sm_pipelines.aws.check_types import CHECK_TYPES
from airflow_sm_pipelines.definition.expressions import (
    JsonGet,
    Namespace,
    Reference,
    evaluate,
    parse_expression,
)
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.traversal import own_arguments, walk
from airflow_sm_pipelines.errors import EvaluationError
from airflow_sm_pipelines.rehearsal.documents import OUTPUTS, PARAMETERS, FilePlace, FreeValue, ReadFile
from airflow_sm_pipelines.rehearsal.fitting_values import fitting_value
from airflow_sm_pipelines.rehearsal.placeholders import Source, Value, placeholder_of

_ARGUMENTS = "Arguments"
_UNKNOWN = "\0"
"""Marks what only a run knows; no definition's own text holds it."""


class ScopeBeforeRun:
    """A scope of what is known before a run: parameters, the places of outputs, the contents of files.

    Attributes:
        parameters: The values of parameters.
        files: The files that the definition reads.
        outcomes: The outcomes of Conditions, as far as they are known.
        variables: The execution variables, as far as they are known.
    """

    def __init__(self, pipeline: Pipeline, parameters: Mapping[str, Json]) -> None:
        self._pipeline = pipeline
        self.parameters = ReadFile(PARAMETERS, ["Parameters"])
        for parameter in pipeline.parameters:
            path = (parameter.name,)
            self.parameters.values[path] = parameters[parameter.name]
            self.parameters.kinds[path] = parameter.type
            self.parameters.allowed[path] = tuple(parameter.enum_values or ())
        self.variables: dict[str, str] = {}
        self._outputs: dict[str, dict[str, str]] = {}
        self.files: dict[FilePlace, ReadFile] = {}
        self.outcomes: dict[str, bool] = {}

    def free_values(self, tree: Json) -> Iterator[FreeValue]:
        """Yield every value in a tree of expressions that a rehearsal may choose."""
        for _, value in walk(tree):
            found = self.free_value(value)
            if found is not None:
                yield found

    def free_value(self, expression: Json) -> FreeValue | None:
        """Return the value that an expression reads, if a rehearsal may choose it."""
        found = parse_expression(expression) if isinstance(expression, dict) else None
        if isinstance(found, Reference) and found.namespace is Namespace.STEP and found.path[:1] == (OUTPUTS,):
            place, path = FilePlace(found.name, OUTPUTS, ""), found.path[1:]
        elif isinstance(found, Reference) and found.namespace is Namespace.PARAMETER:
            return self.parameter_value(found.name)
        elif isinstance(found, JsonGet):
            try:
                place, path = _located(found, self._pipeline, self)[0], found.path
            except EvaluationError:
                return None
        else:
            return None
        file = self.files.get(place)
        return FreeValue(place, path, file) if file is not None and path in file.values else None

    def parameter_values(self) -> dict[str, Value]:
        """Return the values of all parameters."""
        return {str(path[0]): cast("Value", value) for path, value in self.parameters.values.items()}

    def parameter_value(self, name: str) -> FreeValue:
        """Return the value of a parameter as one that may be chosen."""
        return FreeValue(PARAMETERS, (name,), self.parameters)

    def output_folders(self) -> Iterator[tuple[str, str, str]]:
        """Yield step, name and S3 URI of each output whose place is known."""
        for step in self._pipeline.steps:
            for output, uri in self._outputs_of(step).items():
                yield step.name, output, uri.rstrip("/")

    def parameter(self, name: str) -> Json:
        """Return the value of a parameter."""
        return self.parameters.values[(name,)]

    def execution(self, variable: str) -> Json:
        """Return a variable of the execution, or a text that stands for what only the run knows."""
        return self.variables.get(variable, f"{_UNKNOWN}<Execution.{variable}>")

    def experiment(self, member: str) -> Json:
        """Return a text that stands for what only the run knows."""
        return f"{_UNKNOWN}<PipelineExperimentConfig.{member}>"

    def properties(self, step: str) -> Json:
        """Return the outcome of a Condition, or the outputs of another step as far as they are known."""
        if step in self.outcomes:
            return {"Outcome": self.outcomes[step]}
        declared = self.files.get(FilePlace(step, OUTPUTS, ""))
        if declared is not None:
            return {OUTPUTS: {str(path[0]): value for path, value in declared.values.items()}}
        uris = self._outputs_of(self._pipeline.step(step))
        outputs: list[Json] = [{"OutputName": name, "S3Output": {"S3Uri": uri}} for name, uri in uris.items()]
        if self._pipeline.step(step).type == "Training":
            return {name: {"S3OutputPath": uri} for name, uri in uris.items()}
        check_type = CHECK_TYPES.get(str(self._pipeline.step(step).members.get("CheckType")))
        if check_type is not None and uris:
            calculated = check_type.calculated_baseline(next(iter(uris.values())))
            files: dict[str, Json] = {"Constraints": calculated.constraints, "Statistics": calculated.statistics}
            return {f"CalculatedBaseline{name}": uri for name, uri in files.items() if uri}
        return {"ProcessingOutputConfig": {"Outputs": outputs}}

    def property_file(self, step: str, name: str) -> Json:
        """Return the content of a property file."""
        declared = next(file for file in self._pipeline.step(step).property_files if file.name == name)
        return self._content(FilePlace(step, declared.output_name, declared.file_path))

    def document(self, uri: str) -> Json:
        """Return the content of the document at an S3 URI."""
        return self._content(_place_of(uri, self))

    def _content(self, place: FilePlace) -> Json:
        if place not in self.files:
            raise EvaluationError(f"{place.step} {place.path}", "known only in the run")
        return self.files[place].content("")

    def current_item(self) -> Json:
        """Refuse: it differs between iterations."""
        raise EvaluationError("ForEach.CurrentItem", "known only in the run")

    def iteration_output(self, step: str) -> Json:
        """Refuse: it differs between iterations."""
        raise EvaluationError(f"IterationOutput.{step}", "known only in the run")

    def _outputs_of(self, step: Step) -> dict[str, str]:
        """Name -> S3 URI of a step's outputs; without those that depend on what only a run knows."""
        if step.name not in self._outputs:
            self._outputs[step.name] = {}  # its own place may depend on a file, whose place is looked for among outputs
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


def _located(found: JsonGet, pipeline: Pipeline, scope: ScopeBeforeRun) -> tuple[FilePlace, str]:
    """Return the place of the file that a ``Std:JsonGet`` reads, and how the command line names it.

    Raises:
        EvaluationError: Only the run knows where it is.
    """
    if isinstance(found.source, Reference):
        step, name = found.source.name, str(found.source.path[0])
        declared = next(file for file in pipeline.step(step).property_files if file.name == name)
        return FilePlace(step, declared.output_name, declared.file_path), f"{step}.{name}"
    place = _place_of(str(evaluate(found.source, scope)), scope)
    return place, f"{place.step}.{place.path}" if place.step else place.path


def _place_of(uri: str, scope: ScopeBeforeRun) -> FilePlace:
    below = [
        (len(folder), FilePlace(step, output, uri[len(folder) + 1 :]))
        for step, output, folder in scope.output_folders()
        if uri.startswith(f"{folder}/")
    ]
    if below:
        return max(below, key=lambda pair: pair[0])[1]
    if _UNKNOWN in uri:
        raise EvaluationError(uri.replace(_UNKNOWN, ""), "no output of a step is there")
    if not uri.startswith("s3://"):
        raise EvaluationError(uri, "it is no S3 URI")
    return FilePlace("", "", uri)


def comparisons(condition: Mapping[str, Json]) -> Iterator[tuple[Json, list[Json]]]:
    """Yield each operand of a condition with the operands that it is compared with."""
    if {"LeftValue", "RightValue"} <= condition.keys():
        yield condition["LeftValue"], [condition["RightValue"]]
        yield condition["RightValue"], [condition["LeftValue"]]
    values = condition.get("Values")
    if "QueryValue" in condition and isinstance(values, list) and values:
        yield condition["QueryValue"], values
        yield from ((value, [condition["QueryValue"]]) for value in values)


def files_read(
    pipeline: Pipeline, parameters: Mapping[str, Json], name: str | None = None
) -> tuple[list[ReadFile], list[str], ScopeBeforeRun]:
    """Return the files that a definition reads, notes on those that cannot be located before the run, and the scope.

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
                place, name = _located(found, pipeline, scope)
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


def _json_gets(step: Step, scope: ScopeBeforeRun) -> Iterator[tuple[JsonGet, Json, bool]]:
    """Yield what a step reads, its default, and whether that comes from a comparison."""
    compared: dict[int, Json] = {}
    for path, value in walk({_ARGUMENTS: own_arguments(step), "": step.members}):
        if not isinstance(value, dict):
            continue
        for operand, others in comparisons(value):
            compared[id(operand)] = _like(others[0], scope)
        found = parse_expression(value)
        if isinstance(found, JsonGet) and id(value) in compared:
            yield found, compared[id(value)], True
        elif isinstance(found, JsonGet):
            yield found, fitting_value(step, path[1:], found.text) if path[0] == _ARGUMENTS else 0.0, False


def _like(other: Json, scope: ScopeBeforeRun) -> Json:
    try:
        value = evaluate(other, scope)
    except EvaluationError:  # another file's value, or a property: most are numbers
        return 0.0
    if isinstance(value, bool):
        return True
    return "" if isinstance(value, str) else 0.0
