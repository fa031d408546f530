"""Processing jobs: CreateProcessingJob, DescribeProcessingJob, ListProcessingJobs, StopProcessingJob."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import validation_error
from airflow_sm_pipelines.local.services.sagemaker.containers.processing import plan_container
from airflow_sm_pipelines.local.services.sagemaker.jobs.operations import JobKind
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job
from airflow_sm_pipelines.local.services.sagemaker.tracking.experiments import Experiments
from airflow_sm_pipelines.local.wire.json_service import RequestContext


def processing_jobs(experiments: Experiments, runs_images: bool = False) -> JobKind:
    """Return processing jobs as a kind of job.

    Args:
        experiments: All experiments.
        runs_images: Whether their images run, in Docker.
    """

    def check(context: RequestContext, request: Document) -> None:
        _check_inputs_and_outputs(request)
        experiments.check(context.region, request.get("ExperimentConfig", {}))

    return JobKind(
        noun="ProcessingJob",
        resource_type="processing-job",
        # The text is AWS's own (public report of a duplicate processing job).
        in_use="Job name must be unique within an AWS account and region, and a job with this name already exists "
        "({arn})",
        # AWS's answer in public reports; the model documents ResourceNotFound for it, too.
        not_found="Could not find requested job with name: {name}",
        default_order="Ascending",  # API reference, SortOrder
        check=check,
        plan=lambda job: plan_container(job, runs_images=runs_images),
        describe=lambda job: {"ProcessingStartTime": job.start_time},
        summarize=_summary,
    )


def _summary(job: Job) -> Document:
    """Return the members that both Describe and List have."""
    return {
        "ProcessingJobName": job.key.name,
        "ProcessingJobArn": job.key.arn,
        "ProcessingJobStatus": job.status.value,
        "CreationTime": job.creation_time,
        "LastModifiedTime": job.last_modified_time,
        "ProcessingEndTime": job.end_time,
        "FailureReason": job.failure_reason,
        "ExitMessage": job.exit_message,
    }


def _check_inputs_and_outputs(request: Document) -> None:
    """Check rules that the API reference states in words (the texts are assumed).

    Raises:
        AwsError: ``ValidationException`` with all that is wrong.
    """
    problems = [*_input_problems(request), *_output_problems(request)]
    if problems:
        raise validation_error("; ".join(problems))


def _input_problems(request: Document) -> Iterator[str]:
    entries = request.get("ProcessingInputs", ())
    yield from _repeated("InputName", [entry["InputName"] for entry in entries])
    paths = []
    for entry in entries:
        name = entry["InputName"]
        if ("S3Input" in entry) == ("DatasetDefinition" in entry):
            yield f"ProcessingInput {name} must specify exactly one of S3Input or DatasetDefinition"
        path = entry.get("S3Input", {}).get("LocalPath")
        paths.append(path)
        if "S3Input" in entry and not entry.get("AppManaged") and not path:
            yield f"ProcessingInput {name}: LocalPath is required when AppManaged is False"
        if path and not path.startswith("/opt/ml/processing/"):
            yield f"ProcessingInput {name}: LocalPath must begin with /opt/ml/processing/"
    yield from _repeated("LocalPath of a ProcessingInput", paths)


def _output_problems(request: Document) -> Iterator[str]:
    entries = request.get("ProcessingOutputConfig", {}).get("Outputs", ())
    yield from _repeated("OutputName", [entry["OutputName"] for entry in entries])
    for entry in entries:
        name = entry["OutputName"]
        if ("S3Output" in entry) == ("FeatureStoreOutput" in entry):
            yield f"ProcessingOutput {name} must specify exactly one of S3Output or FeatureStoreOutput"
        if "S3Output" in entry and not entry.get("AppManaged") and not entry["S3Output"].get("LocalPath"):
            yield f"ProcessingOutput {name}: LocalPath is required when AppManaged is False"


def _repeated(what: str, values: list[str | None]) -> Iterator[str]:
    """Yield what is repeated: AWS refuses two inputs for one path (SDK issue 4939)."""
    for value in sorted({value for value in values if value is not None and values.count(value) > 1}):
        yield f"{what} must be unique, but {value} occurs {values.count(value)} times"
