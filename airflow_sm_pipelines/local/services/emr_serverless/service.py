"""Amazon EMR Serverless's operations.

Spark job runs run on this machine if ``spark-submit`` is installed; all others end FAILED with a reason that says so.
Members about capacity, images and networks are accepted and have no effect. With a stand-in no job run runs, and every
application that a request names exists: a definition names one that only its author has.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import validation_error
from airflow_sm_pipelines.local.jobs.container import ContainerPlan, JobFailure
from airflow_sm_pipelines.local.jobs.runner import JobOrder, JobPhase, JobResult, OwnWork, Runner
from airflow_sm_pipelines.local.jobs.spark_submit import spark_submit
from airflow_sm_pipelines.local.server.faults import JobFault
from airflow_sm_pipelines.local.services.emr_serverless.table import (
    LIVE_RUNS,
    ServerlessApplication,
    ServerlessRun,
    ServerlessTable,
)
from airflow_sm_pipelines.local.services.pages import page_after
from airflow_sm_pipelines.local.settings import ACCOUNT_ID
from airflow_sm_pipelines.local.stand_in import StandIn
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

LOG_GROUP = "/aws/emr-serverless"
"""EMR Serverless's own default, which it uses if CloudWatch logging is switched on; here it always is."""

_PAGE = 50
_DETAILS_LIMIT = 256
_STOPPABLE = frozenset({"CREATED", "STARTING", "STARTED"})
_DELETABLE = frozenset({"CREATED", "STOPPED"})
_STARTABLE = frozenset({"CREATED", "STOPPED", "STARTED", "STARTING"})


Entry = TypeVar("Entry", ServerlessApplication, ServerlessRun)


class EmrServerless:
    """The operations.

    Args:
        table: All applications and job runs.
        runner: Runs the jobs.
        stand_in: What they do instead of running, if there is one.
    """

    def __init__(self, table: ServerlessTable, runner: Runner, stand_in: StandIn | None) -> None:
        self._table = table
        self._runner = runner
        self._stand_in = stand_in

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "CreateApplication": self._create_application,
            "GetApplication": self._get_application,
            "ListApplications": self._list_applications,
            "StartApplication": self._start_application,
            "StopApplication": self._stop_application,
            "DeleteApplication": self._delete_application,
            "StartJobRun": self._start_job_run,
            "GetJobRun": self._get_job_run,
            "ListJobRuns": self._list_job_runs,
            "CancelJobRun": self._cancel_job_run,
            "ListTagsForResource": lambda _, request: {"tags": self._table.tags(request["resourceArn"])},
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }

    # -- applications ----------------------------------------------------------------------------------------------

    def _create_application(self, context: RequestContext, request: Document) -> Document:
        application = self._table.create_application(context.region, request)
        return {"applicationId": application.id, "name": request.get("name"), "arn": application.arn}

    def _get_application(self, context: RequestContext, request: Document) -> Document:
        application = self._application(context, request)
        echoed = {name: value for name, value in application.request.items() if name not in _NOT_DESCRIBED}
        return {"application": {**echoed, **_identified("applicationId", application), "tags": application.tags}}

    def _list_applications(self, context: RequestContext, request: Document) -> Document:
        states = _several(request.get("states"))
        found = [one for one in self._table.applications(context.region) if not states or one.state in states]
        page, token = _page(found, request)
        return {"applications": [_identified("id", one) for one in page], "nextToken": token}

    def _start_application(self, context: RequestContext, request: Document) -> Document:
        application = self._application(context, request)
        if application.state not in ("STARTED", "STARTING"):
            self._table.move(context.region, application.id, _STARTABLE, "STARTING")
        return {}

    def _stop_application(self, context: RequestContext, request: Document) -> Document:
        self._table.move(context.region, self._application(context, request).id, _STOPPABLE, "STOPPING")
        return {}

    def _delete_application(self, context: RequestContext, request: Document) -> Document:
        self._table.move(context.region, self._application(context, request).id, _DELETABLE, "TERMINATED")
        return {}

    def _application(self, context: RequestContext, request: Document) -> ServerlessApplication:
        name = request["applicationId"]
        if self._stand_in is not None and not self._table.has_application(context.region, name):
            synthetic = {**self._stand_in.missing_resource("Application"), "clientToken": name}
            return self._table.create_application(context.region, synthetic, "STARTED", name)
        return self._table.application(context.region, name)

    # -- job runs --------------------------------------------------------------------------------------------------

    def _start_job_run(self, context: RequestContext, request: Document) -> Document:
        self._application(context, request)
        is_new, run = self._table.start_run(context.region, request)
        if is_new:
            self._runner.start(
                JobOrder(
                    folder_name=_folder_name(run),
                    region=context.region,
                    plan=self._plan(run),
                    events=_RunEvents(self._table, run.id),
                    fault=context.job_fault or JobFault(),
                )
            )
        return {"applicationId": run.application, "jobRunId": run.id, "arn": run.arn}

    def _plan(self, run: ServerlessRun) -> Callable[[], ContainerPlan | OwnWork]:
        if self._stand_in is None:
            return lambda: _plan(run)
        work = self._stand_in.spark_work(self._stand_in.owner_of(run.tags), LOG_GROUP, _log_stream(run))
        return lambda: work

    def _get_job_run(self, context: RequestContext, request: Document) -> Document:
        run = self._run(context, request)
        application = self._table.application(context.region, run.application)
        asked = run.request
        return {
            "jobRun": {
                **_summary(run, application, "jobRunId"),
                "jobDriver": asked.get("jobDriver", {}),
                "configurationOverrides": asked.get("configurationOverrides"),
                "executionTimeoutMinutes": asked.get("executionTimeoutMinutes"),
                "retryPolicy": asked.get("retryPolicy"),
                "tags": run.tags,
                "endedAt": run.ended,
            }
        }

    def _list_job_runs(self, context: RequestContext, request: Document) -> Document:
        application = self._application(context, request)
        unsupported = sorted({"createdAtAfter", "createdAtBefore", "mode"} & request.keys())
        if unsupported:
            raise validation_error(f"The local AWS does not support {', '.join(unsupported)} of ListJobRuns")
        states = frozenset(_several(request.get("states")))
        page, token = _page(self._table.runs(context.region, application.id, states), request)
        return {"jobRuns": [_summary(run, application, "id") for run in page], "nextToken": token}

    def _cancel_job_run(self, context: RequestContext, request: Document) -> Document:
        run = self._run(context, request)
        if run.state not in LIVE_RUNS:  # the text is assumed
            raise validation_error(f"Job run {run.id} is in state {run.state} and cannot be cancelled")
        self._table.change_run(run.id, "CANCELLING")
        self._runner.stop(_folder_name(run))
        return {"applicationId": run.application, "jobRunId": run.id}

    def _run(self, context: RequestContext, request: Document) -> ServerlessRun:
        return self._table.run(context.region, request["applicationId"], request["jobRunId"])

    # -- tags ------------------------------------------------------------------------------------------------------

    def _tag(self, _: RequestContext, request: Document) -> Document:
        arn = request["resourceArn"]
        self._table.tag(arn, {**self._table.tags(arn), **request["tags"]})
        return {}

    def _untag(self, _: RequestContext, request: Document) -> Document:
        arn, keys = request["resourceArn"], _several(request["tagKeys"])
        self._table.tag(arn, {key: value for key, value in self._table.tags(arn).items() if key not in keys})
        return {}


