"""The template field of every step: text from a definition, which Airflow must not render."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_sm_pipelines.definition.json_values import Json

if TYPE_CHECKING:
    from airflow.sdk import Context


class UnresolvedRequest:
    """Text from a definition that Airflow must not render.

    Airflow renders template fields before ``execute()``: Jinja would eat braces, and a reference into a branch that
    was not taken would fail the task before its gate could skip it. An object with a ``resolve`` method is taken as
    it is; the step resolves the request itself and puts it in this object's place.

    Args:
        body: The request as the definition has it.
    """

    def __init__(self, body: Json) -> None:
        self.body = body

    def resolve(self, context: Context) -> UnresolvedRequest:
        """Return itself: nothing is rendered."""
        return self

    def serialize(self) -> Json:
        """Return what the UI shows until the step has resolved the request; runs in the DAG processor, too."""
        return self.body
