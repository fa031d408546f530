"""The Cleanup step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.aws.s3_objects import NoObjectUriError, delete_objects, exists, keys_below, split_uri
from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.errors import EvaluationError, RequestError, StepFailedError
from airflow_sm_pipelines.execution.identity import identify
from airflow_sm_pipelines.execution.scope import TaskScope, step_errors
from airflow_sm_pipelines.execution.xcoms import publish_properties, publish_status
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.semantics.readiness import StepStatus

_MOST_LISTED = 100
"""URIs of deleted objects that the step publishes; its log has them all."""


@dataclass(frozen=True, slots=True)
class CleanupTarget:
    """What is to be deleted.

    Attributes:
        bucket: The bucket.
        key: Key of one object, or what the keys of many begin with; never empty.
        is_prefix: Whether it is the beginning of keys.
    """

    bucket: str
    key: str
    is_prefix: bool = False

    @property
    def uri(self) -> str:
        """S3 URI of the object, or of the folder."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(slots=True)
class _Report:
    """What became of each step's outputs, in the form of ``CleanupStepMetadata``."""

    cleaned: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[tuple[str, str, str | None]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def published(self) -> dict[str, Any]:
        return {
            "CleanedSteps": self.cleaned,
            "SkippedSteps": self.skipped,
            "FailedSteps": [
                {"StepName": step, "ErrorCode": "InternalFailure" if kind else "ClientError", "ErrorMessage": reason}
                for step, reason, kind in self.failed
            ],
            "DeletedObjects": self.deleted[:_MOST_LISTED],
            "DeletedObjectCount": len(self.deleted),
        }


class CleanupOperator(StepOperator):
    """Deletes the S3 objects that it names, and the outputs of training jobs that it names without objects.

    All is looked up and checked before anything is deleted. Deleting twice does no harm, so a new try just goes on.
    """

    ui_color = "#eeeeee"

    def act(self, context: Any) -> dict[str, Any]:
        """Delete, and return what was deleted, skipped and could not be deleted.

        Raises:
            RequestError: Something that it names is no object: a whole bucket, or no S3 URI.
            StepFailedError: Something could not be deleted; the rest was.
        """
        name, report = self.plan.step.name, _Report()
        scope = TaskScope(self.settings, context, self.connection, identify(name, context).execution_id, job_names={})
        targets = self._targets(scope, report)
        self.request = {"Resources": {"S3": [_shown(step, places) for step, places in targets]}}
        client = self._s3()
        for step, places in targets:
            self._clean(client, step, places, report)
        self.log.info(
            "Deleted %s objects of %s; skipped %s",
            len(report.deleted),
            ", ".join(report.cleaned) or "no step",
            ", ".join(report.skipped) or "no step",
        )
        if not report.failed:
            return report.published()
        publish_properties(context, report.published())
        publish_status(context, StepStatus.FAILED)
        lines = "\n".join(f"    {step}: {reason}" for step, reason, _ in report.failed)
        raise StepFailedError(
            name,
            f"could not delete everything ({len(report.deleted)} objects were deleted):\n{lines}",
            exception_type=report.failed[0][2],
        )

    # -- what to delete --------------------------------------------------------------------------------------------

    def _targets(self, scope: TaskScope, report: _Report) -> list[tuple[str, list[CleanupTarget]]]:
        """Return what to delete, by step; a step whose properties are not there is skipped."""
        found = []
        for index, source in enumerate(self._sources()):
            place, step = f"Resources.S3[{index}]", str(source.get("StepName"))
            with step_errors(self.plan.step.name, place):
                try:
                    found.append((step, list(self._targets_of(source, step, scope, place))))
                except EvaluationError as error:
                    self.log.warning("Skipped %s: what is needed to find its outputs is not there: %s", step, error)
                    report.skipped.append(step)
        return found

    def _sources(self) -> Iterator[Mapping[str, Any]]:
        resources = self.plan.step.arguments.get("Resources")
        sources = resources.get("S3") if isinstance(resources, dict) else None
        for source in sources if isinstance(sources, list) else ():
            if isinstance(source, dict):
                yield source

    def _targets_of(
        self, source: Mapping[str, Any], step: str, scope: TaskScope, place: str
    ) -> Iterator[CleanupTarget]:
        if source.get("S3Uris") is None:
            yield self._outputs_of_training(step, scope, place)
            return
        uris = evaluate(source["S3Uris"], scope)
        for uri in uris if isinstance(uris, list) else [uris]:
            yield CleanupTarget(*self._split(str(uri), place))

    def _outputs_of_training(self, step: str, scope: TaskScope, place: str) -> CleanupTarget:
        """Return the folder of a training job: all its outputs are in ``<S3OutputPath>/<TrainingJobName>/``."""
        if self.settings.pipeline.step(step).type != "Training":
            kind = self.settings.pipeline.step(step).type
            raise RequestError(
                self.plan.step.name,
                f"{place}: {step} is a {kind} step, and only the outputs of a Training step can be found: name its "
                "objects in S3Uris; nothing was deleted",
            )
        properties = scope.properties(step)
        members = properties if isinstance(properties, dict) else {}
        output, job = members.get("OutputDataConfig"), members.get("TrainingJobName")
        folder = output.get("S3OutputPath") if isinstance(output, dict) else None
        if not folder or not job:
            raise EvaluationError(f"Steps.{step}", "it has published no OutputDataConfig.S3OutputPath")
        return CleanupTarget(*self._split(f"{str(folder).rstrip('/')}/{job}/", place), is_prefix=True)

    def _split(self, uri: str, place: str) -> tuple[str, str]:
        try:
            return split_uri(uri)
        except NoObjectUriError as error:
            raise RequestError(self.plan.step.name, f"{place}: {error}; nothing was deleted") from error

    # -- deleting --------------------------------------------------------------------------------------------------

    def _s3(self) -> Any:
        try:
            return self.connection.client("s3")
        except CallRefusedError as error:
            raise StepFailedError(self.plan.step.name, str(error), exception_type=error.exception_type) from error

    def _clean(self, client: Any, step: str, places: list[CleanupTarget], report: _Report) -> None:
        faults: list[str] = []
        kind: str | None = None
        for place in places:
            try:
                faults += self._delete(client, place, report)
            except CallRefusedError as error:
                kind = error.exception_type
                faults.append(f"{place.uri}: {error.in_words()}")
        if faults:
            report.failed.append((step, "; ".join(faults)[:2048], kind))
        else:
            report.cleaned.append(step)

    def _delete(self, client: Any, place: CleanupTarget, report: _Report) -> Iterator[str]:
        """Delete one target; yields why an object could not be deleted."""
        if place.is_prefix:
            keys = list(keys_below(client, place.bucket, place.key))
        else:
            keys = [place.key] if exists(client, place.bucket, place.key) else []
        if not keys:
            self.log.info("There is nothing at %s", place.uri)
        for key, fault in delete_objects(client, place.bucket, keys):
            uri = f"s3://{place.bucket}/{key}"
            if fault:
                yield f"{uri}: {fault}"
                continue
            report.deleted.append(uri)
            self.log.info("Deleted %s", uri)


def _shown(step: str, places: list[CleanupTarget]) -> dict[str, Any]:
    return {"StepName": step, "S3Uris": [place.uri for place in places]}
