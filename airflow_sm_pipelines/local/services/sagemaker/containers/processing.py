"""A CreateProcessingJob request as the work of a container.

Source: developer guide, "Build Your Own Processing Container", and the members' documentation in the API model.

Members about the machine and its surroundings are accepted and have no effect, because they would not change what a
script computes: instance type, volume size, KMS keys, NetworkConfig (a job keeps this machine's network), RoleArn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.jobs.container import (
    OPT_ML,
    ContainerPlan,
    ImageRun,
    JobFailure,
    S3Download,
    S3Upload,
    reason_of_exit_code,
    reason_of_runtime,
)
from airflow_sm_pipelines.local.jobs.job_site import RUNTIME_COMMAND
from airflow_sm_pipelines.local.services.sagemaker.containers.images import RUN_THE_IMAGE, is_model_monitor
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_HOST = "algo-1"
_SPARK_SUBMIT = "smspark-submit"
_DEFAULT_RUNTIME_SECONDS = 86_400
"""Without a StoppingCondition a processing job runs for at most one day (Python SDK, ``max_runtime_in_seconds``)."""


def plan_container(job: Job, *, runs_images: bool = False) -> ContainerPlan:
    """Return the work of a processing job.

    Args:
        job: The job.
        runs_images: Whether its image runs, in Docker.

    Raises:
        JobFailure: The job needs something that the local AWS does not do; nothing is silently left out.
    """
    request = job.request
    if problems := list(_unsupported(request)):
        raise JobFailure(f"ClientError: the local AWS does not support {'; '.join(problems)}")
    application = request["AppSpecification"]
    command = _local_command(application)
    image_run = _image_run(application) if runs_images and command is None else None
    if command is None and image_run is None:
        command = _entrypoint_command(application)
    return ContainerPlan(
        command=command or (),
        image_run=image_run,
        failure_reason=reason_of_runtime if is_spark_submit(request) else reason_of_exit_code,
        log_group=LOG_GROUP,
        log_stream=log_stream(job),
        environment={
            "PROCESSING_JOB_NAME": job.key.name,
            "PROCESSING_JOB_ARN": job.key.arn,
            **request.get("Environment", {}),
        },
        downloads=tuple(_downloads(request)),
        uploads=tuple(_uploads(request)),
        files={
            "/opt/ml/config/processingjobconfig.json": json.dumps(_job_config(job)),
            "/opt/ml/config/resourceconfig.json": json.dumps({"current_host": _HOST, "hosts": [_HOST]}),
        },
        max_runtime_seconds=request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DEFAULT_RUNTIME_SECONDS),
    )


def log_stream(job: Job) -> str:
    """Return the CloudWatch log stream of a processing job's container."""
    return f"{job.key.name}/{_HOST}-{int(job.creation_time.timestamp() * 1000)}"


def is_spark_submit(request: Document) -> bool:
    """Tell whether a job runs the program of AWS's Spark image, as the SDK's Spark processors do."""
    entrypoint: list[str] = request["AppSpecification"].get("ContainerEntrypoint", [])
    return entrypoint[:1] == [_SPARK_SUBMIT]


def _local_command(application: Document) -> tuple[str, ...] | None:
    """Return the command of a program that exists only in AWS's images, and here as a runtime."""
    entrypoint, arguments = (application.get(f"Container{part}", []) for part in ("Entrypoint", "Arguments"))
    if entrypoint[:1] == [_SPARK_SUBMIT]:
        return (RUNTIME_COMMAND, "smspark_submit", OPT_ML, *entrypoint[1:], *arguments)
    if not entrypoint and is_model_monitor(application["ImageUri"]):
        return (RUNTIME_COMMAND, "data_quality", OPT_ML, *arguments)
    return None


def _image_run(application: Document) -> ImageRun:
    """Return what Docker runs (developer guide, "How Amazon SageMaker Processing Runs Your Processing Container")."""
    return ImageRun(
        application["ImageUri"],
        tuple(application.get("ContainerEntrypoint", ())),
        tuple(application.get("ContainerArguments", ())),
    )


def _entrypoint_command(application: Document) -> tuple[str, ...]:
    if not application.get("ContainerEntrypoint"):
        raise JobFailure(
            f"ClientError: no local runtime for image {application['ImageUri']}: the job has no ContainerEntrypoint, "
            f"and what the image would run is unknown here; {RUN_THE_IMAGE}"
        )
    return (*application["ContainerEntrypoint"], *application.get("ContainerArguments", ()))


def _downloads(request: Document) -> Iterator[S3Download]:
    for entry in request.get("ProcessingInputs", ()):
        if not entry.get("AppManaged"):  # the application brings those itself
            source = entry["S3Input"]
            yield S3Download(entry["InputName"], source["S3Uri"], source["LocalPath"])


def _uploads(request: Document) -> Iterator[S3Upload]:
    for entry in _outputs(request):
        if not entry.get("AppManaged"):
            target = entry["S3Output"]
            continuous = target["S3UploadMode"] == "Continuous"
            yield S3Upload(entry["OutputName"], target["LocalPath"], target["S3Uri"], continuous)


def _outputs(request: Document) -> list[Document]:
    outputs: list[Document] = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return outputs


def _job_config(job: Job) -> Document:
    """Return ``processingjobconfig.json``: the request with the job's ARN, without the tags."""
    members = {name: value for name, value in job.request.items() if name != "Tags"}
    return {"ProcessingJobArn": job.key.arn, **members}


_UNSUPPORTED_S3_INPUT: Mapping[str, Callable[[Document], bool]] = {
    "S3InputMode=Pipe": lambda source: source.get("S3InputMode") == "Pipe",
    "S3CompressionType=Gzip": lambda source: source.get("S3CompressionType") == "Gzip",
    "S3DataType=ManifestFile": lambda source: source.get("S3DataType") == "ManifestFile",
}


def _unsupported(request: Document) -> Iterator[str]:
    """Yield the members that the local AWS does not support, each with its place in the request.

    ``ShardedByS3Key`` needs no mention: it differs from ``FullyReplicated`` only with several instances.
    """
    for entry in request.get("ProcessingInputs", ()):
        place = f"ProcessingInputs[{entry['InputName']}]"
        if "DatasetDefinition" in entry:
            yield f"{place}.DatasetDefinition"
        for what, found in _UNSUPPORTED_S3_INPUT.items():
            if found(entry.get("S3Input", {})):
                yield f"{place}.S3Input.{what}"
    for entry in _outputs(request):
        if "FeatureStoreOutput" in entry:
            yield f"ProcessingOutputConfig.Outputs[{entry['OutputName']}].FeatureStoreOutput"
    cluster = request["ProcessingResources"]["ClusterConfig"]
    if "InstancePreferences" in cluster:
        yield "ProcessingResources.ClusterConfig.InstancePreferences"
    instances = cluster.get("InstanceCount", 1)
    if instances > 1 and not is_spark_submit(request):  # Spark gives the same result on one machine
        yield f"ProcessingResources.ClusterConfig.InstanceCount={instances}, only 1"
