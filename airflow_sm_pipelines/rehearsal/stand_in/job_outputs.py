"""The outputs of jobs in a rehearsal: the same places and forms as on AWS, content that says what it is."""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.local.jobs.container import JobFailure
from airflow_sm_pipelines.local.jobs.s3_transfer import split_uri
from airflow_sm_pipelines.local.services.sagemaker.containers import processing as processing_container
from airflow_sm_pipelines.local.services.sagemaker.containers import training as training_container
from airflow_sm_pipelines.local.services.sagemaker.containers import transform as transform_container
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job
from airflow_sm_pipelines.local.services.sagemaker.tuning.trials import OBJECTIVE_HYPERPARAMETER
from airflow_sm_pipelines.rehearsal.stand_in.check_outputs import check_documents, found_violation
from airflow_sm_pipelines.rehearsal.stand_in.job_descriptions import (
    candidate_explainability,
    candidate_insights,
    candidate_model,
    customization_document,
)
from airflow_sm_pipelines.rehearsal.stand_in.job_work import SyntheticObject, SyntheticWork
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import NOTE, StepFiles

if TYPE_CHECKING:
    from botocore.client import BaseClient

LABEL_FILE = "rehearsal.json"
"""The file in each output that tells its origin."""


def _processing(job: Job, files: StepFiles) -> SyntheticWork:
    """Return the work of a processing job: in each output the label, and the documents that its step was given."""

    def outputs(_: BaseClient) -> tuple[SyntheticObject, ...]:
        return tuple(_processing_outputs(job, files))

    findings = tuple(
        SyntheticObject.of_json(folder, path, content)
        for _, folder in _output_folders(job)
        for path, content in found_violation(job.request).items()
    )
    stream = processing_container.log_stream(job)
    return SyntheticWork(processing_container.LOG_GROUP, stream, outputs, findings=findings)


def _training(job: Job, files: StepFiles) -> SyntheticWork:
    """Return the work of a training job: a model that holds only the label, 0 for each metric that it would look for.

    The objective of a tuning job's trial is drawn from its hyperparameters instead, so that there is a best one.

    Documents of its step are below the request's ``OutputDataConfig.S3OutputPath``, where scripts put results.
    """

    def outputs(_: BaseClient) -> tuple[SyntheticObject, ...]:
        return (*_training_outputs(job), *_own_results(job, files))

    values = _objective_values(job)
    metrics = [one.name for one in training_container.metric_definitions(job.request)]
    metrics += [name for name in values if name not in metrics]
    stream = training_container.log_stream(job)
    return SyntheticWork(training_container.LOG_GROUP, stream, outputs, tuple(metrics), values=values)


def _objective_values(job: Job) -> dict[str, float]:
    """Return the value of a trial's objective, from 0 to 1: the same for the same hyperparameters."""
    hyperparameters = job.request.get("HyperParameters", {})
    if not job.origin or OBJECTIVE_HYPERPARAMETER not in hyperparameters:
        return {}
    text = json.dumps(hyperparameters, sort_keys=True)
    return {hyperparameters[OBJECTIVE_HYPERPARAMETER]: round(zlib.crc32(text.encode()) / 2**32, 6)}


def _transform(job: Job, _: StepFiles) -> SyntheticWork:
    """Return the work of a transform job: one ``.out`` file for each input, which holds only the label."""

    def outputs(s3: BaseClient) -> tuple[SyntheticObject, ...]:
        source = job.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        folder = job.request["TransformOutput"]["S3OutputPath"]
        names = _names_below(s3, source) or [LABEL_FILE]
        return tuple(SyntheticObject.of_json(folder, f"{name}.out", _label(job, "TransformOutput")) for name in names)

    return SyntheticWork(transform_container.LOG_GROUP, transform_container.log_stream(job), outputs)


def _processing_outputs(job: Job, files: StepFiles) -> Iterator[SyntheticObject]:
    for name, folder in _output_folders(job):
        contents: JsonObject = {LABEL_FILE: _label(job, name), **check_documents(job.request)}
        for path, content in files.get(name, {}).items():
            before = contents.get(path)
            if isinstance(before, dict) and isinstance(content, dict):
                contents[path] = {**before, **content}
            else:
                contents[path] = content
        for path, content in contents.items():
            yield SyntheticObject.of_json(folder, path, content)


