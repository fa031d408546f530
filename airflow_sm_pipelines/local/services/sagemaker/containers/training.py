"""A CreateTrainingJob request as the work of a container.

Source: developer guide, "Use Your Own Training Algorithms", and the members' documentation in the API model.

Members about the machine and its surroundings are accepted and have no effect, because they would not change what a
script computes: instance type, volume size, KMS keys, network and VPC, RoleArn, spot training (nothing interrupts a
job), RetryStrategy, debugger hooks and rules, profiler. ``FastFile`` shows the same files as ``File``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.jobs.container import (
    OPT_ML,
    ContainerPlan,
    ImageRun,
    JobFailure,
    JobFolder,
    S3Archive,
    S3Download,
    S3Upload,
    Unpacking,
)
from airflow_sm_pipelines.local.jobs.job_site import RUNTIME_COMMAND
from airflow_sm_pipelines.local.jobs.metrics import MetricDefinition
from airflow_sm_pipelines.local.services.sagemaker.containers.images import is_xgboost, no_runtime, pickles_its_model
from airflow_sm_pipelines.local.services.sagemaker.containers.script_mode import (
    CODE_DIRECTORY,
    Script,
    find_script,
    script_environment,
)
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_HOST = "algo-1"
_GROUP = "homogeneousCluster"
DEFAULT_RUNTIME_SECONDS = 86_400
"""Without a StoppingCondition a training job runs for at most one day (API reference, MaxRuntimeInSeconds)."""
_CHECKPOINTS = "/opt/ml/checkpoints"
_FAILURE_FILE = "/opt/ml/output/failure"
_FAILURE_CHARACTERS = 1024

_XGBOOST_METRICS = (
    "accuracy aft-nloglik auc aucpr balanced_accuracy cox-nloglik error f1 f1_binary f1_macro gamma-deviance "
    "gamma-nloglik interval-regression-accuracy logloss mae map mape merror mlogloss mphe mse ndcg poisson-nloglik "
    "precision precision_macro precision_micro r2 recall recall_macro recall_micro rmse rmsle tweedie-nloglik"
)
"""Names of the algorithm's metrics (developer guide, "Tune an XGBoost Model", and xgboost's own)."""


# Some training jobs train nothing: `@step` functions and notebook jobs, told by their entrypoints. Their containers are
# the SDK's or AWS's own. What the SDK uploads runs as it is, in an environment of its own. AWS's scheduler of notebooks
# exists only in AWS's image, and `airflow_sm_pipelines.local.runtimes.notebook_job` replaces it here.
_FUNCTION_CHANNEL = "/sagemaker_remote_function_bootstrap/"
_NOTEBOOK_SCHEDULER = "amazon_sagemaker_scheduler"


def plan_container(job: Job, *, runs_images: bool = False) -> ContainerPlan:
    """Return the work of a training job.

    Args:
        job: The job.
        runs_images: Whether its image runs, in Docker.

    Raises:
        JobFailure: The job needs something that the local AWS does not do; nothing is silently left out.
    """
    request = job.request
    if problems := list(_unsupported(request)):
        raise JobFailure(f"ClientError: the local AWS does not support {'; '.join(problems)}")
    configuration = _configuration(request)
    image_run = _image_run(request) if runs_images else None
    command, variables, script = ((), {}, None) if image_run else _command(job, configuration)
    return ContainerPlan(
        command=command,
        image_run=image_run,
        log_group=LOG_GROUP,
        log_stream=log_stream(job),
        environment={
            "TRAINING_JOB_NAME": job.key.name,
            "TRAINING_JOB_ARN": job.key.arn,
            **variables,
            **request.get("Environment", {}),
        },
        downloads=tuple(_downloads(request, script)),
        unpackings=tuple(_unpackings(script)),
        uploads=tuple(_uploads(job)),
        archives=tuple(archives(job)),
        metrics=tuple(metric_definitions(request)),
        failure_reason=_failure_reason,
        files={f"/opt/ml/input/config/{name}.json": json.dumps(value) for name, value in configuration.items()},
        max_runtime_seconds=request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS),
    )


def log_stream(job: Job) -> str:
    """Return the CloudWatch log stream of a training job's container."""
    return f"{job.key.name}/{_HOST}-{int(job.creation_time.timestamp())}"


def model_uri(job: Job) -> str:
    """Return where the model goes: ``ModelArtifacts.S3ModelArtifacts``."""
    return f"{_output_uri(job)}/{'model/' if _is_uncompressed(job.request) else 'model.tar.gz'}"


