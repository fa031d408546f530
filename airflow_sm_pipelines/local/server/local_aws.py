"""Starting and stopping a local AWS."""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from botocore.client import BaseClient
from moto import __version__ as moto_version
from moto.server import DomainDispatcherApplication

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.jobs.docker import find_docker
from airflow_sm_pipelines.local.jobs.job_site import Clients, JobSite
from airflow_sm_pipelines.local.jobs.runner import Runner
from airflow_sm_pipelines.local.jobs.sandbox import choose_sandbox
from airflow_sm_pipelines.local.sagemaker_sdk import write_sdk_configuration
from airflow_sm_pipelines.local.server.application import Application
from airflow_sm_pipelines.local.server.call_log import CallLog
from airflow_sm_pipelines.local.server.control import ControlEndpoints
from airflow_sm_pipelines.local.server.faults import FaultTable
from airflow_sm_pipelines.local.server.http_server import HttpServer
from airflow_sm_pipelines.local.server.other_services import create_moto_app
from airflow_sm_pipelines.local.services.emr.service import EmrClusters
from airflow_sm_pipelines.local.services.emr.table import ClusterTable
from airflow_sm_pipelines.local.services.emr_serverless.service import EmrServerless
from airflow_sm_pipelines.local.services.emr_serverless.table import ServerlessTable
from airflow_sm_pipelines.local.services.iam.policy_simulation import policy_simulation
from airflow_sm_pipelines.local.services.lambda_functions.service import lambda_operations
from airflow_sm_pipelines.local.services.sagemaker.executions.operations import PipelineExecutions
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import JobTable
from airflow_sm_pipelines.local.services.sagemaker.service import sagemaker_operations
from airflow_sm_pipelines.local.services.sagemaker.stored_forms import JOBS
from airflow_sm_pipelines.local.settings import ACCESS_KEY_ID, DOCKER, HOST, SECRET_ACCESS_KEY, LocalSettings
from airflow_sm_pipelines.local.state.moto_state import MotoState
from airflow_sm_pipelines.local.state.s3_state import StoredS3
from airflow_sm_pipelines.local.state.state_file import DOCUMENTS, StateFile, collection
from airflow_sm_pipelines.local.wire.json_service import JsonService, Service
from airflow_sm_pipelines.local.wire.query_service import QueryService
from airflow_sm_pipelines.local.wire.rest_json_service import RestJsonService
from airflow_sm_pipelines.local.wire.wsgi_call import WsgiApp

_USER_ATTEMPTS = 5
"""How often a client for users tries a call, as boto3 does by default."""

_POLL_SECONDS = 0.2
"""How long stopping may wait for the thread that accepts connections."""


class LocalAws:
    """A local AWS that serves in threads of this process; its jobs run as child processes.

    Use it as a context manager, or call `start` and `stop`. All services but SageMaker are moto's, whose state
    belongs to the process: two of these in one process share buckets, and the first one starts with none.

    Args:
        settings: Settings to begin with; the defaults if ``None``.
        **overrides: Single settings by the names of `LocalSettings`.

    Example:
        >>> with LocalAws(region="eu-west-1") as aws:
        ...     s3 = boto3.client("s3", endpoint_url=aws.endpoint_url)
    """

    def __init__(self, settings: LocalSettings | None = None, **overrides: Any) -> None:
        self.settings = replace(settings or LocalSettings(), **overrides)
        self._running: _Running | None = None
        self._resources = ExitStack()

    @property
    def endpoint_url(self) -> str:
        """URL for ``AWS_ENDPOINT_URL``.

        Raises:
            LocalAwsError: It is not running.
        """
        return f"http://{HOST}:{self._parts.server.port}"

    @property
    def sandbox(self) -> str:
        """Name of the sandbox that was chosen.

        Raises:
            LocalAwsError: It is not running.
        """
        return self._parts.sandbox

    def client(self, service: str, *, endpoint_url: str | None = None) -> BaseClient:
        """Return a boto3 client of this local AWS; it is closed when this stops.

        Args:
            service: boto3's name of the service.
            endpoint_url: Another address that answers in place of this one.

        Raises:
            LocalAwsError: It is not running.
        """
        return self._parts.clients.get(service, self.settings.region, endpoint_url)

    def environment(self) -> dict[str, str]:
        """Return the variables with which any AWS SDK, and the SageMaker SDK, talks to this local AWS.

        Raises:
            LocalAwsError: It is not running.
        """
        return dict(self._parts.environment)

    def start(self) -> None:
        """Choose the sandbox and begin to serve.

        Raises:
            LocalAwsError: The port is taken, the sandbox or the interpreter does not work, or it is already running.
        """
        if self._running is not None:
            raise LocalAwsError(f"this local AWS is already running at {self.endpoint_url}")
        with ExitStack() as resources:
            self._running = _start(self.settings, resources)
            self._resources = resources.pop_all()

    def stop(self) -> None:
        """Stop the jobs, then serving; does nothing if it is not running."""
        self._resources.close()
        self._running = None

    def __enter__(self) -> LocalAws:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _parts(self) -> _Running:
        if self._running is None:
            raise LocalAwsError("this local AWS is not running; call start() or use it in a with statement")
        return self._running