_NOT_DESCRIBED = frozenset({"clientToken", "tags"})

_STATES: Mapping[JobPhase, str] = {
    JobPhase.DOWNLOADING: "SCHEDULED",
    JobPhase.RUNNING: "RUNNING",
    JobPhase.UPLOADING: "RUNNING",
}


@dataclass(frozen=True, slots=True)
class _RunEvents:
    """The listener that keeps the table up to date."""

    table: ServerlessTable
    run: str

    def entered(self, phase: JobPhase) -> None:
        self.table.change_run(self.run, _STATES[phase])

    def stopping(self) -> None:
        """Cancel a run that exceeds its time (*assumed*: the name of its state)."""
        self.table.change_run(self.run, "CANCELLING")

    def ended(self, result: JobResult) -> None:
        if result.stopped:
            self.table.change_run(self.run, "CANCELLED", "The job run was cancelled")
        elif result.failure_reason:
            self.table.change_run(self.run, "FAILED", result.failure_reason[:_DETAILS_LIMIT])
        else:
            self.table.change_run(self.run, "SUCCESS")


def _plan(run: ServerlessRun) -> ContainerPlan:
    """Return the work of a job run.

    Raises:
        JobFailure: The local AWS cannot run it.
    """
    driver = run.request.get("jobDriver", {})
    if "sparkSubmit" not in driver:
        raise JobFailure("the local AWS runs sparkSubmit only, and this job run has none")
    spark = driver["sparkSubmit"]
    arguments = [
        "spark-submit",
        *shlex.split(spark.get("sparkSubmitParameters", "")),
        spark["entryPoint"],
        *spark.get("entryPointArguments", ()),
    ]
    command, downloads = spark_submit(arguments)
    minutes = run.request.get("executionTimeoutMinutes")
    return ContainerPlan(
        command=command,
        log_group=LOG_GROUP,
        log_stream=_log_stream(run),
        downloads=downloads,
        failure_reason=lambda _, exit_code: f"spark-submit ended with exit code {exit_code}",
        max_runtime_seconds=minutes * 60.0 if minutes else None,
    )


def _identified(id_member: str, application: ServerlessApplication) -> Document:
    return {
        id_member: application.id,
        "name": application.request.get("name"),
        "arn": application.arn,
        "releaseLabel": application.request["releaseLabel"],
        "type": application.request["type"],
        "state": application.state,
        "createdAt": application.created,
        "updatedAt": application.updated,
    }


def _summary(run: ServerlessRun, application: ServerlessApplication, id_member: str) -> Document:
    return {
        "applicationId": run.application,
        id_member: run.id,
        "name": run.request.get("name"),
        "arn": run.arn,
        "createdBy": f"arn:aws:iam::{ACCOUNT_ID}:user/local",
        "createdAt": run.created,
        "updatedAt": run.updated,
        "executionRole": run.request["executionRoleArn"],
        "state": run.state,
        "stateDetails": run.details,
        "releaseLabel": application.request["releaseLabel"],
    }


def _log_stream(run: ServerlessRun) -> str:
    return f"applications/{run.application}/jobs/{run.id}"


def _folder_name(run: ServerlessRun) -> str:
    return f"{run.region}-emr-serverless-{run.application}-{run.id}"


def _several(value: str | Sequence[str] | None) -> Sequence[str]:
    """Return a list from the query, which is a text if it has one entry only."""
    return [value] if isinstance(value, str) else (value or [])


def _page(found: Sequence[Entry], request: Document) -> tuple[list[Entry], str | None]:
    size = int(request.get("maxResults", _PAGE))
    return page_after(
        found, lambda one: one.id, request.get("nextToken"), size, validation_error("nextToken is not valid")
    )