def _command(job: Job, configuration: Document) -> tuple[tuple[str, ...], dict[str, str], Script | None]:
    """Return the command, variables and the user's script, if the image is to run one."""
    algorithm = job.request["AlgorithmSpecification"]
    if entrypoint := algorithm.get("ContainerEntrypoint"):
        return entrypoint_command(entrypoint, algorithm.get("ContainerArguments", ())), {}, None
    image = algorithm["TrainingImage"]
    if "ContainerArguments" in algorithm:
        raise no_runtime(image, "the job has ContainerArguments, but no ContainerEntrypoint")
    hyperparameters = job.request.get("HyperParameters", {})
    script = find_script(hyperparameters, job.request.get("Environment", {}))
    if script is not None:
        channels, resources = configuration["inputdataconfig"], configuration["resourceconfig"]
        variables, words = script_environment(
            script, hyperparameters, channels, resources, job.key.region, job.key.name
        )
        return (RUNTIME_COMMAND, "training_script", "/opt/ml", script.program, *words), variables, script
    if is_xgboost(image):
        form = "pickle" if pickles_its_model(image) else "ubj"
        return (RUNTIME_COMMAND, "xgboost_training", "/opt/ml", form), {}, None
    raise no_runtime(image, "the job has neither a ContainerEntrypoint nor a sagemaker_program")


def _image_run(request: Document) -> ImageRun | None:
    """Return what Docker runs; ``None`` for a program of AWS's images that the local AWS has as a runtime.

    Source: developer guide, "How Amazon SageMaker AI Runs Your Training Image": without an entrypoint the image's own
    runs, with the argument ``train`` in place of its ``CMD``. Arguments alone take the place of ``train`` (assumed).
    """
    algorithm = request["AlgorithmSpecification"]
    entrypoint = tuple(algorithm.get("ContainerEntrypoint", ()))
    if is_built_in(request) or entrypoint[:1] == (_NOTEBOOK_SCHEDULER,):
        return None
    arguments = tuple(algorithm.get("ContainerArguments", () if entrypoint else ("train",)))
    return ImageRun(algorithm["TrainingImage"], entrypoint, arguments)


def _configuration(request: Document) -> Document:
    """Return the files of ``/opt/ml/input/config``, without their suffix."""
    instance_type = request["ResourceConfig"].get("InstanceType", "local")
    checkpoints = request.get("CheckpointConfig")
    return {
        "hyperparameters": request.get("HyperParameters", {}),
        "resourceconfig": {
            "current_host": _HOST,
            "current_instance_type": instance_type,
            "current_group_name": _GROUP,
            "hosts": [_HOST],
            "instance_groups": [{"instance_group_name": _GROUP, "instance_type": instance_type, "hosts": [_HOST]}],
            "network_interface_name": "eth0",
        },
        "inputdataconfig": {
            channel["ChannelName"]: _channel_config(request, channel) for channel in _channels(request)
        },
        **({"checkpointconfig": {"LocalPath": _CHECKPOINTS, **checkpoints}} if checkpoints else {}),
    }


def _channel_config(request: Document, channel: Document) -> dict[str, str]:
    content_type = {"ContentType": channel["ContentType"]} if "ContentType" in channel else {}
    source = channel["DataSource"]["S3DataSource"]
    return {
        **content_type,
        "TrainingInputMode": channel.get("InputMode", request["AlgorithmSpecification"]["TrainingInputMode"]),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }


def _channels(request: Document) -> list[Document]:
    channels: list[Document] = request.get("InputDataConfig", [])
    return channels


def _downloads(request: Document, script: Script | None) -> Iterator[S3Download]:
    for channel in _channels(request):
        name = channel["ChannelName"]
        yield S3Download(name, channel["DataSource"]["S3DataSource"]["S3Uri"], f"/opt/ml/input/data/{name}")
    if script and script.source.startswith("s3://"):
        yield S3Download("sagemaker_submit_directory", script.source, CODE_DIRECTORY, unpack=True)
    if checkpoints := request.get("CheckpointConfig"):
        path = checkpoints.get("LocalPath", _CHECKPOINTS)
        yield S3Download("checkpoints", _as_folder(checkpoints["S3Uri"]), path, optional=True)


def _unpackings(script: Script | None) -> Iterator[Unpacking]:
    """Yield the script that comes in a channel, as the SDK sends it to jobs without a network."""
    if script and script.source.startswith("/") and script.source.rstrip("/") != CODE_DIRECTORY:
        yield Unpacking(script.source, CODE_DIRECTORY)


def _uploads(job: Job) -> Iterator[S3Upload]:
    if checkpoints := job.request.get("CheckpointConfig"):
        path = checkpoints.get("LocalPath", _CHECKPOINTS)
        yield S3Upload("checkpoints", path, checkpoints["S3Uri"], continuous=True)
    if _is_uncompressed(job.request):
        yield S3Upload("model", "/opt/ml/model", f"{_output_uri(job)}/model")
        yield S3Upload("output", "/opt/ml/output/data", f"{_output_uri(job)}/output")


def archives(job: Job) -> Iterator[S3Archive]:
    """Yield model and output; an empty folder gives no archive (public reports of missing model.tar.gz)."""
    if not _is_uncompressed(job.request):
        yield S3Archive("model", "/opt/ml/model", f"{_output_uri(job)}/model.tar.gz")
        yield S3Archive("output", "/opt/ml/output/data", f"{_output_uri(job)}/output.tar.gz")


