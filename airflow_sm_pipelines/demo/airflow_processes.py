"""A whole Airflow on this machine: API server, scheduler, DAG processor and triggerer on one SQLite file.

The components are those of ``airflow standalone``, started one by one: the log servers of standalone would listen on
every network interface, and none of its components can be restarted alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from urllib.error import URLError

from airflow_sm_pipelines.demo.airflow_api import AirflowApi, AirflowApiError
from airflow_sm_pipelines.errors import SageMakerPipelinesError
from airflow_sm_pipelines.rehearsal.isolation import THIS_MACHINE, without_settings

COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
"""Name -> arguments of ``airflow``."""
_USERNAME = "admin"
_AIRFLOW = (sys.executable, "-m", "airflow")


class AirflowStartError(SageMakerPipelinesError):
    """Airflow did not start; the message names the component and holds the end of its log."""


class AirflowProcesses:
    """Airflow in a folder of its own, on free ports of the loopback interface.

    Args:
        home: ``AIRFLOW_HOME``; created if it does not exist.
        dags_folder: Where the DAG files are.
        environment: Further environment variables of all components, e.g. those of the local AWS.
        settings: Airflow settings, as environment variables, e.g. ``{"AIRFLOW__CORE__PARALLELISM": "2"}``.
        stop_seconds: Seconds that a component gets to end; then it is killed.
        components: The components by name, with the arguments of ``airflow``.
    """

    def __init__(
        self,
        home: Path,
        dags_folder: Path,
        environment: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        stop_seconds: float = 20.0,
        components: Mapping[str, tuple[str, ...]] = COMPONENTS,
    ) -> None:
        self.home = home
        self.password = secrets.token_urlsafe(12)
        port = _free_port()
        self.api = AirflowApi(f"http://127.0.0.1:{port}", _USERNAME, self.password)
        self._environment = {
            **without_settings(os.environ, "AIRFLOW_"),
            **_settings(home, dags_folder, port),
            **(settings or {}),
            **(environment or {}),
        }
        self._stop_seconds = stop_seconds
        self._components = components
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def login(self) -> tuple[str, str]:
        """Name and password of the one user."""
        return _USERNAME, self.password

    def start(self, timeout: float = 180.0) -> None:
        """Create the database, start all components, and wait until all are healthy.

        Args:
            timeout: Seconds to wait.

        Raises:
            AirflowStartError: A component ended, or did not become healthy in time.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "passwords.json").write_text(json.dumps({_USERNAME: self.password}))
        self._migrate(timeout)
        for component in self._components:
            self.start_component(component)
        self._wait_until_healthy(time.monotonic() + timeout)

    def _migrate(self, timeout: float) -> None:
        migration = self._spawn("db-migrate", ("db", "migrate"))
        try:
            code = migration.wait(timeout)
        except subprocess.TimeoutExpired:
            raise self._not_started("db-migrate", f"took longer than {timeout:g} s") from None
        finally:
            _end(migration, signal.SIGTERM, self._stop_seconds)
        if code != 0:
            raise self._not_started("db-migrate", f"ended with exit code {code}")

    def start_component(self, component: str) -> None:
        """Start one of the components."""
        self._processes[component] = self._spawn(component, self._components[component])

    def stop_component(self, component: str, sig: int = signal.SIGTERM) -> None:
        """End one component and what it has started."""
        process = self._processes.pop(component)
        _end(process, sig, self._stop_seconds)

    def stop(self) -> None:
        """End all components."""
        try:
            for process in self._processes.values():
                _signal(process, signal.SIGTERM)
            for component in list(self._processes):
                self.stop_component(component)
        finally:  # also if the wait is interrupted
            for process in self._processes.values():
                _signal(process, signal.SIGKILL)

    def ended_component(self) -> str | None:
        """Return a component that has ended by itself; ``None`` if all run."""
        return next((name for name, process in self._processes.items() if process.poll() is not None), None)

    def last_log_lines(self, component: str, count: int = 15) -> str:
        """Return the end of a component's output, indented."""
        text = self.log_file(component).read_text(errors="replace")
        return "\n".join(f"    {line}" for line in text.splitlines()[-count:])

    def log_file(self, component: str) -> Path:
        """Return where a component's output goes."""
        return self.home / f"{component}.log"

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the environment of the components, and return what it printed."""
        return subprocess.run(  # noqa: S603 - our own commands
            command, env=self._environment, capture_output=True, text=True, check=False
        )

    def __enter__(self) -> AirflowProcesses:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self, name: str, arguments: tuple[str, ...]) -> subprocess.Popen[bytes]:
        with self.log_file(name).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own commands
                [*_AIRFLOW, *arguments],
                env=self._environment,
                cwd=self.home,  # with -m, a folder "airflow" where the user stands would be imported instead
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_until_healthy(self, deadline: float) -> None:
        late = "api-server"
        while time.monotonic() < deadline:
            ended = self.ended_component()
            if ended is not None:
                raise self._not_started(ended, f"ended with exit code {self._processes[ended].poll()}")
            with contextlib.suppress(URLError, AirflowApiError, ConnectionError):
                unhealthy = [name for name, status in self.api.health().items() if status != "healthy"]
                if not unhealthy:
                    return
                late = unhealthy[0].replace("_", "-")
            time.sleep(0.5)
        raise self._not_started(late, "did not become healthy in time")

    def _not_started(self, component: str, what: str) -> AirflowStartError:
        # The API server answers for the database, too.
        log = component if self.log_file(component).exists() else "api-server"
        return AirflowStartError(
            f"Airflow did not start: its {component} {what}. The last lines of its log:\n{self.last_log_lines(log)}"
        )


def _settings(home: Path, dags_folder: Path, port: int) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # Four components write to one file; sqlite3's own patience is 5 s, then a request fails.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout=60",
        # LocalExecutor starts this many workers at once; each takes about 50 MB.
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{_USERNAME}:admin",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__WORKERS": "1",
        # An error of the database is named, so that a locked one can be told from others; only this machine asks.
        "AIRFLOW__API__EXPOSE_STACKTRACE": "True",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "NO_PROXY": THIS_MACHINE,
        "no_proxy": THIS_MACHINE,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _signal(process: subprocess.Popen[bytes], sig: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, sig)


def _end(process: subprocess.Popen[bytes], sig: int, patience: float) -> None:
    _signal(process, sig)
    with contextlib.suppress(subprocess.TimeoutExpired):  # the whole group is killed below
        process.wait(patience)
    _signal(process, signal.SIGKILL)
    process.wait()
