"""A CreateTransformJob request and its model as the work of containers.

Source: developer guide, "Use Batch Transform", and the members' documentation in the API model.

Members about the machine and its surroundings are accepted and have no effect, because they would not change what a
model answers: instance type and count, KMS keys, MaxConcurrentTransforms, InvocationsMaxRetries, VpcConfig.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.jobs.container import (
    ContainerPlan,
    ImageRun,
    JobFailure,
    JobFolder,
    ModelServer,
    S3Download,
    S3Upload,
)
from airflow_sm_pipelines.local.jobs.job_site import RUNTIME_COMMAND
from airflow_sm_pipelines.local.services.sagemaker.containers.images import is_xgboost
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job
from airflow_sm_pipelines.local.services.sagemaker.registry.model_packages import ModelPackages
from airflow_sm_pipelines.local.services.sagemaker.registry.models import Models, containers_of

LOG_GROUP = "/aws/sagemaker/TransformJobs"
_INPUT, _OUTPUT, _PLAN = "/opt/ml/transform/input", "/opt/ml/transform/output", "transform/plan.json"
_IMAGE_SERVER = "image_server"
_STRATEGIES = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD"}
_DEFAULT_PAYLOAD_MB = 6
_DEFAULT_TIMEOUT_SECONDS = 600
"""API reference, ModelClientConfig."""


@dataclass(frozen=True, slots=True)
class TransformPlanner:
    """A planner of transform jobs.

    Attributes:
        models: All models.
        packages: All model packages.
        runs_images: Whether the images of models run, in Docker.
    """

    models: Models
    packages: ModelPackages
    runs_images: bool = False

    def plan(self, job: Job) -> ContainerPlan:
        """Return the work of a transform job.

        Raises:
            JobFailure: The job needs something that the local AWS does not do; nothing is silently left out.
        """
        request = job.request
        containers = self._containers(job)
        if problems := [*_unsupported(request), *_unsupported_of_model(containers)]:
            raise JobFailure(f"ClientError: the local AWS does not support {'; '.join(problems)}")
        source = request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        folders = _model_folders(len(containers))
        described, servers = list[Document](), list[ModelServer]()
        for container, folder in zip(containers, folders, strict=True):
            if self.runs_images and not _is_built_in(container, request):
                described.append({"runtime": _IMAGE_SERVER})
                servers.append(_server(container, folder, request))
            else:
                described.append(_described(container, folder, request))
        return ContainerPlan(
            command=(RUNTIME_COMMAND, "transform", "/opt/ml", _PLAN),
            log_group=LOG_GROUP,
            log_stream=log_stream(job),
            downloads=(S3Download("TransformInput", source, _INPUT), *_model_downloads(containers, folders)),
            uploads=(S3Upload("TransformOutput", _OUTPUT, request["TransformOutput"]["S3OutputPath"]),),
            failure_reason=_failure_reason,
            servers=tuple(servers),
            files={f"/opt/ml/{_PLAN}": json.dumps({"containers": described, **_rules(request)})},
        )

    def _containers(self, job: Job) -> list[Document]:
        """Return the containers of the job's model, those of model packages in place of the packages."""
        try:
            model = self.models.get(job.key.region, job.request["ModelName"])
            found: list[Document] = []
            for container in containers_of(model.members):
                found += self._resolved(job.key.region, container)
        except AwsError as error:  # deleted since the job was created
            raise JobFailure(f"ClientError: {error.message}") from error
        return found

    def _resolved(self, region: str, container: Document) -> list[Document]:
        name = container.get("ModelPackageName")
        if name is None:
            return [container]
        specification = self.packages.get(region, name).members.get("InferenceSpecification", {})
        packaged: list[Document] = specification.get("Containers", [])
        own = container.get("Environment", {})
        return [{**one, "Environment": {**one.get("Environment", {}), **own}} for one in packaged]


def log_stream(job: Job) -> str:
    """Return the CloudWatch log stream of a transform job."""
    return f"{job.key.name}/i-local-{int(job.creation_time.timestamp() * 1000)}"


def _model_folders(count: int) -> list[str]:
    """Return the folder of each container's model. *Assumed*: scripts use the path that model_fn is given."""
    return ["/opt/ml/model"] if count == 1 else [f"/opt/ml/models/{number}" for number in range(1, count + 1)]


def _environment(container: Document, request: Document) -> dict[str, str]:
    return {**container.get("Environment", {}), **request.get("Environment", {})}


def _is_built_in(container: Document, request: Document) -> bool:
    return "SAGEMAKER_PROGRAM" not in _environment(container, request) and is_xgboost(container.get("Image", ""))


