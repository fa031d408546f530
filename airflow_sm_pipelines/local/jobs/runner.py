"""Running jobs: one thread each, from staging to the end."""

from __future__ import annotations

import codecs
import logging
import shutil
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol

from botocore.client import BaseClient

from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.jobs.container import ContainerPlan, JobFailure, JobFolder, S3Archive, S3Upload
from airflow_sm_pipelines.local.jobs.job_containers import JobContainers
from airflow_sm_pipelines.local.jobs.job_logs import JobLog
from airflow_sm_pipelines.local.jobs.job_site import JobSite
from airflow_sm_pipelines.local.jobs.metrics import MetricReader, MetricValue
from airflow_sm_pipelines.local.jobs.s3_transfer import OutputUploader, copy_or_unpack, download, upload_archive
from airflow_sm_pipelines.local.jobs.supervision import StopRequest, Supervisor
from airflow_sm_pipelines.local.server.faults import JobFault

_log = logging.getLogger(__name__)

_MESSAGE_BYTES = 1024
"""First 1 KB of ``/opt/ml/output/message`` (developer guide, "Save and Access Metadata Information")."""


@dataclass(frozen=True, slots=True)
class JobResult:
    """The end of a job.

    Attributes:
        stopped: It was stopped, by a request or by its time limit.
        timed_out: It was stopped by its time limit.
        failure_reason: Why it failed; ``None`` if it did not.
        exit_message: What it wrote into ``/opt/ml/output/message``.
        metrics: Last value of each metric that its output had.
    """

    stopped: bool = False
    timed_out: bool = False
    failure_reason: str | None = None
    exit_message: str | None = None
    metrics: tuple[MetricValue, ...] = ()


class JobPhase(Enum):
    """A phase of a job."""

    DOWNLOADING = auto()
    """Its inputs come."""
    RUNNING = auto()
    """Its command runs."""
    UPLOADING = auto()
    """Its outputs go."""


class JobEvents(Protocol):
    """A listener to a job's life, called in the job's thread."""

    def entered(self, phase: JobPhase) -> None:
        """Handle that the job has entered a phase."""

    def stopping(self) -> None:
        """Handle that the job is being stopped because of its time limit."""

    def ended(self, result: JobResult) -> None:
        """Handle that the job has ended; nothing of it runs any more."""


@dataclass(frozen=True, slots=True)
class JobAccess:
    """The means of a job without a container.

    Attributes:
        stop: The request to end early.
        entered: Tells that the job has entered a phase.
        client: Returns the boto3 client of a service, in the job's region.
    """

    stop: StopRequest
    entered: Callable[[JobPhase], None]
    client: Callable[[str], BaseClient]


