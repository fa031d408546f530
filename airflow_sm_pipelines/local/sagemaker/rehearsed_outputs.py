"""What jobs put out in a rehearsal: the same places and forms as on AWS, content that says what it is."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from airflow_sm_pipelines.local.jobs.container import JobFailure, S3Archive
from airflow_sm_pipelines.local.jobs.rehearsed_job import RehearsedWork, SyntheticObject
from airflow_sm_pipelines.local.jobs.s3_transfer import split_uri
from airflow_sm_pipelines.local.rehearsal import NOTE, StepFiles
from airflow_sm_pipelines.local.sagemaker import processing_container, training_container, transform_container
from airflow_sm_pipelines.local.sagemaker.job_table import Job

LABEL_FILE = "rehearsal.json"
"""The file in each output that says where it comes from."""


def rehearse_processing(job: Job, files: StepFiles) -> RehearsedWork:
    """A processing job: in each output the label, and the documents that its step was given."""

    def outputs(_: Any) -> tuple[SyntheticObject, ...]:
        return tuple(_processing_outputs(job, files))

    return RehearsedWork(processing_container.LOG_GROUP, processing_container.log_stream(job), outputs)


def rehearse_training(job: Job, files: StepFiles) -> RehearsedWork:
    """A training job: a model that holds only the label, 0 for each metric that it would look for.

    Documents of its step are below the request's ``OutputDataConfig.S3OutputPath``, where scripts put results.
    """

    def outputs(_: Any) -> tuple[SyntheticObject, ...]:
        return (*_training_outputs(job), *_own_results(job, files))

    metrics = tuple(one.name for one in training_container.metric_definitions(job.request))
    return RehearsedWork(training_container.LOG_GROUP, training_container.log_stream(job), outputs, metrics)


def rehearse_transform(job: Job, _: StepFiles) -> RehearsedWork:
    """A transform job: one ``.out`` file for each input, which holds only the label."""

    def outputs(s3: Any) -> tuple[SyntheticObject, ...]:
        source = job.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        folder = job.request["TransformOutput"]["S3OutputPath"]
        names = _names_below(s3, source) or [LABEL_FILE]
        return tuple(_in_folder(folder, f"{name}.out", _label(job, "TransformOutput")) for name in names)

    return RehearsedWork(transform_container.LOG_GROUP, transform_container.log_stream(job), outputs)


def _processing_outputs(job: Job, files: StepFiles) -> Iterator[SyntheticObject]:
    for entry in job.request.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        if "S3Output" not in entry:  # a feature group: nothing of it is in S3
            continue
        name, folder = entry["OutputName"], entry["S3Output"]["S3Uri"]
        contents: Mapping[str, Any] = {LABEL_FILE: _label(job, name), **files.get(name, {})}
        for path, content in contents.items():
            yield _in_folder(folder, path, content)


def _training_outputs(job: Job) -> Iterator[SyntheticObject]:
    label = _label(job, "model")
    archives = list(training_container.archives(job))
    for archive in archives:
        yield SyntheticObject(archive.uri, _tar_gz(archive, label))
    if not archives:
        yield _in_folder(training_container.model_uri(job), LABEL_FILE, label)
    if checkpoints := job.request.get("CheckpointConfig"):
        yield _in_folder(checkpoints["S3Uri"], LABEL_FILE, _label(job, "checkpoints"))


def _own_results(job: Job, files: StepFiles) -> Iterator[SyntheticObject]:
    for path, content in files.get("OutputDataConfig", {}).items():
        yield _in_folder(job.request["OutputDataConfig"]["S3OutputPath"], path, content)


def _tar_gz(archive: S3Archive, label: Mapping[str, Any]) -> bytes:
    stream, data = io.BytesIO(), _json({**label, "output": archive.name})
    with tarfile.open(fileobj=stream, mode="w:gz") as file:
        member = tarfile.TarInfo(LABEL_FILE)
        member.size = len(data)
        file.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _label(job: Job, output: str) -> dict[str, Any]:
    return {"note": NOTE, "job": job.key.arn, "output": output}


def _in_folder(folder: str, path: str, content: Any) -> SyntheticObject:
    return SyntheticObject(f"{folder.rstrip('/')}/{path}", _json(content))


def _json(content: Any) -> bytes:
    return json.dumps(content, indent=2).encode()


def _names_below(s3: Any, uri: str) -> list[str]:
    """Names of the inputs of a transform job; none if there is nothing, which does not matter in a rehearsal."""
    try:
        bucket, prefix = split_uri(uri)
        found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
    except (JobFailure, ClientError, ParamValidationError):
        return []
    folder = prefix if prefix.endswith("/") else prefix.rpartition("/")[0]
    keys = [entry["Key"] for entry in found.get("Contents", ()) if not entry["Key"].endswith("/")]
    return [key.removeprefix(prefix).lstrip("/") or key.removeprefix(folder).lstrip("/") for key in keys]