def _server(container: Document, folder: str, request: Document) -> ModelServer:
    """Return one container that Docker runs.

    Source: developer guide, "Use Your Own Inference Code with Batch Transform": the argument ``serve``, and variables
    for what the request sets.
    """
    told = {
        "SAGEMAKER_BATCH_STRATEGY": _STRATEGIES.get(request.get("BatchStrategy", "")),
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": request.get("MaxPayloadInMB"),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": request.get("MaxConcurrentTransforms"),
    }
    return ModelServer(
        run=ImageRun(container.get("Image", ""), arguments=("serve",)),
        environment={
            "SAGEMAKER_BATCH": "true",
            **{name: str(value) for name, value in told.items() if value is not None},
            **_environment(container, request),
        },
        model_path=folder,
    )


def _described(container: Document, folder: str, request: Document) -> Document:
    """Return one container for `runtimes.serving_process`."""
    environment = _environment(container, request)
    image = container.get("Image", "")
    program = environment.get("SAGEMAKER_PROGRAM")
    return {
        "runtime": "xgboost_serving" if _is_built_in(container, request) else "inference_script",
        "image": image,
        "environment": {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_BATCH_STRATEGY": request.get("BatchStrategy", "MultiRecord"),
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(request.get("MaxPayloadInMB", _DEFAULT_PAYLOAD_MB)),
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "1",
            "SM_MODEL_DIR": folder,
            **environment,
        },
        "model_dir": folder,
        "program": program or "inference.py",
        "default_accept": environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "application/json"),
    }


def _model_downloads(containers: list[Document], folders: list[str]) -> Iterator[S3Download]:
    for number, (container, folder) in enumerate(zip(containers, folders, strict=True), start=1):
        if uri := container.get("ModelDataUrl"):
            yield S3Download(f"model {number}", uri, folder, unpack=True)
        if source := container.get("ModelDataSource", {}).get("S3DataSource"):
            is_archive = source["CompressionType"] == "Gzip"
            yield S3Download(f"model {number}", source["S3Uri"], folder, unpack=is_archive)
        code = container.get("Environment", {}).get("SAGEMAKER_SUBMIT_DIRECTORY", "")
        if code.startswith("s3://"):
            yield S3Download(f"code {number}", code, f"{folder}/code", unpack=True)


def _rules(request: Document) -> Document:
    """Return how `runtimes.transform` sends the data and writes the answers."""
    source, target = request["TransformInput"], request["TransformOutput"]
    processing = request.get("DataProcessing", {})
    client = request.get("ModelClientConfig", {})
    return {
        # What AWS sends without a ContentType is not documented; the containers take its absence for CSV.
        "content_type": source.get("ContentType", "text/csv"),
        "compression": source.get("CompressionType", "None"),
        "split_type": source.get("SplitType", "None"),
        "batch_strategy": request.get("BatchStrategy", "MultiRecord"),
        "max_payload_bytes": request.get("MaxPayloadInMB", _DEFAULT_PAYLOAD_MB) * 1024 * 1024,
        "accept": target.get("Accept", ""),
        "assemble_with": target.get("AssembleWith", "None"),
        "timeout_seconds": client.get("InvocationsTimeoutInSeconds", _DEFAULT_TIMEOUT_SECONDS),
        "data_processing": {
            "input_filter": processing.get("InputFilter", "$"),
            "output_filter": processing.get("OutputFilter", "$"),
            "join_source": processing.get("JoinSource", "None"),
        },
    }


def _failure_reason(folder: JobFolder, exit_code: int) -> str:
    path = folder.locate("/opt/ml/output/failure")
    return path.read_text(errors="replace") if path.is_file() else f"AlgorithmError: exit code: {exit_code}"


_UNSUPPORTED_MODEL: Mapping[str, Callable[[Document], bool]] = {
    "Mode=MultiModel": lambda container: container.get("Mode") == "MultiModel",
    "AdditionalModelDataSources": lambda container: "AdditionalModelDataSources" in container,
    "AdditionalS3DataSource": lambda container: "AdditionalS3DataSource" in container,
    "InferenceSpecificationName": lambda container: "InferenceSpecificationName" in container,
}


def _unsupported_of_model(containers: list[Document]) -> Iterator[str]:
    if not containers:
        yield "a model package without InferenceSpecification.Containers"
    for number, container in enumerate(containers, start=1):
        for what, found in _UNSUPPORTED_MODEL.items():
            if found(container):
                yield f"{what} of container {number} of the model"


def _unsupported(request: Document) -> Iterator[str]:
    """Yield the members that the local AWS does not support, each with its place in the request."""
    source = request["TransformInput"]
    kind = source["DataSource"]["S3DataSource"]["S3DataType"]
    if kind != "S3Prefix":
        yield f"TransformInput.DataSource.S3DataSource.S3DataType={kind}"
    if (split := source.get("SplitType", "None")) not in ("None", "Line"):
        yield f"TransformInput.SplitType={split}"
    if "DataCaptureConfig" in request:
        yield "DataCaptureConfig"
