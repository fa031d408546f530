"""Pipeline parameters as Airflow params, and checks of the values that a DAG file gives them. Runs at parse time.

``StartPipelineExecution`` knows only texts, so what starts a pipeline often sends ``"3"`` for an Integer. The param of
such a parameter takes both, and its form field is that of its type. Airflow's form goes by the member ``type`` of the
JSON Schema, and shows a text area for two types. What is valid is therefore said in a definition to which ``$ref``
leads: up to draft 7 of JSON Schema, the members beside ``$ref`` do not count.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from airflow.sdk import Param

from airflow_sm_pipelines.definition.models import MISSING, TYPE_IN_WORDS, Parameter, Pipeline
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import DefinitionError, ParameterValueError

_PARAM_TYPES = {"String": "string", "Integer": "integer", "Float": "number", "Boolean": "boolean"}
# The texts that `Parameter.coerce` takes, without spaces around them.
_TEXT_PATTERNS = {
    "Integer": "^[+-]?[0-9]+$",
    "Float": "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$",
    "Boolean": "^(true|false|True|False|TRUE|FALSE)$",
}
_IN_DAG_FILE = "parameters= in the DAG file"
_DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def wrong_values(pipeline: Pipeline, values: Mapping[str, object]) -> list[DefinitionError]:
    """Return an error for each value of a DAG file that does not fit its pipeline parameter."""
    declared = {parameter.name: f"Parameters[{index}]" for index, parameter in enumerate(pipeline.parameters)}
    errors = []
    for name, value in values.items():
        if name not in declared:
            hint = did_you_mean(name, declared) or f"it declares: {', '.join(declared) or 'none'}"
            errors.append(
                DefinitionError("Parameters", f"{_IN_DAG_FILE}: the pipeline declares no parameter {name}", hint)
            )
            continue
        try:
            pipeline.parameter(name).coerce(value)
        except ParameterValueError as error:
            errors.append(DefinitionError(declared[name], f"{_IN_DAG_FILE}: {error}"))
    return sorted(errors, key=lambda error: error.path)


SCHEDULED = ("so a scheduled run cannot start", "or remove the schedule")
IN_A_GROUP = ("and the DAG has no param of that name", "or add such a param to the DAG")


def missing_values(pipeline: Pipeline, values: Collection[str], circumstance: tuple[str, str]) -> list[DefinitionError]:
    """Return an error for each parameter that has no value in some run.

    Args:
        pipeline: The pipeline.
        values: Names of the parameters that have one besides their default.
        circumstance: `SCHEDULED` or `IN_A_GROUP`: why a value is needed, and another remedy.
    """
    consequence, remedy = circumstance
    return [
        DefinitionError(
            f"Parameters[{index}]",
            f"parameter {parameter.name} has no default value, {consequence}",
            f"pass parameters={{{parameter.name!r}: ...}}, {remedy}",
        )
        for index, parameter in enumerate(pipeline.parameters)
        if parameter.default is MISSING and parameter.name not in values
    ]


def redefined_parameters(pipeline: Pipeline, params: Mapping[str, object]) -> list[DefinitionError]:
    """Return an error for each pipeline parameter that the DAG's own params redefine."""
    return [
        DefinitionError(
            f"Parameters[{index}]",
            f"params= redefines the pipeline parameter {parameter.name}",
            "give its value in parameters={...}; params= is for Airflow params of your own",
        )
        for index, parameter in enumerate(pipeline.parameters)
        if parameter.name in params
    ]


def airflow_params(pipeline: Pipeline, values: Mapping[str, object]) -> dict[str, Param]:
    """Return the pipeline's parameters as DAG params, with type, enumeration, description and default.

    Args:
        pipeline: The pipeline.
        values: Values that replace defaults.
    """
    return {parameter.name: _param(parameter, values) for parameter in pipeline.parameters}


def _param(parameter: Parameter, values: Mapping[str, object]) -> Param:
    schema: dict[str, Any] = {"type": _PARAM_TYPES[parameter.type]}
    if parameter.enum_values is not None:
        schema["enum"] = list(parameter.enum_values)
    if parameter.type != "String":
        schema |= {
            "$schema": _DRAFT_7,
            "$ref": "#/definitions/value",
            "definitions": {"value": _value_or_text(parameter)},
        }
    if parameter.description:
        schema["description"] = parameter.description
    if parameter.name in values:
        return Param(parameter.coerce(values[parameter.name]), **schema)
    return Param(**schema) if parameter.default is MISSING else Param(parameter.default, **schema)


def _value_or_text(parameter: Parameter) -> dict[str, Any]:
    """Return the schema of a typed parameter's values, and of the texts that stand for them."""
    said = {"description": f"{TYPE_IN_WORDS[parameter.type]}, or its text"}
    if parameter.enum_values is None:
        return {**said, "type": [_PARAM_TYPES[parameter.type], "string"], "pattern": _TEXT_PATTERNS[parameter.type]}
    texts = {text: None for value in parameter.enum_values for text in (json.dumps(value), str(value))}
    return {**said, "enum": [*parameter.enum_values, *texts]}
