"""Values of pipeline parameters that an event gives, as the rules of EventBridge write them.

Source: "Schedule Pipeline Runs" (SageMaker developer guide): a static value goes to every execution; a dynamic one is a
JSON path, such as ``$.detail.param.value``, by which EventBridge reads the value from the event. A path has names and
positions in lists ("Amazon EventBridge input transformation", EventBridge user guide). *Assumed*: a value that is no
text arrives as its JSON text, since StartPipelineExecution knows only texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from airflow_sm_pipelines.definition.json_values import Json, JsonObject, list_names
from airflow_sm_pipelines.errors import SageMakerPipelinesError

_ROOT = "$"
_PATH = re.compile(r"""\$(\.[^.\[\]'"\s]+|\[[0-9]{1,9}\]|\['[^']+'\])+""")
_PART = re.compile(r"""\.(?P<name>[^.\[\]'"]+)|\[(?P<index>[0-9]+)\]|\['(?P<quoted>[^']+)'\]""")


class EventValueError(SageMakerPipelinesError, ValueError):
    """A parameter cannot get its value from an event: its path is not valid, or leads to nothing.

    Args:
        parameter: Name of the pipeline parameter.
        reason: What is wrong, and what was found or is allowed.
    """

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter = parameter
        self.reason = reason
        super().__init__(parameter, reason)

    def __str__(self) -> str:
        return f"parameter {self.parameter}: {self.reason}"


def check_event_parameters(parameters: Mapping[str, str]) -> None:
    """Check the parameters of a DAG file.

    Args:
        parameters: Values by the name of the parameter; one that begins with ``$.`` or ``$[`` is a path.

    Raises:
        EventValueError: A value is not a text, or a path does not follow the grammar.
    """
    for name, value in parameters.items():
        if not isinstance(value, str):
            raise EventValueError(name, f"its value must be a text, not {value!r}; write {json.dumps(str(value))}")
        if _is_path(value) and not _PATH.fullmatch(value):
            allowed = "names and positions, such as $.detail.object.key or $.resources[0]"
            raise EventValueError(name, f"{value!r} is not a JSON path; allowed: {allowed}")


def event_values(parameters: Mapping[str, str], event: JsonObject) -> dict[str, str]:
    """Return the values of pipeline parameters for the run that an event starts.

    Args:
        parameters: Values by the name of the parameter; one that begins with ``$.`` or ``$[`` is a path.
        event: The event.

    Raises:
        EventValueError: A path leads to nothing.
    """
    return {name: _found(name, value, event) if _is_path(value) else value for name, value in parameters.items()}


def _is_path(value: str) -> bool:
    return value.startswith(("$.", "$["))


def _found(parameter: str, path: str, event: JsonObject) -> str:
    found: Json = event
    there = _ROOT
    for part in _PART.finditer(path):
        name = part["name"] or part["quoted"]
        if name is not None and isinstance(found, dict) and name in found:
            found = found[name]
        elif name is None and isinstance(found, list) and int(part["index"]) < len(found):
            found = found[int(part["index"])]
        else:
            raise EventValueError(parameter, f"{path} leads to nothing in the event; {there} {_what_is_there(found)}")
        there += part[0]
    if found is None:
        raise EventValueError(parameter, f"{path} is null in the event")
    return found if isinstance(found, str) else json.dumps(found)


def _what_is_there(found: Json) -> str:
    if isinstance(found, dict):
        return f"has the members {list_names(found)}"
    return f"is a list of {len(found)}" if isinstance(found, list) else f"is {json.dumps(found)}"
