"""Values that a user gives for expressions when no pipeline runs, read from a scope file.

A scope file is a JSON object; every member is optional::

    {"parameters": {NAME: value},           the others have the defaults of the definition
     "execution": {VARIABLE: value},        PipelineName, PipelineExecutionId ...
     "steps": {STEP: properties},           as a Describe response has them; Condition: {"Outcome": true}
     "files": {S3URI: JSON},                what both forms of Std:JsonGet read
     "current_item": JSON}                  the item of the loop around a step
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.definition.json_text import decode
from airflow_sm_pipelines.definition.json_values import Json, JsonObject, list_names
from airflow_sm_pipelines.definition.models import MISSING, Missing, Pipeline
from airflow_sm_pipelines.definition.property_files import property_file_uri
from airflow_sm_pipelines.definition.references import EXPERIMENT_DEFAULTS
from airflow_sm_pipelines.definition.shapes import ANY, OBJECT, Faults, Member, read_members
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import EvaluationError, ParameterValueError

_SCOPE = (
    *(Member(name, OBJECT) for name in ("parameters", "execution", "steps", "files")),
    Member("current_item", ANY),
)


@dataclass(frozen=True, slots=True)
class GivenValues:
    """The content of a scope file.

    Attributes:
        parameters: Values of pipeline parameters; typed or, as `StartPipelineExecution` has them, texts.
        execution: Execution variable -> value.
        steps: Step -> its properties.
        files: S3 URI -> JSON document.
        current_item: The current item of a ForEach.
    """

    parameters: JsonObject = field(default_factory=dict)
    execution: JsonObject = field(default_factory=dict)
    steps: JsonObject = field(default_factory=dict)
    files: JsonObject = field(default_factory=dict)
    current_item: Json | Missing = MISSING


def typed_parameters(pipeline: Pipeline, given: Mapping[str, object]) -> dict[str, str | int | float | bool]:
    """Return given values of parameters, each in its parameter's type.

    Raises:
        ParameterValueError: The definition has no such parameter, or the value does not fit it.
    """
    declared = {parameter.name: parameter for parameter in pipeline.parameters}
    values = {}
    for name, value in given.items():
        if name not in declared:
            hint = did_you_mean(name, declared) or f"it declares {', '.join(declared) or 'none'}"
            raise ParameterValueError(f"the definition declares no parameter {name!r} ({hint})")
        values[name] = declared[name].coerce(value)
    return values


def read_given_values(text: str, faults: Faults) -> GivenValues:
    """Return the content of a scope file.

    Args:
        text: The text of the file.
        faults: Where faults are noted; if there are any, ignore the result.
    """
    document = decode(text, "", faults)
    if faults:
        return GivenValues()
    members = read_members(document, "", _SCOPE, faults, noun="a scope")
    objects = {
        name: cast("JsonObject", members.get(name, {})) for name in ("parameters", "execution", "steps", "files")
    }
    return GivenValues(**objects, current_item=members.get("current_item", MISSING))


class GivenScope:
    """A `airflow_sm_pipelines.definition.expressions.Scope` over given values.

    Args:
        pipeline: The definition whose expressions are evaluated.
        given: The values.
    """

    def __init__(self, pipeline: Pipeline, given: GivenValues) -> None:
        self._pipeline = pipeline
        self._given = given

    def unused(self) -> list[str]:
        """Return a sentence for each given parameter or step that the definition does not have."""
        steps = [step.name for step in self._pipeline.steps]
        parameters = [parameter.name for parameter in self._pipeline.parameters]
        sentences = []
        for noun, given, known in (
            ("parameter", self._given.parameters, parameters),
            ("step", self._given.steps, steps),
        ):
            for name in given:
                if name not in known:
                    near = did_you_mean(name, known)
                    sentences.append(f"the definition has no {noun} {name!r}" + (f" ({near})" if near else ""))
        return sentences

    def parameter(self, name: str) -> Json:
        """Return the given value in the parameter's own type, or the definition's default."""
        parameter = self._pipeline.parameter(name)
        if name not in self._given.parameters:
            if isinstance(parameter.default, Missing):
                raise EvaluationError(f"Parameters.{name}", "the scope gives no value, and there is no default")
            return parameter.default
        try:
            return parameter.coerce(self._given.parameters[name])
        except ParameterValueError as error:
            raise EvaluationError(f"Parameters.{name}", str(error)) from error

    def execution(self, variable: str) -> Json:
        """Return the given value of an execution variable."""
        return _given(self._given.execution, variable, f"Execution.{variable}", "execution")

    def experiment(self, member: str) -> Json:
        """Return the resolved member of the definition's ``PipelineExperimentConfig``, or the service's default."""
        config = self._pipeline.experiment_config
        if config is None:
            raise EvaluationError(f"PipelineExperimentConfig.{member}", "the definition has none")
        if member not in config:
            return self.execution(EXPERIMENT_DEFAULTS[member])
        return evaluate(config[member], self)

    def properties(self, step: str) -> Json:
        """Return the given properties of a step."""
        return _given(self._given.steps, step, f"Steps.{step}", "steps")

    def property_file(self, step: str, name: str) -> Json:
        """Return the given file at the place that the step's properties give for the property file."""
        return self.document(property_file_uri(self._pipeline.step(step), name, self.properties(step)))

    def document(self, uri: str) -> Json:
        """Return the given file at an S3 URI."""
        return _given(self._given.files, uri, uri, "files")

    def current_item(self) -> Json:
        """Return the given current item."""
        if isinstance(self._given.current_item, Missing):
            raise EvaluationError("ForEach.CurrentItem", "the scope has no `current_item`")
        return self._given.current_item

    def iteration_output(self, step: str) -> Json:
        """Return the given properties of a body step, the same for each iteration."""
        return _given(self._given.steps, step, f"IterationOutput.{step}", "steps")


def _given(values: Mapping[str, Json], name: str, reference: str, member: str) -> Json:
    if name in values:
        return values[name]
    there = f"it has {list_names(values)}" if values else "it is empty"
    near = did_you_mean(name, values)
    hint = f" ({near})" if near else ""
    raise EvaluationError(reference, f"`{member}` of the scope has no {name!r}; {there}{hint}")
