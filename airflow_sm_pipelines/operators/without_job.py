"""The steps that call AWS and wait for nothing: Cleanup and Lineage. All they do can be done again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.requests.cleanup import CleanupReport, cleanup_calls
from airflow_sm_pipelines.aws.requests.lineage import RecordedLineage, lineage_calls
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.errors import StepFailedError
from airflow_sm_pipelines.execution.xcoms import publish_properties, publish_status
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.semantics.readiness import StepStatus

if TYPE_CHECKING:
    from airflow_sm_pipelines.execution.step_run import StepRun


class CleanupOperator(StepOperator):
    """Deletes the S3 objects that it names, and the outputs of training jobs that it names without objects."""

    ui_color = "#eeeeee"

    def act(self, run: StepRun) -> JsonObject:
        """Delete, and return what was deleted, skipped and could not be deleted.

        Raises:
            RequestError: Something that it names is no object: a whole bucket, or no S3 URI.
            StepFailedError: Something could not be deleted; the rest was.
        """
        report = CleanupReport()
        run.perform(cleanup_calls(run.start(), report))
        self.request = report.request()
        self.log.info(
            "Deleted %s objects of %s; skipped %s",
            len(report.deleted),
            ", ".join(report.cleaned) or "no step",
            ", ".join(report.skipped) or "no step",
        )
        if not report.failed:
            return report.properties()
        publish_properties(run.context, report.properties())
        publish_status(run.context, StepStatus.FAILED)
        lines = "\n".join(f"    {step}: {reason}" for step, reason, _ in report.failed)
        raise StepFailedError(
            run.step,
            f"could not delete everything ({len(report.deleted)} objects were deleted):\n{lines}",
            exception_type=report.failed[0][2],
        )


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