def _output_folders(job: Job) -> Iterator[tuple[str, str]]:
    """Yield name and S3 URI of each output of a processing job; nothing of a feature group is in S3."""
    for entry in job.request.get("ProcessingOutputConfig", {}).get("Outputs", ()):
        if "S3Output" in entry:
            yield entry["OutputName"], entry["S3Output"]["S3Uri"]


def _training_outputs(job: Job) -> Iterator[SyntheticObject]:
    label = _label(job, "model")
    archives = list(training_container.archives(job))
    for archive in archives:
        yield SyntheticObject(archive.uri, _tar_gz({**label, "output": archive.name}))
    if not archives:
        yield SyntheticObject.of_json(training_container.model_uri(job), LABEL_FILE, label)
    if checkpoints := job.request.get("CheckpointConfig"):
        yield SyntheticObject.of_json(checkpoints["S3Uri"], LABEL_FILE, _label(job, "checkpoints"))


def _own_results(job: Job, files: StepFiles) -> Iterator[SyntheticObject]:
    for path, content in files.get("OutputDataConfig", {}).items():
        yield SyntheticObject.of_json(job.request["OutputDataConfig"]["S3OutputPath"], path, content)


def _tar_gz(label: Mapping[str, Json]) -> bytes:
    stream, data = io.BytesIO(), json.dumps(label, indent=2).encode()
    with tarfile.open(fileobj=stream, mode="w:gz") as file:
        member = tarfile.TarInfo(LABEL_FILE)
        member.size = len(data)
        file.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def _label(job: Job, output: str) -> JsonObject:
    return {**_job_label(job), "output": output}


def _names_below(s3: BaseClient, uri: str) -> list[str]:
    """Return the names of a transform job's inputs; none if there are none, which does not matter in a rehearsal."""
    from botocore.exceptions import ClientError, ParamValidationError

    try:
        bucket, prefix = split_uri(uri)
        found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
    except (JobFailure, ClientError, ParamValidationError):
        return []
    folder = prefix if prefix.endswith("/") else prefix.rpartition("/")[0]
    keys = [entry["Key"] for entry in found.get("Contents", ()) if not entry["Key"].endswith("/")]
    return [key.removeprefix(prefix).lstrip("/") or key.removeprefix(folder).lstrip("/") for key in keys]


def _auto_ml(job: Job, _: StepFiles) -> SyntheticWork:
    """Return the work of an AutoML job: the model of the best candidate, which holds only a label, and its reports."""

    def outputs(_: BaseClient) -> tuple[SyntheticObject, ...]:
        label = _job_label(job)
        return (
            SyntheticObject(candidate_model(job), _tar_gz(label)),
            SyntheticObject.of_json(candidate_insights(job), "statistics.json", label),
            SyntheticObject.of_json(candidate_explainability(job), "analysis.json", label),
        )

    return SyntheticWork(training_container.LOG_GROUP, f"{job.key.name}/rehearsal", outputs)


def _model_customization(job: Job, _: StepFiles) -> SyntheticWork:
    """Return the work of a model customization job: the label, where the document wants outputs, if it does."""

    def outputs(_: BaseClient) -> tuple[SyntheticObject, ...]:
        place = (customization_document(job).get("OutputDataConfig") or {}).get("S3OutputPath")
        return (SyntheticObject.of_json(place, LABEL_FILE, _job_label(job)),) if isinstance(place, str) else ()

    return SyntheticWork(training_container.LOG_GROUP, f"{job.key.name}/rehearsal", outputs)


def _job_label(job: Job) -> JsonObject:
    return {"note": NOTE, "job": job.key.arn}


OUTPUTS: Mapping[str, Callable[[Job, StepFiles], SyntheticWork]] = {
    "AutoMLJob": _auto_ml,
    "Job": _model_customization,
    "ProcessingJob": _processing,
    "TrainingJob": _training,
    "TransformJob": _transform,
}
"""Makes the work of a job, given the documents of its step, by the kind of job."""
