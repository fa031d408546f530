"""What of a job runs: its command as a process, its image in Docker, or a command beside servers in Docker."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from airflow_sm_pipelines.local.jobs.container import OPT_ML, ContainerPlan, ImageRun, JobFolder, ModelServer
from airflow_sm_pipelines.local.jobs.docker import (
    HOST_NETWORK,
    SERVING_NETWORK,
    SERVING_PORT,
    Container,
    Docker,
    mount_points,
)
from airflow_sm_pipelines.local.jobs.job_process import JobProcess
from airflow_sm_pipelines.local.jobs.job_site import JobSite
from airflow_sm_pipelines.local.jobs.supervision import StopRequest
from airflow_sm_pipelines.local.sagemaker_sdk import CONFIGURATION_VARIABLE

SERVERS_VARIABLE = "LOCAL_AWS_MODEL_SERVERS"
"""Tells the command of a job how to start its model servers, in the order of the model's containers."""

_NAME_PREFIX = "sm-pipelines-"
_SDK_CONFIGURATION = f"{OPT_ML}/config/sagemaker-sdk.yaml"
"""Where a container finds the SDK's configuration, whose path on this machine says nothing to it."""
_OUTPUT = f"{OPT_ML}/output"
_STOP_SECONDS = 5


class JobContainers:
    """The running part of one job, with the containers that it needs.

    Args:
        site: Where it runs.
        plan: Its plan.
        folder: Its files on this machine.
        name: Unique among all jobs of this local AWS.
        stop: The request to end early.
    """

    def __init__(self, site: JobSite, plan: ContainerPlan, folder: JobFolder, name: str, stop: StopRequest) -> None:
        self._site = site
        self._plan = plan
        self._folder = folder
        self._name = f"{_NAME_PREFIX}{name}"
        self._stop = stop
        self._container: Container | None = None

    def obtain_images(self) -> None:
        """Pull the images that Docker does not have.

        Raises:
            JobFailure: An image cannot be pulled.
        """
        runs = [self._plan.image_run, *(server.run for server in self._plan.servers)]
        for run in runs:
            if run is not None:
                self._docker.obtain(run.image, self._stop)

    def start(self, resources: ExitStack) -> JobProcess:
        """Start the job, whose files are staged.

        Args:
            resources: Removes its containers.

        Raises:
            JobFailure: Docker refuses.
        """
        directory = self._folder.working_directory
        if self._plan.image_run is not None:
            self._container = self._create(self._plan.image_run, resources)
            return self._container.start(directory)
        wrapped = self._site.sandbox.wrap(self._folder, self._plan.command, self._plan.environment)
        self._site.furnish(self._folder.home)
        environment = self._site.environment(self._folder.home)
        if not self._plan.servers:
            return wrapped.start(directory, environment)
        servers = [
            self._create_server(number, server, resources) for number, server in enumerate(self._plan.servers, start=1)
        ]
        environment[SERVERS_VARIABLE] = json.dumps([_how_to_serve(server) for server in servers])
        farewell = self._docker.remove_command([server.name for server in servers])
        return wrapped.start(directory, environment, farewell, self._docker.environment)

    def fetch(self, paths: Iterable[str]) -> None:
        """Bring folders of the job's container to this machine; a job without one has them here already.

        Raises:
            JobFailure: Docker refuses.
        """
        if self._container is not None:
            for path in paths:
                self._container.fetch(path, self._folder.locate(path))

    def finish(self, exit_code: int) -> int:
        """Bring what the job has written to this machine, and return its exit code.

        Args:
            exit_code: That of the process that has ended.

        Raises:
            JobFailure: The container could not be started, or Docker refuses.
        """
        if self._container is None:
            return exit_code
        own = self._container.exit_code()
        self.fetch(
            [_OUTPUT, *sorted(self._plan.output_paths)]
        )  # a folder before those in it, which replace their copies
        return own

    @property
    def _docker(self) -> Docker:
        docker = self._site.docker
        assert docker is not None  # noqa: S101 - only then does a plan have images
        return docker

    def _create(self, run: ImageRun, resources: ExitStack) -> Container:
        plan, folder = self._plan, self._folder
        paths = mount_points([*plan.output_paths, *(source.path for source in plan.downloads)])
        environment = dict(self._site.aws_environment)
        if configuration := environment.get(CONFIGURATION_VARIABLE):
            folder.locate(_SDK_CONFIGURATION).write_text(Path(configuration).read_text())
            environment[CONFIGURATION_VARIABLE] = _SDK_CONFIGURATION
        container = resources.enter_context(
            self._docker.container(
                self._name,
                run,
                network=HOST_NETWORK,
                environment={**environment, **plan.environment},
                paths=paths,
                scratch=folder.scratch,
            )
        )
        for path in paths:
            container.put(folder.opt_ml if path == OPT_ML else folder.locate(path), path)
        return container

    def _create_server(self, number: int, server: ModelServer, resources: ExitStack) -> Container:
        container = resources.enter_context(
            self._docker.container(
                f"{self._name}-model-{number}",
                server.run,
                network=SERVING_NETWORK,
                environment={**self._site.aws_environment, **server.environment},
                paths=[f"{OPT_ML}/model"],
                scratch=self._folder.scratch,
            )
        )
        model = self._folder.locate(server.model_path)
        model.mkdir(parents=True, exist_ok=True)
        container.put(model, f"{OPT_ML}/model")
        return container


def _how_to_serve(container: Container) -> dict[str, object]:
    """Return the commands by which `runtimes.image_server` starts, finds and stops a server."""
    program = container.docker.program
    return {
        "start": [program, "start", "--attach", container.name],
        "address": [program, "port", container.name, f"{SERVING_PORT}/tcp"],
        "stop": [program, "stop", "--time", str(_STOP_SECONDS), container.name],
        "environment": dict(container.docker.environment),
    }
