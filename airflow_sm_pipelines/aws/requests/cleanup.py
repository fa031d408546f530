"""The calls by which a Cleanup step deletes S3 objects.

Deleting an object twice is no error, so a new try simply repeats the calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, StepStart
from airflow_sm_pipelines.aws.s3_objects import NoObjectUriError
from airflow_sm_pipelines.errors import AwsCallError, RequestError, UndefinedReferenceError

_MOST_KEYS = 1000
"""Keys that one DeleteObjects takes (API reference)."""

_MOST_LISTED = 100
"""URIs of deleted objects that the step publishes; its log has them all."""


@dataclass(frozen=True, slots=True)
class CleanupTarget:
    """S3 objects to delete.

    Attributes:
        bucket: Name of the bucket.
        key: Key of one object, or the prefix of many; never empty.
        is_prefix: Whether ``key`` is a prefix.
    """

    bucket: str
    key: str
    is_prefix: bool = False

    @property
    def uri(self) -> str:
        """Return the S3 URI of the object or the prefix."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(slots=True)
class CleanupReport:
    """The result for each step whose outputs are deleted, in the form of ``CleanupStepMetadata``.

    Attributes:
        targets: What to delete, by step.
        cleaned: Steps whose outputs are deleted.
        skipped: Steps whose outputs cannot be located, because the step has published nothing.
        failed: Steps whose outputs could not be deleted, each with the reason and the retry exception type, which may
            be ``None``.
        deleted: URIs of the deleted objects.
    """

    targets: list[tuple[str, list[CleanupTarget]]] = field(default_factory=list)
    cleaned: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[tuple[str, str, str | None]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def request(self) -> dict[str, Any]:
        """Return what the step deletes, with every reference resolved."""
        found = [{"StepName": step, "S3Uris": [place.uri for place in places]} for step, places in self.targets]
        return {"Resources": {"S3": found}}

    def properties(self) -> dict[str, Any]:
        """Return what the step publishes."""
        return {
            "CleanedSteps": self.cleaned,
            "SkippedSteps": self.skipped,
            "FailedSteps": [
                {
                    "StepName": step,
                    "ErrorCode": "InternalFailure" if exception_type else "ClientError",
                    "ErrorMessage": reason,
                }
                for step, reason, exception_type in self.failed
            ],
            "DeletedObjects": self.deleted[:_MOST_LISTED],
            "DeletedObjectCount": len(self.deleted),
        }


def cleanup_calls(start: StepStart, report: CleanupReport | None = None) -> Calls[None]:
    """Delete the objects that a Cleanup step lists, and all outputs of training steps for which it lists none.

    All targets are resolved and checked before anything is deleted.

    Args:
        start: The step.
        report: Where to write the results.

    Raises:
        RequestError: A target is not an S3 object, e.g. a whole bucket.
    """
    report = report or CleanupReport()
    report.targets = list(_targets(start, report))
    for step, places in report.targets:
        yield from _clean(start, step, places, report)


# -- what to delete ----------------------------------------------------------------------------------------------------


def _targets(start: StepStart, report: CleanupReport) -> Iterator[tuple[str, list[CleanupTarget]]]:
    """Yield what to delete, by step; skip steps that have published nothing."""
    for index, source in enumerate(_sources(start)):
        step = str(source.get("StepName"))
        try:
            yield step, list(_targets_of(start, source, step, f"Resources.S3[{index}]"))
        except UndefinedReferenceError as error:
            start.log.warning("Skipped %s: its outputs cannot be located: %s", step, error.message)
            report.skipped.append(step)


def _sources(start: StepStart) -> Iterator[Body]:
    resources = start.arguments.get("Resources")
    sources = resources.get("S3") if isinstance(resources, dict) else None
    for source in sources if isinstance(sources, list) else ():
        if isinstance(source, dict):
            yield source


def _targets_of(start: StepStart, source: Body, step: str, place: str) -> Iterator[CleanupTarget]:
    if source.get("S3Uris") is None:
        yield _outputs_of_training(start, step, place)
        return
    uris = start.resolve(source["S3Uris"], place, False)
    for uri in uris if isinstance(uris, list) else [uris]:
        yield CleanupTarget(*_split(start, uri if isinstance(uri, str) else str(uri), place))


def _outputs_of_training(start: StepStart, step: str, place: str) -> CleanupTarget:
    """Return the prefix of a training job's outputs: ``<S3OutputPath>/<TrainingJobName>/``."""
    step_type = start.step_types[step]
    if step_type != "Training":
        raise RequestError(
            start.step,
            f"{place}: {step} is a {step_type} step, and only the outputs of a Training step can be located: list its "
            "objects in S3Uris; nothing was deleted",
        )
    folder = start.resolve({"Get": f"Steps.{step}.OutputDataConfig.S3OutputPath"}, place, False)
    job = start.resolve({"Get": f"Steps.{step}.TrainingJobName"}, place, False)
    bucket, key = _split(start, f"{str(folder).rstrip('/')}/{job}/", place)
    return CleanupTarget(bucket, key, is_prefix=True)


def _split(start: StepStart, uri: str, place: str) -> tuple[str, str]:
    try:
        return start.object_of(uri)
    except NoObjectUriError as error:
        raise RequestError(start.step, f"{place}: {error}; nothing was deleted") from error


# -- deleting ----------------------------------------------------------------------------------------------------------


def _clean(start: StepStart, step: str, places: list[CleanupTarget], report: CleanupReport) -> Calls[None]:
    faults: list[str] = []
    exception_type: str | None = None
    for place in places:
        try:
            faults += yield from _delete(start, place, report)
        except AwsCallError as error:
            exception_type = error.exception_type
            faults.append(f"{place.uri}: {error.in_words()}")
    if faults:
        report.failed.append((step, "; ".join(faults)[:2048], exception_type))
    else:
        report.cleaned.append(step)


def _delete(start: StepStart, place: CleanupTarget, report: CleanupReport) -> Calls[list[str]]:
    """Delete one target, and return why objects of it could not be deleted."""
    keys = yield from _keys(place)
    if not keys:
        start.log.info("There is nothing at %s", place.uri)
    faults = []
    for first in range(0, len(keys), _MOST_KEYS):
        batch = keys[first : first + _MOST_KEYS]
        entries = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
        request = {"Bucket": place.bucket, "Delete": entries}
        answer = yield AwsCall("s3", "DeleteObjects", request, only_if="it exists")
        left = {error["Key"]: f"{error.get('Code')}: {error.get('Message')}" for error in answer.get("Errors", ())}
        for key in batch:
            uri = f"s3://{place.bucket}/{key}"
            if key in left:
                faults.append(f"{uri}: {left[key]}")
                continue
            report.deleted.append(uri)
            start.log.info("Deleted %s", uri)
    return faults


def _keys(place: CleanupTarget) -> Calls[list[str]]:
    """Return the keys of the existing objects of a target."""
    query: Body = {"Bucket": place.bucket, "Prefix": place.key}
    if not place.is_prefix:
        # Keys are listed in order: the key itself comes before all longer ones.
        answer = yield AwsCall("s3", "ListObjectsV2", {**query, "MaxKeys": 1})
        return [place.key] if any(entry["Key"] == place.key for entry in answer.get("Contents", ())) else []
    keys: list[str] = []
    page: Body = {}
    while True:
        answer = yield AwsCall("s3", "ListObjectsV2", {**query, **page})
        keys += (str(entry["Key"]) for entry in answer.get("Contents", ()))
        if not answer.get("NextContinuationToken"):
            return keys
        page = {"ContinuationToken": answer["NextContinuationToken"]}
