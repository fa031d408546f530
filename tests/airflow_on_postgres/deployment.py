"""One Airflow on PostgreSQL, each of whose components can be killed and started by itself; and what is asked of it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import URLError
from urllib.parse import quote

from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from airflow_sm_pipelines.demo.airflow_processes import COMPONENTS, AirflowProcesses

ENDED = {"success", "failed"}
_CHATTER = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[(info|warning)")
_TROUBLE = {"warning", "error", "critical"}
SWEEP_DAG, _SWEEP_TASK = "sm_pipelines_stop_orphans", "stop_orphans"
"""The maintenance DAG, and its task."""
_PATIENCE = 600.0
"""Seconds after which a wait gives up; long, since the machine may be busy with other things."""


class AttackError(Exception):
    """What was to be done to it could not be carried out; says nothing of the product."""


def wait_for(look: Callable[[], Any], what: str, patience: float = _PATIENCE, pause: float = 0.5) -> Any:
    """Return the first true answer.

    Raises:
        AttackError: There was none in time.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(pause)
    raise AttackError(f"waited {patience:g} s in vain for {what}")


class Deployment:
    """An Airflow with a database and a folder of DAG files of its own, and without a configured name.

    Args:
        name: What to call it in messages.
        dags: The DAG files; it gets a copy of them.
        home: Where it lives; created.
        database: Address of its database, for SQLAlchemy.
        environment: That of its AWS.
        settings: Further settings of Airflow, as environment variables.
        sweeps_by_dag: Sweep with the maintenance DAG instead of the command.
    """

    def __init__(
        self,
        name: str,
        dags: Path,
        home: Path,
        database: str,
        environment: Mapping[str, str],
        settings: Mapping[str, str] | None = None,
        *,
        sweeps_by_dag: bool = False,
    ) -> None:
        self.name = name
        self.sweeps_by_dag = sweeps_by_dag
        self.dags = home / "dags"
        self._source = dags
        self.airflow = _NamelessAirflow(
            home,
            self.dags,
            environment=environment,
            settings={
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
                "AIRFLOW__CORE__PARALLELISM": "8",
                # A file that has changed is read at once all the same; reading the others takes a whole core.
                "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
                "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "5",
                **(settings or {}),
            },
        )
        self._lock = threading.Lock()
        self._processes = set(COMPONENTS)

    def __enter__(self) -> Deployment:
        self.copy_dags()
        self.airflow.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.airflow.stop()

    def copy_dags(self) -> None:
        """Put the DAG files as they are here where this Airflow reads them."""
        shutil.copytree(self._source, self.dags, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))

    # -- components ------------------------------------------------------------------------------------------------

    def kill(self, component: str) -> None:
        """End a component as ``kill -9`` does, with all that it has started."""
        with self._lock:
            if component in self._processes:
                self._processes.remove(component)
                self.airflow.stop_component(component, signal.SIGKILL)

    def start(self, component: str) -> None:
        """Start a component that is away, and wait until it is healthy."""
        with self._lock:
            if component not in self._processes:
                self._processes.add(component)
                self.airflow.start_component(component)
        part = {"api-server": "metadatabase"}.get(component, component.replace("-", "_"))
        wait_for(lambda: self._health().get(part) == "healthy", f"a healthy {component}")

    def start_ended(self) -> list[str]:
        """Start the components that have ended without being told to, and return their names."""
        with self._lock:
            ended = [name for name in self._processes if self.airflow.process(name).poll() is not None]
            for component in ended:
                self.airflow.stop_component(component, signal.SIGKILL)  # what it has started may still run
                self.airflow.start_component(component)
        return ended

    def process_id(self, component: str) -> int | None:
        """Return the process id of a component, which is also the id of its session; ``None`` if it is away."""
        with self._lock:
            return self.airflow.process(component).pid if component in self._processes else None

    def _health(self) -> dict[str, str]:
        with contextlib.suppress(URLError, AirflowApiError, ConnectionError, TimeoutError, HTTPException):
            return self.airflow.api.health()
        return {}

    @contextmanager
    def away(self, component: str) -> Iterator[None]:
        """Kill a component, and start it again after the block."""
        self.kill(component)
        try:
            yield
        finally:
            self.start(component)

    @contextmanager
    def api_server_without_plugin(self) -> Iterator[None]:
        """Replace the API server, for the block, by one that does not see our package's plugin."""
        self.kill("api-server")
        with self.airflow.package_hidden():
            self.start("api-server")
        try:
            yield
        finally:
            self.kill("api-server")
            self.start("api-server")

    # -- asking ----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str | int) -> Any:
        """Ask Airflow's REST API, again and again while nobody answers, or what only reads is answered with 5xx."""
        for _ in range(int(_PATIENCE)):
            try:
                return self.airflow.api.request(method, path, dict(body) if body is not None else None, **query)
            except (URLError, ConnectionError, TimeoutError, HTTPException):
                pass
            except AirflowApiError as error:
                if method != "GET" or error.status < 500:
                    raise
            time.sleep(0.5)
        raise AttackError(f"the API server of {self.name} does not answer")

    def trigger(self, dag_id: str, run_id: str | None = None, **conf: Any) -> Run:
        """Start a run."""
        body: dict[str, Any] = {"logical_date": None, "conf": conf}
        if run_id:
            body["dag_run_id"] = run_id
        return Run(self, dag_id, str(self.ask("POST", f"dags/{dag_id}/dagRuns", body)["dag_run_id"]))

    def live_tasks(self, dag_id: str, state: str) -> set[tuple[str, str]]:
        """Return run and task of all task instances of a DAG that are in a state."""
        path, found = f"dags/{dag_id}/dagRuns/~/taskInstances", set()
        for task in self.ask("GET", path, state=state, limit=1000)["task_instances"]:
            found.add((task["dag_run_id"], task["task_id"]))
        return found

    def wait_until_parsed(self, *dag_ids: str) -> None:
        """Wait until DAGs are there."""
        for dag_id in dag_ids:
            wait_for(partial(self.airflow.api.has_dag, dag_id), f"the DAG {dag_id}")

    def sweep(self) -> str:
        """Stop orphans once, and return what was said of it.

        Raises:
            AttackError: It failed.
        """
        return self._sweep_by_dag() if self.sweeps_by_dag else self._sweep_by_command()

    def _sweep_by_command(self) -> str:
        answer = self.airflow.run(sys.executable, "-m", "airflow_sm_pipelines.cli.main", "stop-orphans")
        if answer.returncode != 0:
            raise AttackError(f"stop-orphans of {self.name} failed: {answer.stdout}{answer.stderr}")
        return "\n".join(line for line in answer.stdout.splitlines() if not _CHATTER.match(line))

    def _sweep_by_dag(self) -> str:
        run = self.trigger(SWEEP_DAG)
        state = run.wait()
        said = run.said(_SWEEP_TASK)
        if state != "success":
            raise AttackError(f"{SWEEP_DAG} of {self.name} is {state}: {run.trouble(_SWEEP_TASK)}")
        return said


