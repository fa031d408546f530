"""What jobs put out in a rehearsal: the same places and forms as on AWS, content that says what it is."""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from airflow_sm_pipelines.local.jobs.container import JobFailure, S3Archive
from airflow_sm_pipelines.local.jobs.rehearsed_job import RehearsedWork, SyntheticObject
from airflow_sm_pipelines.local.jobs.s3_transfer import split_uri
from airflow_sm_pipelines.local.rehearsal import NOTE, StepFiles
from airflow_sm_pipelines.local.services.sagemaker import processing_container, training_container, transform_container
from airflow_sm_pipelines.local.services.sagemaker.job_table import Job
from airflow_sm_pipelines.local.services.sagemaker.rehearsed_checks import check_documents, found_violation
from airflow_sm_pipelines.local.services.sagemaker.tuning_trials import OBJECTIVE_HYPERPARAMETER

LABEL_FILE = "rehearsal.json"
"""The file in each output that says where it comes from."""


def rehearse_processing(job: Job, files: StepFiles) -> RehearsedWork:
    """A processing job: in each output the label, and the documents that its step was given."""

    def outputs(_: Any) -> tuple[SyntheticObject, ...]:
        return tuple(_processing_outputs(job, files))

    findings = tuple(
        _in_folder(folder, path, content)
        for _, folder in _output_folders(job)
        for path, content in found_violation(job.request).items()
    )
    stream = processing_container.log_stream(job)
    return RehearsedWork(processing_container.LOG_GROUP, stream, outputs, findings=findings)


def rehearse_training(job: Job, files: StepFiles) -> RehearsedWork:
    """A training job: a model that holds only the label, 0 for each metric that it would look for.

    The objective of a tuning job's trial is drawn from its hyperparameters instead, so that there is a best one.

    Documents of its step are below the request's ``OutputDataConfig.S3OutputPath``, where scripts put results.
    """

    def outputs(_: Any) -> tuple[SyntheticObject, ...]:
        return (*_training_outputs(job), *_own_results(job, files))

    values = _objective_values(job)
    metrics = [one.name for one in training_container.metric_definitions(job.request)]
    metrics += [name for name in values if name not in metrics]
    stream = training_container.log_stream(job)
    return RehearsedWork(training_container.LOG_GROUP, stream, outputs, tuple(metrics), values=values)


def _objective_values(job: Job) -> dict[str, float]:
    """The value of a trial's objective, from 0 to 1: the same for the same hyperparameters."""
    hyperparameters = job.request.get("HyperParameters", {})
    if not job.origin or OBJECTIVE_HYPERPARAMETER not in hyperparameters:
        return {}
    text = json.dumps(hyperparameters, sort_keys=True)
    return {hyperparameters[OBJECTIVE_HYPERPARAMETER]: round(zlib.crc32(text.encode()) / 2**32, 6)}


def rehearse_transform(job: Job, _: StepFiles) -> RehearsedWork:
    """A transform job: one ``.out`` file for each input, which holds only the label."""

    def outputs(s3: Any) -> tuple[SyntheticObject, ...]:
        source = job.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        folder = job.request["TransformOutput"]["S3OutputPath"]
        names = _names_below(s3, source) or [LABEL_FILE]
        return tuple(_in_folder(folder, f"{name}.out", _label(job, "TransformOutput")) for name in names)

    return RehearsedWork(transform_container.LOG_GROUP, transform_container.log_stream(job), outputs)


def _processing_outputs(job: Job, files: StepFiles) -> Iterator[SyntheticObject]:
    for name, folder in _output_folders(job):
        contents: dict[str, Any] = {LABEL_FILE: _label(job, name), **check_documents(job.request)}
        for path, content in files.get(name, {}).items():
            both = [contents.get(path), content]
            contents[path] = {**both[0], **both[1]} if all(isinstance(one, dict) for one in both) else content
        for path, content in contents.items():
            yield _in_folder(folder, path, content)


def _output_folders(job: Job) -> Iterator[tuple[str, str]]:
    """Name and S3 URI of each output of a processing job; nothing of a feature group is in S3."""
    for entry in job.request.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        if "S3Output" in entry:
            yield entry["OutputName"], entry["S3Output"]["S3Uri"]


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
