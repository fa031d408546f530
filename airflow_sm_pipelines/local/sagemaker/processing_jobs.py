"""CreateProcessingJob, DescribeProcessingJob, ListProcessingJobs, StopProcessingJob."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.faults import JobFault
from airflow_sm_pipelines.local.jobs.runner import JobResult, JobTask, Runner
from airflow_sm_pipelines.local.json_service import Operation, RequestContext
from airflow_sm_pipelines.local.sagemaker.job_list import list_jobs
from airflow_sm_pipelines.local.sagemaker.job_table import (
    TERMINAL,
    Job,
    JobExistsError,
    JobKey,
    JobStatus,
    JobTable,
)
from airflow_sm_pipelines.local.sagemaker.processing_container import plan_container
from airflow_sm_pipelines.local.sagemaker.tags import Tags

_KIND = "processing-job"


class ProcessingJobs:
    """The operations of processing jobs.

    Args:
        jobs: All jobs.
        tags: All tags.
        runner: Runs them.
    """

    def __init__(self, jobs: JobTable, tags: Tags, runner: Runner) -> None:
        self._jobs = jobs
        self._tags = tags
        self._runner = runner

    def operations(self) -> Mapping[str, Operation]:
        """The operations of this module."""
        return {
            "CreateProcessingJob": self._create,
            "DescribeProcessingJob": self._describe,
            "ListProcessingJobs": self._list,
            "StopProcessingJob": self._stop,
        }

    def _create(self, context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
        _check_inputs_and_outputs(request)
        key = JobKey(_KIND, context.region, request["ProcessingJobName"])
        try:
            job = self._jobs.create(key, request)
        except JobExistsError as error:
            # The text is AWS's own (public report of a duplicate processing job).
            raise AwsError(
                "ResourceInUse",
                "Job name must be unique within an AWS account and region, and a job with this name already "
                f"exists ({key.arn})",
            ) from error
        self._tags.put(key.arn, request.get("Tags", ()))
        self._runner.start(
            JobTask(
                folder_name=_folder_name(job),
                region=context.region,
                plan=lambda: plan_container(job),
                events=_JobEvents(self._jobs, key),
                fault=context.job_fault or JobFault(),
            )
        )
        return {"ProcessingJobArn": key.arn}

    def _describe(self, context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
        job = self._jobs.find(JobKey(_KIND, context.region, request["ProcessingJobName"]))
        if job is None:
            # AWS's answer in public reports; the model documents ResourceNotFound for it, too.
            raise validation_error(f"Could not find requested job with name: {request['ProcessingJobName']}")
        echoed = {member: value for member, value in job.request.items() if member != "Tags"}
        return {
            **echoed,
            **_summary(job),
            "ProcessingStartTime": job.start_time,
        }

    def _list(self, context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
        jobs = self._jobs.jobs(_KIND, context.region)
        page, token = list_jobs(jobs, request, default_order="Ascending")  # API reference, SortOrder
        return {"ProcessingJobSummaries": [_summary(job) for job in page], "NextToken": token}

    def _stop(self, context: RequestContext, request: Mapping[str, Any]) -> Mapping[str, Any]:
        key = JobKey(_KIND, context.region, request["ProcessingJobName"])
        if self._jobs.find(key) is None:
            # The code is the one that the model documents; the text is what StopTransformJob answers (assumed).
            raise AwsError("ResourceNotFound", f"Could not find job to update with name: {key.name}")
        before = self._jobs.stop(key)
        if before.status in TERMINAL:
            # What training and transform jobs answer in public reports; assumed for processing jobs.
            raise validation_error(
                f"The request was rejected because the processing job is in status {before.status.value}."
            )
        if before.status is JobStatus.IN_PROGRESS:  # a second Stop changes nothing (assumed)
            self._runner.stop(_folder_name(before))
        return {}


@dataclass(frozen=True, slots=True)
class _JobEvents:
    """Keeps the table of jobs up to date."""

    jobs: JobTable
    key: JobKey

    def started(self) -> None:
        self.jobs.start(self.key)

    def stopping(self) -> None:
        self.jobs.stop(self.key)

    def ended(self, result: JobResult) -> None:
        # A job that exceeds its MaxRuntimeInSeconds is Stopped, not Failed: "the processing job is stopped"
        # (API reference, ProcessingStoppingCondition), and the Python SDK takes Stopped for a possible time-out.
        self.jobs.end(
            self.key,
            stopped=result.stopped,
            failure_reason=result.failure_reason,
            exit_message=result.exit_message,
        )


def _folder_name(job: Job) -> str:
    return f"{job.key.region}-{job.key.kind}-{job.key.name}-{int(job.creation_time.timestamp() * 1_000_000)}"


def _summary(job: Job) -> dict[str, Any]:
    """What both Describe and List tell."""
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


def _check_inputs_and_outputs(request: Mapping[str, Any]) -> None:
    """Rules that the API reference states in words (the texts are assumed).

    Raises:
        AwsError: ``ValidationException`` with all that is wrong.
    """
    problems = [*_input_problems(request), *_output_problems(request)]
    if problems:
        raise validation_error("; ".join(problems))


def _input_problems(request: Mapping[str, Any]) -> Iterator[str]:
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


def _output_problems(request: Mapping[str, Any]) -> Iterator[str]:
    entries = request.get("ProcessingOutputConfig", {}).get("Outputs", ())
    yield from _repeated("OutputName", [entry["OutputName"] for entry in entries])
    for entry in entries:
        name = entry["OutputName"]
        if ("S3Output" in entry) == ("FeatureStoreOutput" in entry):
            yield f"ProcessingOutput {name} must specify exactly one of S3Output or FeatureStoreOutput"
        if "S3Output" in entry and not entry.get("AppManaged") and not entry["S3Output"].get("LocalPath"):
            yield f"ProcessingOutput {name}: LocalPath is required when AppManaged is False"


def _repeated(what: str, values: list[str | None]) -> Iterator[str]:
    """AWS refuses two inputs for one path (SDK issue 4939)."""
    for value in sorted({value for value in values if value is not None and values.count(value) > 1}):
        yield f"{what} must be unique, but {value} occurs {values.count(value)} times"