@dataclass(frozen=True, slots=True)
class OwnWork:
    """The work of a job without a container.

    Attributes:
        run: Does it in the job's thread; ends early when it is asked to stop; may raise `JobFailure`.
    """

    run: Callable[[JobAccess], JobResult]


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A job to run.

    Attributes:
        folder_name: Unique among all jobs of this local AWS.
        region: Region of its S3 and log calls.
        plan: Makes the plan of its container, or its own work; may raise `JobFailure`.
        events: Who is told.
        fault: What a fault rule wants of it.
    """

    folder_name: str
    region: str
    plan: Callable[[], ContainerPlan | OwnWork]
    events: JobEvents
    fault: JobFault = field(default_factory=JobFault)


class Runner:
    """A runner of jobs of all kinds.

    Args:
        site: Where they run.
    """

    def __init__(self, site: JobSite) -> None:
        self._site = site
        stand_in = site.settings.stand_in
        self._waits_for_ends = stand_in is not None and stand_in.ends_jobs_at_once
        self._lock = threading.Lock()
        self._running: dict[str, tuple[threading.Thread, StopRequest]] = {}
        self._closed = False

    def start(self, task: JobOrder) -> None:
        """Start a job in a thread of its own; wait for its end if a stand-in ends all at once.

        Raises:
            AwsError: ``ServiceUnavailable``, because the local AWS is stopping.
        """
        stop = StopRequest()
        thread = threading.Thread(target=self._run, args=(task, stop), name=task.folder_name, daemon=True)
        with self._lock:
            if self._closed:
                stop.close()
                raise AwsError("ServiceUnavailable", "The local AWS is stopping", 503)
            self._running[task.folder_name] = (thread, stop)
        thread.start()
        if self._waits_for_ends:
            thread.join()

    def stop(self, folder_name: str) -> None:
        """Ask a job to stop; nothing happens if it has ended."""
        self._ask_to_stop(folder_name, self._site.settings.stop_grace_seconds)

    def close(self) -> None:
        """Stop all jobs and wait for their ends."""
        with self._lock:
            self._closed = True
            threads = [thread for thread, _ in self._running.values()]
            names = list(self._running)
        for name in names:
            self._ask_to_stop(name, self._site.settings.shutdown_grace_seconds)
        for thread in threads:
            thread.join()

    def _ask_to_stop(self, folder_name: str, grace_seconds: float) -> None:
        with self._lock:
            if folder_name in self._running:
                self._running[folder_name][1].set(grace_seconds)

    def _run(self, task: JobOrder, stop: StopRequest) -> None:
        try:
            result = self._result(task, stop)
        except Exception as error:
            _log.exception("Job %s broke the local AWS", task.folder_name)
            result = JobResult(stopped=False, failure_reason=f"InternalServerError: local AWS: {error!r}")
        with self._lock:
            del self._running[task.folder_name]
            stop.close()
        task.events.ended(result)

    def _result(self, task: JobOrder, stop: StopRequest) -> JobResult:
        if stop.wait(task.fault.delay_seconds):
            return JobResult(stopped=True)
        folder = JobFolder(self._site.work_dir / task.folder_name)
        try:
            if task.fault.failure_reason is not None:
                raise JobFailure(task.fault.failure_reason)
            plan = task.plan()
            if isinstance(plan, OwnWork):
                clients = self._site.clients
                return plan.run(JobAccess(stop, task.events.entered, lambda name: clients.get(name, task.region)))
            return _Job(self._site, task, replace(folder, has_all_paths=plan.image_run is not None), plan, stop).run()
        except JobFailure as failure:
            return JobResult(stopped=False, failure_reason=str(failure))
        finally:
            if self._site.settings.work_dir is None:
                shutil.rmtree(folder.root, ignore_errors=True)


class _Job:
    """One job with a plan."""

    def __init__(
        self, site: JobSite, task: JobOrder, folder: JobFolder, plan: ContainerPlan, stop: StopRequest
    ) -> None:
        self._site = site
        self._task = task
        self._folder = folder
        self._plan = plan
        self._stop = stop
        self._s3 = site.clients.get("s3", task.region)
        self._metrics = MetricReader(plan.metrics)
        self._timed_out = False
        self._containers = JobContainers(site, plan, folder, task.folder_name, stop)
        self._outputs = [
            (output, OutputUploader(self._s3, output, folder)) for output in plan.uploads
        ]  # checks their paths before anything runs

    def run(self) -> JobResult:
        """Stage, run, upload; raises `JobFailure` for what fails outside of the container."""
        self._task.events.entered(JobPhase.DOWNLOADING)
        self._stage()
        self._containers.obtain_images()
        if self._stop.is_set:
            return JobResult(stopped=True)
        exit_code = self._run_command()
        stopped = self._stop.is_set
        reason = self._plan.failure_reason(self._folder, exit_code) if exit_code and not stopped else None
        self._task.events.entered(JobPhase.UPLOADING)
        try:
            self._upload(continuous_only=False)
            for archive in self._plan.archives:
                upload_archive(self._s3, archive, self._folder)
            message = _read_message(self._folder)
        except JobFailure as failure:
            raise JobFailure(f"{reason}; {failure}" if reason else str(failure)) from failure
        return JobResult(
            stopped=stopped,
            timed_out=self._timed_out,
            failure_reason=reason,
            exit_message=message,
            metrics=self._metrics.values(),
        )

    def _stage(self) -> None:
        self._folder.create()
        for source in self._plan.downloads:
            download(self._s3, source, self._folder)
        for unpacking in self._plan.unpackings:
            copy_or_unpack(self._folder.locate(unpacking.archive), self._folder.locate(unpacking.path))
        outputs: tuple[S3Upload | S3Archive, ...] = (*self._plan.uploads, *self._plan.archives)
        for output in outputs:
            self._folder.locate(output.path).mkdir(parents=True, exist_ok=True)
        for path, text in self._plan.files.items():
            place = self._folder.locate(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)

    def _time_out(self) -> None:
        self._timed_out = True
        self._task.events.stopping()

    def _run_command(self) -> int:
        plan, settings = self._plan, self._site.settings
        logs = self._site.clients.get("logs", self._task.region)
        log = JobLog(logs, plan.log_group, plan.log_stream, self._metrics.read)
        supervisor = Supervisor(
            write=log.write,
            flush=log.flush,
            upload=self._upload_meanwhile,
            upload_seconds=settings.continuous_upload_seconds if self._has_continuous_output else None,
            max_runtime_seconds=plan.max_runtime_seconds,
            grace_seconds=settings.stop_grace_seconds,
            stopping=self._time_out,
        )
        with ExitStack() as resources:
            process = resources.enter_context(self._containers.start(resources))
            self._task.events.entered(JobPhase.RUNNING)
            exit_code = supervisor.watch(process, self._stop)
            log.close()
            return self._containers.finish(exit_code)

    @property
    def _has_continuous_output(self) -> bool:
        return any(output.continuous for output in self._plan.uploads)

    def _upload_meanwhile(self) -> None:
        self._containers.fetch(output.path for output in self._plan.uploads if output.continuous)
        self._upload(continuous_only=True)

    def _upload(self, *, continuous_only: bool) -> None:
        for output, uploader in self._outputs:
            if output.continuous or not continuous_only:
                uploader.upload()


def _read_message(folder: JobFolder) -> str | None:
    """Return the first 1 KB of the job's message; one that is not UTF-8 fails the job (page of `_MESSAGE_BYTES`)."""
    path = folder.opt_ml / "output" / "message"
    if not path.is_file() or path.is_symlink():
        return None
    with path.open("rb") as file:
        start = file.read(_MESSAGE_BYTES)
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(start) or None
    except UnicodeDecodeError as error:
        raise JobFailure("ClientError: /opt/ml/output/message is not UTF-8 encoded") from error