def _is_uncompressed(request: Document) -> bool:
    return bool(request["OutputDataConfig"].get("CompressionType") == "NONE")


def _output_uri(job: Job) -> str:
    return f"{_as_folder(job.request['OutputDataConfig']['S3OutputPath'])}{job.key.name}/output"


def _as_folder(uri: str) -> str:
    return uri if uri.endswith("/") else f"{uri}/"


def metric_definitions(request: Document) -> Iterator[MetricDefinition]:
    """Yield the request's metrics; for the built-in algorithm those that it prints."""
    algorithm = request.get("AlgorithmSpecification", {})
    for definition in algorithm.get("MetricDefinitions", ()):
        yield MetricDefinition(definition["Name"], re.compile(definition["Regex"]))
    if is_built_in(request):
        for channel in ("train", "validation"):
            for metric in _XGBOOST_METRICS.split():
                pattern = rf".*\[[0-9]+\].*#011{channel}-{metric}:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
                yield MetricDefinition(f"{channel}:{metric}", re.compile(pattern))


def is_built_in(request: Document) -> bool:
    """Tell whether the job runs the built-in XGBoost algorithm."""
    algorithm = request.get("AlgorithmSpecification", {})
    if algorithm.get("ContainerEntrypoint") or not is_xgboost(algorithm.get("TrainingImage", "")):
        return False
    return find_script(request.get("HyperParameters", {}), request.get("Environment", {})) is None


def _failure_reason(folder: JobFolder, exit_code: int) -> str:
    """Return the first 1024 characters of ``/opt/ml/output/failure`` (API reference, FailureReason)."""
    path = folder.locate(_FAILURE_FILE)
    text = ""
    if path.is_file() and not path.is_symlink():
        text = path.read_text(errors="replace").strip()[:_FAILURE_CHARACTERS]
    kind = "" if re.match(r"(ClientError|AlgorithmError|InternalServerError):", text) else "AlgorithmError: "
    ending = f", exit code: {exit_code}"
    return f"{kind}{text}"[: _FAILURE_CHARACTERS - len(ending)] + ending


_UNSUPPORTED_MEMBERS = (
    "ServerlessJobConfig",
    "MlflowConfig",
    "ModelPackageConfig",
    "TensorBoardOutputConfig",
    "SessionChainingConfig",
)

_UNSUPPORTED_CHANNEL: Mapping[str, Callable[[Document], bool]] = {
    "InputMode=Pipe": lambda channel: channel.get("InputMode") == "Pipe",
    "CompressionType=Gzip": lambda channel: channel.get("CompressionType") == "Gzip",
    "RecordWrapperType=RecordIO": lambda channel: channel.get("RecordWrapperType") == "RecordIO",
    "ShuffleConfig": lambda channel: "ShuffleConfig" in channel,
    "DataSource.FileSystemDataSource": lambda channel: "FileSystemDataSource" in channel["DataSource"],
    "DataSource.DatasetSource": lambda channel: "DatasetSource" in channel["DataSource"],
    "DataSource.S3DataSource.S3DataType other than S3Prefix": lambda channel: (
        channel["DataSource"].get("S3DataSource", {}).get("S3DataType", "S3Prefix") != "S3Prefix"
    ),
}


def _unsupported(request: Document) -> Iterator[str]:
    """Yield the members that the local AWS does not support, each with its place in the request."""
    yield from (member for member in _UNSUPPORTED_MEMBERS if member in request)
    algorithm = request.get("AlgorithmSpecification", {})
    if "TrainingImage" not in algorithm:
        yield "AlgorithmSpecification without a TrainingImage"
    if algorithm.get("TrainingInputMode") == "Pipe":
        yield "AlgorithmSpecification.TrainingInputMode=Pipe"
    for channel in _channels(request):
        for what, found in _UNSUPPORTED_CHANNEL.items():
            if found(channel):
                yield f"InputDataConfig[{channel['ChannelName']}].{what}"
    resources = request.get("ResourceConfig", {})
    yield from (f"ResourceConfig.{name}" for name in ("InstanceGroups", "InstancePreferences") if name in resources)
    if (count := resources.get("InstanceCount", 1)) > 1:
        yield f"ResourceConfig.InstanceCount={count}, only 1"


def entrypoint_command(entrypoint: Sequence[str], arguments: Sequence[str]) -> tuple[str, ...]:
    """Return what a container with this entrypoint runs here.

    Args:
        entrypoint: ``ContainerEntrypoint`` of the job.
        arguments: ``ContainerArguments``.
    """
    if entrypoint[0] == _NOTEBOOK_SCHEDULER:
        return (RUNTIME_COMMAND, "notebook_job", OPT_ML)
    if any(_FUNCTION_CHANNEL in word for word in entrypoint):
        return (RUNTIME_COMMAND, "remote_function", OPT_ML, *entrypoint, *arguments)
    return (*entrypoint, *arguments)
