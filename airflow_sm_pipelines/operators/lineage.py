"""The Lineage step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.requests.lineage import RecordedLineage, lineage_calls
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.errors import StepFailedError
from airflow_sm_pipelines.execution.xcoms import publish_properties
from airflow_sm_pipelines.operators.base import StepOperator

if TYPE_CHECKING:
    from airflow_sm_pipelines.execution.step_run import StepRun


class LineageOperator(StepOperator):
    """Records actions, artifacts, contexts and their associations; its properties are their ARNs by name.

    Nothing waits, and everything can be done again: what an earlier try, or an earlier run, has recorded is found.
    """

    ui_color = "#d0e0d0"

    def act(self, run: StepRun) -> JsonObject:
        """Record everything in the order of the definition's kinds: entities first, then associations."""
        recorded = RecordedLineage()
        try:
            run.perform(lineage_calls(run.start(), recorded))
        except StepFailedError:
            publish_properties(run.context, recorded.properties)
            raise
        finally:
            self.request = recorded.arguments or self.request
        return recorded.properties
