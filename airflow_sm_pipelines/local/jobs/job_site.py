"""What all jobs of one local AWS share: clients, interpreter, sandbox, folders."""

from __future__ import annotations

import os
import shlex
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.jobs.sandbox import Sandbox
from airflow_sm_pipelines.local.settings import SECRET_ACCESS_KEY, LocalSettings

_PASSED_ON = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
"""Variables of this process that a job sees. No others: a container would not see this user's secrets either."""


RUNTIME_COMMAND = "local-aws-runtime"
"""Runs one of `airflow_sm_pipelines.local.runtimes` in the jobs' interpreter: its name and arguments follow."""

VENV_VARIABLE = "LOCAL_AWS_VENV"
"""Where a job's own virtual environment is, once it has installed something: nothing that a job installs comes into the
interpreter's own environment."""

_PYTHON = """#!/bin/sh
if [ "$1 $2" = "-m pip" ]; then shift 2; exec {pip} "$@"; fi
if [ -x "${venv}/bin/python" ]; then exec "${venv}/bin/python" "$@"; fi
{python} "$@"
"""

_PACKAGE = Path(__file__).resolve().parents[2]
_RUNTIME_MAIN = "from airflow_sm_pipelines.local.runtimes.start import main\n\nmain()\n"
"""Python runs the folder with it, and finds there this package only, none of what is installed beside it."""


class Clients:
    """boto3 clients of the local AWS for its own use, one for each service and region.

    Args:
        endpoint_url: Where the local AWS listens.
        access_key_id: Marks its calls as its own.
    """

    def __init__(self, endpoint_url: str, access_key_id: str) -> None:
        self._endpoint_url = endpoint_url
        self._session: Any = boto3.Session(
            aws_access_key_id=access_key_id, aws_secret_access_key=SECRET_ACCESS_KEY, aws_session_token=""
        )
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}

    def get(self, service: str, region: str) -> Any:
        """The client of a service in a region."""
        with self._lock:  # creating clients is not thread-safe, using them is
            key = (service, region)
            if key not in self._clients:
                self._clients[key] = self._create(service, region)
            return self._clients[key]

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _create(self, service: str, region: str) -> Any:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=64,
            proxies={"none": ""},  # instead of those in this user's variables: loopback is reached directly
        )
        return self._session.client(service, region_name=region, endpoint_url=self._endpoint_url, config=config)


@dataclass(frozen=True, slots=True)
class JobSite:
    """Where jobs run.

    Args:
        settings: Settings of the local AWS.
        work_dir: Parent of all job folders.
        sandbox: How a job gets its own ``/opt/ml``.
        clients: Clients for staging and logs.
        aws_environment: The AWS variables of every job.
    """

    settings: LocalSettings
    work_dir: Path
    sandbox: Sandbox
    clients: Clients
    aws_environment: Mapping[str, str]

    @property
    def _commands(self) -> Path:
        return self.work_dir / "bin"

    @property
    def _packages(self) -> Path:
        return self.work_dir / "packages"

    def create_commands(self) -> None:
        """Put ``python``, ``pip`` and `RUNTIME_COMMAND` for the jobs in place.

        Raises:
            LocalAwsError: The interpreter of the settings does not exist.
        """
        interpreter = shutil.which(self.settings.python)
        if interpreter is None:
            raise LocalAwsError(f"the jobs' interpreter {self.settings.python} is not an executable file")
        self._commands.mkdir(parents=True, exist_ok=True)
        self._packages.mkdir(exist_ok=True)
        (self._packages / "__main__.py").write_text(_RUNTIME_MAIN)
        link = self._packages / _PACKAGE.name
        link.unlink(missing_ok=True)  # a kept work_dir has one, perhaps of another installation
        link.symlink_to(_PACKAGE)
        # Not a symbolic link: Python would not find the virtual environment that the interpreter belongs to.
        python = f"exec {shlex.quote(os.path.abspath(interpreter))}"
        runtime = f"{python} {shlex.quote(str(self._packages))}"
        pip = shlex.quote(str(self._commands / "pip"))
        for name in ("python", "python3"):
            self._create_command(name, _PYTHON.format(pip=pip, venv=VENV_VARIABLE, python=python))
        for name in ("pip", "pip3"):
            self._create_command(name, f'#!/bin/sh\n{runtime} pip_of_job - "$@"\n')
        self._create_command(RUNTIME_COMMAND, f'#!/bin/sh\n{runtime} "$@"\n')

    def _create_command(self, name: str, text: str) -> None:
        path = self._commands / name
        path.write_text(text)
        path.chmod(0o755)

    def environment(self, home: Path) -> dict[str, str]:
        """The variables of every job, before its own.

        Args:
            home: The job's home.
        """
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {
            "LANG": "C.UTF-8",
            **passed_on,
            "PATH": f"{self._commands}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(home),
            VENV_VARIABLE: str(home / "venv"),
            "PYTHONUNBUFFERED": "1",  # the log shows lines when they are printed
            **self.aws_environment,
        }