@dataclass(frozen=True, slots=True)
class _Running:
    server: HttpServer
    sandbox: str
    clients: Clients
    environment: dict[str, str]


def _start(settings: LocalSettings, resources: ExitStack) -> _Running:
    """Build all parts and start serving; ``resources`` closes them in the reverse order."""
    stand_in = settings.stand_in
    docker = find_docker() if settings.runs_images else None
    sandbox = choose_sandbox("auto" if docker else settings.sandbox)
    sandbox_name = DOCKER if docker else sandbox.name
    work_dir = _work_dir(settings, resources)
    moto = DomainDispatcherApplication(create_moto_app)
    resources.enter_context(MotoState(moto))
    file, fallback = _open_state(settings, moto, resources)
    jobs, faults, calls = JobTable(collection(file, "jobs", JOBS)), FaultTable(), CallLog()
    executions = PipelineExecutions(collection(file, "executions", DOCUMENTS))
    services: dict[str, Service] = {}

    def health() -> Document:
        return {
            "status": "ok",
            "version": settings.version,
            "moto": moto_version,
            "sandbox": sandbox_name,
            "jobs": jobs.count(),
        }

    internal_access_key_id = f"local-jobs-{secrets.token_hex(8)}"
    application = Application(
        services=services,
        operations=_operations_beside_moto(),
        fallback=stand_in.other_services(fallback, settings.region) if stand_in else fallback,
        control=ControlEndpoints(faults, calls, executions, health),
        faults=faults,
        calls=calls,
        default_region=settings.region,
        internal_access_key_id=internal_access_key_id,
    )
    server = _listen(settings.port, application)
    resources.callback(server.server_close)
    endpoint_url = f"http://{HOST}:{server.port}"
    clients = Clients(endpoint_url, internal_access_key_id)
    sdk = write_sdk_configuration(work_dir, settings.region)
    environment = {**_environment(endpoint_url, settings.region), **sdk}
    site = JobSite(settings, work_dir, sandbox, clients, environment, docker)
    site.create_commands()
    runner = Runner(site)
    services |= _services(file, jobs, executions, site, runner)
    threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="local-aws", daemon=True).start()
    resources.callback(server.close)
    resources.callback(clients.close)
    resources.callback(runner.close)  # first: ending jobs still upload and log
    user_clients = Clients(endpoint_url, ACCESS_KEY_ID, _USER_ATTEMPTS)
    resources.callback(user_clients.close)
    return _Running(server, sandbox_name, user_clients, environment)


def _services(
    file: StateFile | None, jobs: JobTable, executions: PipelineExecutions, site: JobSite, runner: Runner
) -> dict[str, Service]:
    """Return our own services by signing name."""
    clients, settings, stand_in = site.clients, site.settings, site.settings.stand_in
    emr = EmrClusters(ClusterTable(), clients, runner, stand_in)
    serverless = EmrServerless(ServerlessTable(), runner, stand_in)
    sagemaker = sagemaker_operations(file, jobs, executions, clients, runner, settings)
    return {
        "sagemaker": JsonService("sagemaker", sagemaker, stand_in),
        "elasticmapreduce": JsonService("emr", emr.operations(), stand_in),
        "emr-serverless": RestJsonService("emr-serverless", serverless.operations(), stand_in),
        "lambda": RestJsonService("lambda", lambda_operations(file, site)),
    }


def _operations_beside_moto() -> dict[tuple[str, str], Service]:
    """Return our own operations of services that are moto's, by signing name and operation."""
    simulation = policy_simulation()
    iam = QueryService("iam", simulation)
    return {("iam", name): iam for name in simulation}


def _open_state(settings: LocalSettings, moto: WsgiApp, resources: ExitStack) -> tuple[StateFile | None, WsgiApp]:
    """Return the state file, if there is one, and the application of all services but our own."""
    if settings.state_dir is None:
        return None, moto
    file = StateFile(settings.state_dir)
    resources.callback(file.close)
    s3 = StoredS3(moto, file)
    s3.restore()
    return file, s3


def _work_dir(settings: LocalSettings, resources: ExitStack) -> Path:
    if settings.work_dir is None:
        return Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="sm-pipelines-local-")))
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    return settings.work_dir.absolute()


def _listen(port: int, application: Application) -> HttpServer:
    try:
        return HttpServer(port, application)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise LocalAwsError(f"cannot listen on {HOST}:{port}: {reason}; choose another port with --port") from error


def _environment(endpoint_url: str, region: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
