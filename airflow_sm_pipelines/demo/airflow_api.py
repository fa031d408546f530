"""A small client of Airflow's REST API, to watch runs from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from airflow_sm_pipelines.errors import SageMakerPipelinesError

ApiObject: TypeAlias = "dict[str, Any]"
"""A JSON object of the API, such as a task instance."""

_TIMEOUT_SECONDS = 120.0
"""How long an answer may take: a busy machine with two cores has needed more than 30 s."""

_LOCKED = "database is locked"
_LOCKED_PATIENCE_SECONDS = 180.0  # SQLite itself waits for 60 s before it says so

# The API server is on this machine: use no proxy of the environment.
_opener = build_opener(ProxyHandler({}))


class AirflowApiError(SageMakerPipelinesError):
    """Airflow's API refused a request.

    Args:
        status: HTTP status.
        detail: What Airflow says.
    """

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(status, detail)

    def __str__(self) -> str:
        return f"HTTP {self.status}: {self.detail}"


class AirflowApi:
    """Airflow's REST API, as one user sees it.

    Args:
        base_url: Address of the API server, without a trailing slash.
        username: Name of the user.
        password: The user's password.
    """

    def __init__(self, base_url: str, username: str, password: str) -> None:
        self.base_url = base_url
        self._login = {"username": username, "password": password}
        self._token = ""

    def request(self, method: str, path: str, body: ApiObject | None = None, **query: str | int) -> Any:
        """Send a request and return the JSON of the answer; ``None`` if it has no body.

        SQLite refuses a transaction that has read before another wrote, however long its timeout is. Airflow has rolled
        it back then, so the request is sent again.

        Args:
            method: HTTP method.
            path: Path below ``/api/v2/``.
            body: JSON body.
            query: Query parameters.

        Raises:
            AirflowApiError: The API answered with an error.
            OSError: The API server cannot be reached.
        """
        if not self._token:
            self._token = self._send("POST", f"{self.base_url}/auth/token", self._login)["access_token"]
        address = f"{self.base_url}/api/v2/{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")
        give_up_at = time.monotonic() + _LOCKED_PATIENCE_SECONDS
        while True:
            try:
                return self._send(method, address, body)
            except AirflowApiError as error:
                if _LOCKED not in error.detail.lower() or time.monotonic() > give_up_at:
                    raise
            time.sleep(0.5)

    def _send(self, method: str, address: str, body: Mapping[str, object] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = Request(address, data, headers, method=method)  # noqa: S310 - our own API server
        try:
            with _opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                text = answer.read()
        except HTTPError as error:
            raise AirflowApiError(error.code, error.read().decode(errors="replace")) from error
        return json.loads(text) if text else None

    def health(self) -> dict[str, str]:
        """Return the status of each component, e.g. ``{"scheduler": "healthy"}``."""
        answer = self._send("GET", f"{self.base_url}/api/v2/monitor/health", None)
        return {name: str((part or {}).get("status")) for name, part in answer.items()}

    def has_dag(self, dag_id: str) -> bool:
        """Tell whether Airflow knows a DAG, i.e. has parsed its file."""
        try:
            self.request("GET", f"dags/{quote(dag_id)}")
        except AirflowApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def import_errors(self) -> list[str]:
        """Return the import errors of DAG files, one text for each file."""
        answer = self.request("GET", "importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace']}" for error in answer]

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None, run_id: str | None = None) -> str:
        """Start a run and return its id."""
        body: ApiObject = {"logical_date": None, "conf": dict(conf or {})}
        if run_id:
            body["dag_run_id"] = run_id
        return str(self.request("POST", f"dags/{quote(dag_id)}/dagRuns", body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self.request("GET", f"dags/{quote(dag_id)}/dagRuns/{quote(run_id)}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[ApiObject]:
        """Return the task instances of a run."""
        path = f"dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances"
        answer: list[ApiObject] = self.request("GET", path, limit=1000)["task_instances"]
        return answer

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return the value of an XCom; ``None`` if there is none."""
        path = f"dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances/{quote(task_id)}/xcomEntries/{quote(key)}"
        try:
            return self.request("GET", path, deserialize="true", map_index=map_index)["value"]
        except AirflowApiError as error:
            if error.status == 404:
                return None
            raise

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int = -1) -> list[ApiObject]:
        """Return the events of a task's log, oldest first."""
        path = f"dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances/{quote(task_id)}/logs/{try_number}"
        answer: list[ApiObject] = self.request("GET", path, full_content="true", map_index=map_index)["content"]
        return answer
