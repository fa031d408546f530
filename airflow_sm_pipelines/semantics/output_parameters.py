"""The outputs of a Lambda or Callback step: what it declares against what was returned.

Source: developer guide, "Lambda step" and "Callback step": every declared output must be returned, and nested values
are a single string of JSON. That undeclared keys are ignored, that null is no value, and that a number or boolean for a
String output becomes its JSON text is *assumed* (docs/semantics.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from airflow_sm_pipelines.definition.json_values import JsonObject, list_names
from airflow_sm_pipelines.definition.models import Parameter, describe_value, expected_type
from airflow_sm_pipelines.errors import OutputParametersError, ParameterValueError


def typed_outputs(declared: Sequence[Mapping[str, object]], returned: Mapping[str, object]) -> JsonObject:
    """Return the declared outputs with their values, each of its declared type.

    Args:
        declared: The step's ``OutputParameters`` of the definition: ``{"OutputName": …, "OutputType": …}`` each; one
            without a type is a String.
        returned: Value by name, as plain JSON; a text is read as the declared type.

    Raises:
        OutputParametersError: Outputs are missing, or of another type; all of them at once.
    """
    outputs: JsonObject = {}
    missing: list[str] = []
    faults: list[str] = []
    for entry in declared:
        name, output_type = str(entry["OutputName"]), str(entry.get("OutputType") or "String")
        value = returned.get(name)
        if value is None:
            missing.append(name)
            continue
        try:
            outputs[name] = Parameter(name, output_type).coerce(_text(value) if output_type == "String" else value)
        except ParameterValueError:
            faults.append(
                f"the output {name!r} is declared as {output_type} ({expected_type(output_type, value)}), "
                f"but is {describe_value(value)}"
            )
    if missing:
        noun, verb = ("output", "was") if len(missing) == 1 else ("outputs", "were")
        given = [name for name, value in returned.items() if value is not None]
        there = f"returned: {list_names(given)}" if given else "nothing was returned"
        faults.insert(0, f"the declared {noun} {list_names(missing)} {verb} not returned ({there})")
    if faults:
        raise OutputParametersError("; ".join(faults))
    return outputs


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
