"""Everything that the jobs of one local AWS share: clients, interpreter, sandbox, folders."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from botocore.client import BaseClient
from botocore.config import Config

from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.jobs.docker import Docker
from airflow_sm_pipelines.local.jobs.sandbox import Sandbox
from airflow_sm_pipelines.local.settings import HOST, SECRET_ACCESS_KEY, LocalSettings
from airflow_sm_pipelines.local.wire.service_models import boto_session

_PASSED_ON = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
"""Variables of this process that a job sees. No others: a container would not see this user's secrets either."""


RUNTIME_COMMAND = "local-aws-runtime"
"""Runs one of `airflow_sm_pipelines.local.runtimes` in the jobs' interpreter: its name and arguments follow."""

VENV_VARIABLE = "LOCAL_AWS_VENV"
"""Where a job's own virtual environment is. Its interpreter runs all of the job, so that nothing that the job installs,
not even by ``[sys.executable, "-m", "pip", …]``, comes into the environment of the interpreter that it is made from."""

PYTHON_VARIABLE = "LOCAL_AWS_PYTHON"
"""That interpreter, for messages: what is missing there is installed there by people."""

_MAKING_SECONDS = 60
_TAIL = 1000

_PACKAGE = Path(__file__).resolve().parents[2]
_RUNTIME_MAIN = "from airflow_sm_pipelines.local.runtimes.start import main\n\nmain()\n"
"""Python runs the folder with it, and finds there this package only, none of what is installed beside it."""


_creation = threading.Lock()
"""Held while a client is created: all are of one session."""


class Clients:
    """boto3 clients of a local AWS, one for each service and region.

    Args:
        endpoint_url: Where the local AWS listens.
        access_key_id: Marks its calls as its own.
        max_attempts: How often a call is tried in all.
    """

    def __init__(self, endpoint_url: str, access_key_id: str, max_attempts: int = 1) -> None:
        self._max_attempts = max_attempts
        self._endpoint_url = endpoint_url
        self._access_key_id = access_key_id
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, str], BaseClient] = {}

    def get(self, service: str, region: str, endpoint_url: str | None = None) -> BaseClient:
        """Return the client of a service in a region.

        Args:
            service: boto3's name of the service.
            region: The region.
            endpoint_url: Another address that answers in place of the local AWS.
        """
        key = (service, region, endpoint_url or self._endpoint_url)
        with self._lock:  # creating clients is not thread-safe, using them is
            if key not in self._clients:
                self._clients[key] = self._create(*key)
            return self._clients[key]

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _create(self, service: str, region: str, endpoint_url: str) -> BaseClient:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": self._max_attempts},
            max_pool_connections=64,
            proxies={"none": ""},  # instead of those in this user's variables: loopback is reached directly
        )
        with _creation:
            return boto_session().client(
                service,
                region_name=region,
                endpoint_url=endpoint_url,
                aws_access_key_id=self._access_key_id,
                aws_secret_access_key=SECRET_ACCESS_KEY,
                aws_session_token="",
                config=config,
            )


@dataclass(frozen=True, slots=True)
class JobSite:
    """The place where jobs run.

    Attributes:
        settings: Settings of the local AWS.
        work_dir: Parent of all job folders.
        sandbox: How a job gets its own ``/opt/ml``.
        clients: Clients for staging and logs.
        aws_environment: The AWS variables of every job.
        docker: Where images run; ``None`` if none does.
    """

    settings: LocalSettings
    work_dir: Path
    sandbox: Sandbox
    clients: Clients
    aws_environment: Mapping[str, str]
    docker: Docker | None = None

    @property
    def _commands(self) -> Path:
        return self.work_dir / "bin"

    @property
    def _packages(self) -> Path:
        return self.work_dir / "packages"

    @property
    def _environment(self) -> Path:
        """The virtual environment of which every job gets a copy."""
        return self.work_dir / "environment"

    @property
    def _interpreter(self) -> str:
        """The interpreter of the settings. Links are not resolved: Python finds its virtual environment by the name.

        Raises:
            LocalAwsError: It does not exist.
        """
        interpreter = shutil.which(self.settings.python)
        if interpreter is None:
            raise LocalAwsError(f"the jobs' interpreter {self.settings.python} is not an executable file")
        return os.path.abspath(interpreter)

    def create_commands(self) -> None:
        """Put the jobs' environment, ``pip`` and `RUNTIME_COMMAND` in place.

        Raises:
            LocalAwsError: The interpreter of the settings does not exist, or cannot make a virtual environment.
        """
        interpreter = self._interpreter
        self._commands.mkdir(parents=True, exist_ok=True)
        self._packages.mkdir(exist_ok=True)
        (self._packages / "__main__.py").write_text(_RUNTIME_MAIN)
        link = self._packages / _PACKAGE.name
        link.unlink(missing_ok=True)  # a kept work_dir has one, perhaps of another installation
        link.symlink_to(_PACKAGE)
        self._make_environment(interpreter)
        python = f'#!/bin/sh\nexec "${VENV_VARIABLE}/bin/python"'
        self._create_command(RUNTIME_COMMAND, f'{python} {shlex.quote(str(self._packages))} "$@"\n')
        # pip3.11 and python3.11, too, which else might be this user's, by the PATH.
        versions = [link.name.removeprefix("python") for link in (self._environment / "lib").glob("python3*")]
        for version in ("", "3", *versions):
            self._create_command(f"pip{version}", f'{python} -m pip "$@"\n')
            name = self._environment / "bin" / f"python{version}"
            if not name.exists():
                name.symlink_to("python")

    def _make_environment(self, interpreter: str) -> None:
        shutil.rmtree(self._environment, ignore_errors=True)  # of a kept work_dir, perhaps by another interpreter
        command = [interpreter, str(self._packages), "job_environment", "-", str(self._environment)]
        cannot = (
            f"the jobs' interpreter {interpreter} cannot make a virtual environment; "
            "jobs need Python 3.9 or later with the module venv"
        )
        try:
            made = subprocess.run(  # noqa: S603 - the user's own choice
                command,
                env=self.environment(self.work_dir),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=_MAKING_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LocalAwsError(f"{cannot}: {error}") from error
        if made.returncode != 0 or not (self._environment / "bin" / "python").exists():
            raise LocalAwsError(
                f"{cannot}. Its exit code is {made.returncode}, its output: {made.stdout.strip()[-_TAIL:]}"
            )

    def furnish(self, home: Path) -> None:
        """Give a job its own virtual environment, in which it runs and into which it installs.

        Args:
            home: The job's home.
        """
        shutil.copytree(self._environment, home / "venv", symlinks=True)

    def _create_command(self, name: str, text: str) -> None:
        path = self._commands / name
        path.write_text(text)
        path.chmod(0o755)

    def environment(self, home: Path) -> dict[str, str]:
        """Return the variables of every job, before its own.

        Args:
            home: The job's home.
        """
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {
            "LANG": "C.UTF-8",
            **passed_on,
            "PATH": os.pathsep.join(
                [str(home / "venv" / "bin"), str(self._commands), os.environ.get("PATH", os.defpath)]
            ),
            "HOME": str(home),
            VENV_VARIABLE: str(home / "venv"),
            PYTHON_VARIABLE: self._interpreter,
            "PYTHONUNBUFFERED": "1",  # the log shows lines when they are printed
            "SPARK_LOCAL_IP": HOST,  # else Spark listens on the address of this machine's name
            **self.aws_environment,
        }
