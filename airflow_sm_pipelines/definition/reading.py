"""Reads the JSON of a definition into a `Pipeline`, and collects every fault of form on the way.

Malformed parts are left out of the result, so that the rules of `checks` apply to the rest and the author sees all
faults at once.
"""

from __future__ import annotations

from airflow_sm_pipelines.definition.expressions import Namespace, is_expression, scan
from airflow_sm_pipelines.definition.graph import plan_steps
from airflow_sm_pipelines.definition.json_values import Json, JsonObject, describe
from airflow_sm_pipelines.definition.models import (
    MISSING,
    PARAMETER_TYPES,
    VERSION,
    Missing,
    Parameter,
    Pipeline,
)
from airflow_sm_pipelines.definition.paths import format_path
from airflow_sm_pipelines.definition.shapes import (
    ANY,
    LIST,
    OBJECT,
    STRING,
    STRING_OR_EXPRESSION,
    Faults,
    Member,
    is_name,
    one_of,
    read_members,
)
from airflow_sm_pipelines.definition.step_reading import read_steps
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import ExpressionSyntaxError, ParameterValueError

_PIPELINE = (
    Member("Version", one_of(VERSION)),
    Member("Metadata", OBJECT),
    Member("Parameters", LIST),
    Member("PipelineExperimentConfig", OBJECT, nullable=True),
    Member("MlflowConfig", OBJECT, nullable=True),
    Member("Steps", LIST, required=True),
)
_PARAMETER = (
    Member("Name", STRING, required=True),
    Member("Type", one_of(*PARAMETER_TYPES)),
    Member("DefaultValue", ANY),
    Member("EnumValues", LIST),
    Member("Description", STRING),
)
_EXPERIMENT_CONFIG = (Member("ExperimentName", STRING_OR_EXPRESSION), Member("TrialName", STRING_OR_EXPRESSION))
_MLFLOW_CONFIG = (
    Member("MlflowResourceArn", STRING_OR_EXPRESSION, required=True),
    Member("MlflowExperimentName", STRING_OR_EXPRESSION, nullable=True),
)

# botocore: PipelineParameterName, and ParameterList of StartPipelineExecution.
_LONGEST_NAME = 256
_MOST_PARAMETERS = 200

# A default is a JSON value of the parameter's type: unlike a start value, "3" is not an Integer.
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int, float),
    "Float": (int, float),
    "Boolean": (bool,),
}


def read_pipeline(document: Json, source: str, digest: str, faults: Faults) -> Pipeline:
    """Return the pipeline that a definition describes, as far as it is well formed.

    Args:
        document: The definition.
        source: Where it came from.
        digest: Its digest.
        faults: Where faults are noted.
    """
    members = read_members(document, "", _PIPELINE, faults, noun="a pipeline definition")
    steps = members.get("Steps")
    if steps == []:
        faults.add("Steps", "a pipeline needs at least one step")
    read = read_steps(steps if isinstance(steps, list) else [], faults)
    return Pipeline(
        version=VERSION,
        metadata=_read_metadata(members.get("Metadata", {}), faults),
        parameters=_read_parameters(members.get("Parameters", []), faults),
        experiment_config=_read_config(members, "PipelineExperimentConfig", _EXPERIMENT_CONFIG, faults),
        mlflow_config=_read_config(members, "MlflowConfig", _MLFLOW_CONFIG, faults),
        steps=read,
        plans=plan_steps(read),
        digest=digest,
        source=source,
    )


def _read_metadata(value: Json, faults: Faults) -> dict[str, str]:
    metadata = {}
    for name, text in value.items() if isinstance(value, dict) else ():
        if isinstance(text, str):
            metadata[name] = text
        else:
            faults.add(format_path((name,), "Metadata"), f"expected a string, found {describe(text)}")
    return metadata


def _read_config(members: JsonObject, name: str, shape: tuple[Member, ...], faults: Faults) -> JsonObject | None:
    """Return a config of the whole pipeline, whose expressions know neither steps nor loops.

    An absent one and ``null`` are the same (developer guide, "Disable Experiments Integration"): the SDK writes its
    defaults out, and leaves nothing to the service.
    """
    value = members.get(name)
    if not isinstance(value, dict):
        return None
    config = read_members(value, name, shape, faults, noun=f"a {name}")
    for path, found in scan(config):
        place = format_path(path, name)
        if isinstance(found, ExpressionSyntaxError):
            faults.add(place, found.message, found.hint)
        elif found.namespace not in (Namespace.PARAMETER, Namespace.EXECUTION) or found.name.endswith("JobName"):
            faults.add(place, f"`{found}`: {name} is resolved before any step runs", "use Parameters or Execution")
    return config


def _read_parameters(values: Json, faults: Faults) -> tuple[Parameter, ...]:
    entries = values if isinstance(values, list) else []
    if len(entries) > _MOST_PARAMETERS:
        faults.add(
            "Parameters", f"a pipeline can have at most {_MOST_PARAMETERS} parameters; this one has {len(entries)}"
        )
    read = (_read_parameter(entry, f"Parameters[{index}]", faults) for index, entry in enumerate(entries))
    return tuple(parameter for parameter in read if parameter is not None)


def _read_parameter(value: Json, path: str, faults: Faults) -> Parameter | None:
    members = read_members(value, path, _PARAMETER, faults, noun="a parameter")
    name = members.get("Name")
    if not isinstance(name, str):
        return None
    if not is_name(name, _LONGEST_NAME):
        faults.add(
            f"{path}.Name",
            f"{name!r} is not a valid parameter name: use 1 to 256 letters, digits, hyphens or underscores",
        )
    declared, description = members.get("Type", "String"), members.get("Description")
    parameter_type = str(declared)
    values = members.get("EnumValues")
    allowed = None
    if isinstance(values, list):
        typed = (_typed(entry, parameter_type, f"{path}.EnumValues[{i}]", faults) for i, entry in enumerate(values))
        allowed = tuple(entry for entry in typed if not isinstance(entry, Missing))
        if not values:
            faults.add(f"{path}.EnumValues", "EnumValues needs at least one value")
    default: str | int | float | bool | Missing = MISSING
    if "DefaultValue" in members:
        default = _typed(members["DefaultValue"], parameter_type, f"{path}.DefaultValue", faults)
    if allowed and default is not MISSING and default not in allowed:
        hint = did_you_mean(str(default), [str(entry) for entry in allowed])
        faults.add(f"{path}.DefaultValue", f"{describe(members['DefaultValue'])} is not one of EnumValues", hint)
    return Parameter(
        name, parameter_type, default, allowed, description if isinstance(description, str) else None, path
    )


def _typed(value: Json, parameter_type: str, path: str, faults: Faults) -> str | int | float | bool | Missing:
    right_type = isinstance(value, _PYTHON_TYPES[parameter_type]) and (
        parameter_type == "Boolean" or not isinstance(value, bool)
    )
    try:
        if right_type:
            return Parameter("", parameter_type).coerce(value)
    except ParameterValueError:
        pass
    if is_expression(value):
        faults.add(path, "a parameter value must be a literal, not an expression")
    else:
        faults.add(path, f"expected a value of type {parameter_type}, found {describe(value)}")
    return MISSING