@dataclass(frozen=True)
class Run:
    """One DAG run."""

    deployment: Deployment
    dag_id: str
    run_id: str

    @property
    def path(self) -> str:
        """Return its path in the REST API."""
        return f"dags/{self.dag_id}/dagRuns/{quote(self.run_id)}"

    def state(self) -> str:
        """Return its state, ``absent`` if it was deleted."""
        try:
            return str(self.deployment.ask("GET", self.path)["state"])
        except AirflowApiError as error:
            if error.status == 404:
                return "absent"
            raise

    def tasks(self) -> list[dict[str, Any]]:
        """Return its task instances; none if it was deleted."""
        try:
            found: list[dict[str, Any]] = self.deployment.ask("GET", f"{self.path}/taskInstances", limit=1000)[
                "task_instances"
            ]
        except AirflowApiError as error:
            if error.status == 404:
                return []
            raise
        return found

    def task(self, task_id: str) -> dict[str, Any]:
        """Return a task instance; empty if there is none."""
        return next((task for task in self.tasks() if task["task_id"] == task_id), {})

    def wait(self, patience: float = _PATIENCE) -> str:
        """Wait for its end, and return its state; its last one if it does not end."""
        with contextlib.suppress(AttackError):
            wait_for(lambda: self.state() in {*ENDED, "absent"}, f"the end of {self.run_id}", patience, 1.0)
        return self.state()

    def wait_task(self, task_id: str, *states: str, patience: float = _PATIENCE) -> None:
        """Wait until a task is in one of some states."""
        wait_for(lambda: self.task(task_id).get("state") in states, f"{task_id} of {self.run_id}: {states}", patience)

    def trouble(self, task_id: str) -> str:
        """Return the warnings and errors in the logs of all tries of a task, and what its retry policy decided."""
        return self._log(task_id, lambda event: event.get("level") in _TROUBLE or "reason" in event)

    def said(self, task_id: str) -> str:
        """Return what the operator of a task itself has logged."""
        return self._log(task_id, lambda event: str(event.get("logger", "")).startswith("airflow.task.operators"))

    def _log(self, task_id: str, is_wanted: Callable[[Mapping[str, Any]], bool]) -> str:
        lines = []
        for number in range(1, int(self.task(task_id).get("try_number") or 0) + 1):
            path = f"{self.path}/taskInstances/{task_id}/logs/{number}"
            with contextlib.suppress(AirflowApiError):
                for event in self.deployment.ask("GET", path, full_content="true")["content"]:
                    if is_wanted(event):
                        lines.append(f"try {number}: {_in_words(event)}")
        return "\n".join(lines)

    # -- what people do --------------------------------------------------------------------------------------------

    def mark(self, task_id: str, state: str) -> None:
        """Mark a task."""
        self.deployment.ask("PATCH", f"{self.path}/taskInstances/{task_id}", {"new_state": state})

    def mark_run(self, state: str) -> None:
        """Mark the run."""
        self.deployment.ask("PATCH", self.path, {"state": state})

    def clear(self, *task_ids: str) -> None:
        """Clear tasks."""
        body = {
            "dry_run": False,
            "dag_run_id": self.run_id,
            "task_ids": list(task_ids),
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.deployment.ask("POST", f"dags/{self.dag_id}/clearTaskInstances", body)

    def delete(self) -> None:
        """Delete the run."""
        self.deployment.ask("DELETE", self.path)

    def form(self, task_id: str) -> dict[str, Any]:
        """Return the fields of a required action as the form shows and sends them to whoever changes none."""
        asked = self.deployment.ask("GET", f"{self.path}/taskInstances/{task_id}/-1/hitlDetails")
        return {name: field.get("value") for name, field in asked["params"].items()}

    def respond(self, task_id: str, option: str, fields: Mapping[str, Any]) -> None:
        """Answer a required action as the form does."""
        body = {"chosen_options": [option], "params_input": dict(fields)}
        self.deployment.ask("PATCH", f"{self.path}/taskInstances/{task_id}/-1/hitlDetails", body)


def _in_words(event: Mapping[str, Any]) -> str:
    parts = [str(event.get(name, "")) for name in ("timestamp", "level", "event", "reason")]
    for detail in event.get("error_detail") or []:
        parts.append(f"[{detail.get('exc_type')}: {detail.get('exc_value')}]")
    return " ".join(part for part in parts if part)


class _NamelessAirflow(AirflowProcesses):
    """An Airflow without ``[api] base_url``, from which a deployment could be told."""

    def __init__(self, home: Path, dags_folder: Path, **settings: Any) -> None:
        super().__init__(home, dags_folder, **settings)
        del self._environment["AIRFLOW__API__BASE_URL"]

    def process(self, component: str) -> subprocess.Popen[bytes]:
        """Return the process of a component that was started."""
        return self._processes[component]

    @contextmanager
    def package_hidden(self) -> Iterator[None]:
        """Start components in the block as if our package had been installed after they were."""
        folder = self.home / "without-package"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(_HIDE.format(name=_distribution()))
        before = dict(self._environment)
        self._environment["PYTHONPATH"] = os.pathsep.join(
            path for path in (str(folder), before.get("PYTHONPATH", "")) if path
        )
        try:
            yield
        finally:
            self._environment = before


_HIDE = '''\
"""Hides a distribution, and with it its entry points."""
import contextlib
import importlib

for name in ("importlib.metadata", "importlib_metadata"):  # Airflow uses the latter with older Pythons
    with contextlib.suppress(ImportError):
        module = importlib.import_module(name)
        module.distributions = lambda _all=module.distributions, **given: (
            one for one in _all(**given) if one.name != {name!r}
        )
'''


def _distribution() -> str:
    return str(importlib.metadata.distribution("airflow-sm-pipelines").name)
