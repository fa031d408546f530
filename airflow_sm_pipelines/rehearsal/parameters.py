"""Values of pipeline parameters in a rehearsal: the given ones, the defaults, and placeholders for the rest."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_sm_pipelines.definition.expressions import Namespace
from airflow_sm_pipelines.definition.models import MISSING, Pipeline
from airflow_sm_pipelines.rehearsal.placeholders import Source, Value, placeholder_of


def rehearsal_parameters(pipeline: Pipeline, given: Mapping[str, Value]) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Return the values of all parameters, and the names of those that are placeholders.

    A placeholder is the first value of an enumeration, else what `placeholder_of` says.

    Args:
        pipeline: The definition.
        given: Values given by the user, typed.
    """
    values: dict[str, Value] = {}
    placeholders = []
    for parameter in pipeline.parameters:
        if parameter.name in given:
            values[parameter.name] = given[parameter.name]
        elif parameter.default is not MISSING:
            values[parameter.name] = parameter.default
        else:
            source = Source(Namespace.PARAMETER, parameter.name, ())
            values[parameter.name] = (
                parameter.enum_values[0]
                if parameter.enum_values
                else placeholder_of(source, parameter.name, parameter.type, pipeline)
            )
            placeholders.append(parameter.name)
    return values, tuple(placeholders)
