"""All operations of SageMaker that the local AWS has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_sm_pipelines.local.errors import validation_error
from airflow_sm_pipelines.local.jobs.job_site import Clients
from airflow_sm_pipelines.local.jobs.runner import Runner
from airflow_sm_pipelines.local.jobs.s3_transfer import exists
from airflow_sm_pipelines.local.services.sagemaker.executions.operations import PipelineExecutions
from airflow_sm_pipelines.local.services.sagemaker.hosting.endpoint_configs import EndpointConfigs
from airflow_sm_pipelines.local.services.sagemaker.hosting.endpoints import Endpoints
from airflow_sm_pipelines.local.services.sagemaker.hosting.inference_components import InferenceComponents
from airflow_sm_pipelines.local.services.sagemaker.jobs.operations import JobOperations
from airflow_sm_pipelines.local.services.sagemaker.jobs.processing import processing_jobs
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import JobTable
from airflow_sm_pipelines.local.services.sagemaker.jobs.training import training_jobs
from airflow_sm_pipelines.local.services.sagemaker.jobs.transform import transform_jobs
from airflow_sm_pipelines.local.services.sagemaker.jobs.without_runtime import jobs_without_runtime
from airflow_sm_pipelines.local.services.sagemaker.pipelines.operations import Pipelines
from airflow_sm_pipelines.local.services.sagemaker.registry.model_package_groups import ModelPackageGroups
from airflow_sm_pipelines.local.services.sagemaker.registry.model_packages import ModelPackages
from airflow_sm_pipelines.local.services.sagemaker.registry.models import Models
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags
from airflow_sm_pipelines.local.services.sagemaker.stored_forms import RESOURCES
from airflow_sm_pipelines.local.services.sagemaker.tracking.experiments import Experiments
from airflow_sm_pipelines.local.services.sagemaker.tracking.lineage import Lineage
from airflow_sm_pipelines.local.services.sagemaker.tracking.trial_components import TrialComponents
from airflow_sm_pipelines.local.services.sagemaker.tuning.operations import TuningJobs
from airflow_sm_pipelines.local.settings import LocalSettings
from airflow_sm_pipelines.local.state.state_file import DOCUMENTS, StateFile, collection
from airflow_sm_pipelines.local.wire.json_service import Operation, Operations


def sagemaker_operations(
    file: StateFile | None,
    jobs: JobTable,
    executions: PipelineExecutions,
    clients: Clients,
    runner: Runner,
    settings: LocalSettings,
) -> Mapping[str, Operation]:
    """Return the operations by name.

    Args:
        file: Where everything is kept; ``None`` keeps it in memory.
        jobs: All jobs.
        executions: The recorded executions of pipelines.
        clients: Clients of the local AWS itself.
        runner: Runs the jobs.
        settings: Settings of the local AWS.
    """
    stand_in = settings.stand_in
    resources = ResourceTable(collection(file, "resources", RESOURCES))
    tags = Tags(lambda arn: jobs.arn_exists(arn) or resources.arn_exists(arn), collection(file, "tags", DOCUMENTS))
    experiments = Experiments(resources, tags)
    components = TrialComponents(jobs, resources, experiments)
    models = Models(resources, tags, lambda region, uri: stand_in is not None or exists(clients.get("s3", region), uri))
    groups = ModelPackageGroups(resources, tags)
    packages = ModelPackages(resources, groups, tags, collection(file, "client_tokens", DOCUMENTS))
    training = JobOperations(training_jobs(experiments, settings.runs_images), jobs, tags, runner, stand_in)
    tuning = TuningJobs(jobs, training, stand_in)
    configs = EndpointConfigs(resources, tags, models, stand_in)
    endpoints = Endpoints(resources, tags, configs, stand_in)
    hosting: list[Operations] = [configs, endpoints, InferenceComponents(resources, tags, endpoints, models, stand_in)]
    lineage = Lineage(resources, tags, takes_any_arn=stand_in is not None)
    kinds = [
        *jobs_without_runtime(settings.no_runtime_advice),
        processing_jobs(experiments, settings.runs_images),
        transform_jobs(experiments, models, packages, settings.runs_images),
        tuning.kind(),
    ]
    parts: list[Operations] = [tags, experiments, models, groups, packages, training, tuning, components]
    pipelines = Pipelines(resources, tags, lambda region, bucket, key: _text(clients, region, bucket, key))
    parts += [*hosting, lineage, executions, pipelines]
    parts += [JobOperations(kind, jobs, tags, runner, stand_in) for kind in kinds]
    operations = {name: operation for part in parts for name, operation in part.operations().items()}
    return {**operations, **executions.descriptions(operations)}


def _text(clients: Clients, region: str, bucket: str, key: str) -> str:
    """Return the text of an S3 object.

    Raises:
        AwsError: It cannot be read; S3's own words are in the message.
    """
    from botocore.exceptions import ClientError

    client: Any = clients.get("s3", region)
    try:
        content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        raise validation_error(f"s3://{bucket}/{key} cannot be read: {error}") from None
    return content.decode(errors="replace")
