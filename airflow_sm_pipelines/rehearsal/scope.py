"""What is known of a definition before a rehearsal, as a scope in which its expressions are evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

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
from airflow_sm_pipelines.definition.traversal import walk
from airflow_sm_pipelines.errors import EvaluationError
from airflow_sm_pipelines.rehearsal.documents import OUTPUTS, PARAMETERS, FilePlace, FreeValue, ReadFile

_UNKNOWN = "\0"
"""Marks what only a run knows; no definition's own text holds it."""


class ScopeBeforeRun:
    """A scope of what is known before a run: parameters, where the outputs of jobs go, what is in the files.

    Attributes:
        parameters: The values of parameters.
        files: The files that the definition reads.
        outcomes: Those of Conditions, as far as they are known.
        variables: Those of the execution, as far as they are known.
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
        """Return what an expression reads, if a rehearsal may choose it."""
        found = parse_expression(expression) if isinstance(expression, dict) else None
        if isinstance(found, Reference) and found.namespace is Namespace.STEP and found.path[:1] == (OUTPUTS,):
            place, path = FilePlace(found.name, OUTPUTS, ""), found.path[1:]
        elif isinstance(found, Reference) and found.namespace is Namespace.PARAMETER:
            return self.parameter_value(found.name)
        elif isinstance(found, JsonGet):
            try:
                place, path = located(found, self._pipeline, self)[0], found.path
            except EvaluationError:
                return None
        else:
            return None
        file = self.files.get(place)
        return FreeValue(place, path, file) if file is not None and path in file.values else None

    def parameter_values(self) -> dict[str, Any]:
        """Return the values of all parameters."""
        return {str(path[0]): value for path, value in self.parameters.values.items()}

    def parameter_value(self, name: str) -> FreeValue:
        """Return the value of a parameter as one that may be chosen."""
        return FreeValue(PARAMETERS, (name,), self.parameters)

    def output_folders(self) -> Iterator[tuple[str, str, str]]:
        """Yield step, name and S3 URI of each output that can be told."""
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
        """Return the outcome of a Condition, the outputs of another step as far as they are known."""
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
        """Refuse: it is another one in each iteration."""
        raise EvaluationError("ForEach.CurrentItem", "known only in the run")

    def iteration_output(self, step: str) -> Json:
        """Refuse: it is another one in each iteration."""
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


def located(found: JsonGet, pipeline: Pipeline, scope: ScopeBeforeRun) -> tuple[FilePlace, str]:
    """Return where a ``Std:JsonGet`` reads, and how the command line names that file.

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
    """Yield each operand of a condition with those that it is compared with."""
    if {"LeftValue", "RightValue"} <= condition.keys():
        yield condition["LeftValue"], [condition["RightValue"]]
        yield condition["RightValue"], [condition["LeftValue"]]
    values = condition.get("Values")
    if "QueryValue" in condition and isinstance(values, list) and values:
        yield condition["QueryValue"], values
        yield from ((value, [condition["QueryValue"]]) for value in values)
