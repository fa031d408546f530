"""Placeholders: a definition's values as far as they are known before a run, and names for the rest.

``{"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}`` becomes ``<Steps.Train.ModelArtifacts.S3ModelArtifacts>``;
parameters become their values; a Join is joined around its placeholders.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_sm_pipelines.definition.expressions import Join, JsonGet, Namespace, Reference, parse_expression
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import MISSING, Missing, Pipeline

_EXPERIMENT_DEFAULTS = {"ExperimentName": "<Execution.PipelineName>", "TrialName": "<Execution.PipelineExecutionId>"}


class Placeholder(str):
    """A text that stands for, or holds, something known only at run time."""

    __slots__ = ()


class KnownValues:
    """What is known of a pipeline before it runs.

    Args:
        pipeline: The definition.
        parameters: Values of parameters, in their own types; the definition's defaults are used for the others.
    """

    def __init__(self, pipeline: Pipeline, parameters: Mapping[str, str | int | float | bool]) -> None:
        self._experiment_config = pipeline.experiment_config
        self.parameters: dict[str, Json] = {
            entry.name: parameters.get(entry.name, _default(entry.name, entry.default)) for entry in pipeline.parameters
        }

    def fill(self, value: Json, *, payload: bool = False) -> Json:
        """Return a JSON tree with every expression replaced by its value or a placeholder.

        Args:
            value: Any JSON value of the definition; it is not changed.
            payload: The value belongs to the payload of a Lambda or Callback step.
        """
        expression = parse_expression(value, payload=payload)
        if isinstance(expression, Reference):
            return self._reference(expression)
        if isinstance(expression, Join):
            return self._join(expression)
        if isinstance(expression, JsonGet):
            return self._json_get(expression)
        if isinstance(value, dict):
            return {key: self.fill(member, payload=payload) for key, member in value.items()}
        if isinstance(value, list):
            return [self.fill(element, payload=payload) for element in value]
        return value

    def _reference(self, reference: Reference) -> Json:
        if reference.namespace is Namespace.PARAMETER:
            return self.parameters[reference.name]
        if reference.namespace is Namespace.EXPERIMENT:
            return self._experiment(reference.name)
        return Placeholder(f"<{reference.text}>")

    def _experiment(self, member: str) -> Json:
        config = self._experiment_config
        if isinstance(config, dict) and member in config:
            return self.fill(config[member])
        return Placeholder(_EXPERIMENT_DEFAULTS[member])

    def _join(self, join: Join) -> str:
        parts = [self.fill(part) for part in join.values]
        joined = join.separator.join(map(_text, parts))
        return Placeholder(joined) if any(isinstance(part, Placeholder) for part in parts) else joined

    def _json_get(self, found: JsonGet) -> Placeholder:
        source = found.source.text if isinstance(found.source, Reference) else _text(self.fill(found.source))
        return Placeholder(f"<{source} {found.text}>")


def _default(name: str, default: str | int | float | bool | Missing) -> Json:
    return Placeholder(f"<Parameters.{name}>") if default is MISSING else default


def _text(part: Json) -> str:
    """Write a part as `airflow_sm_pipelines.definition.expressions.evaluate` does in a Join."""
    if isinstance(part, bool):
        return "true" if part else "false"
    return part if isinstance(part, str) else repr(part)
