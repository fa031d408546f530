"""The endpoints under ``/_local/``: health, fault rules, calls, recorded executions.

Not part of AWS; JSON in and out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow_sm_pipelines.local.documents import Document, read_json
from airflow_sm_pipelines.local.server.call_log import CallLog
from airflow_sm_pipelines.local.server.faults import FaultTable, parse_rules
from airflow_sm_pipelines.local.services.sagemaker.executions.operations import PipelineExecutions
from airflow_sm_pipelines.local.wire.responses import Response, json_response

PREFIX = "/_local/"


class ControlEndpoints:
    """The endpoints below `PREFIX`.

    Args:
        faults: The rules in force.
        calls: The record of calls.
        executions: The recorded executions of pipelines.
        health: Tells what ``GET /_local/health`` shows.
    """

    def __init__(
        self, faults: FaultTable, calls: CallLog, executions: PipelineExecutions, health: Callable[[], Document]
    ) -> None:
        self._faults = faults
        self._calls = calls
        self._executions = executions
        self._health = health
        self._routes: Mapping[str, Mapping[str, Callable[[bytes], Response]]] = {
            "health": {"GET": self._get_health},
            "faults": {"GET": self._get_faults, "POST": self._post_faults, "DELETE": self._delete_faults},
            "calls": {"GET": self._get_calls, "DELETE": self._delete_calls},
            "executions": {
                "GET": self._get_executions,
                "POST": self._post_execution,
                "DELETE": self._delete_executions,
            },
        }

    def answer(self, method: str, path: str, body: bytes) -> Response:
        """Answer one request.

        Args:
            method: HTTP method.
            path: Path, beginning with `PREFIX`.
            body: The whole body.
        """
        methods = self._routes.get(path.removeprefix(PREFIX).rstrip("/"))
        if methods is None:
            places = ", ".join(PREFIX + name for name in self._routes)
            return json_response({"error": f"no such endpoint: {path}; there are {places}"}, 404)
        if method not in methods:
            return json_response({"error": f"{path} takes {', '.join(methods)}, not {method}"}, 405)
        return methods[method](body)

    def _get_health(self, _: bytes) -> Response:
        return json_response(self._health())

    def _get_faults(self, _: bytes) -> Response:
        return json_response({"faults": self._faults.describe()})

    def _post_faults(self, body: bytes) -> Response:
        try:
            rules = parse_rules(read_json(body))
        except ValueError as error:
            return json_response({"error": str(error)}, 400)
        return json_response({"faults": self._faults.add(rules)}, 201)

    def _delete_faults(self, _: bytes) -> Response:
        self._faults.clear()
        return json_response({"faults": []})

    def _get_calls(self, _: bytes) -> Response:
        return json_response({"calls": self._calls.describe()})

    def _delete_calls(self, _: bytes) -> Response:
        self._calls.clear()
        return json_response({"calls": []})

    def _get_executions(self, _: bytes) -> Response:
        return json_response({"executions": self._executions.describe()})

    def _post_execution(self, body: bytes) -> Response:
        try:
            recorded = self._executions.record(read_json(body))
        except ValueError as error:
            return json_response({"error": str(error)}, 400)
        return json_response({"executions": [recorded]}, 201)

    def _delete_executions(self, _: bytes) -> Response:
        self._executions.clear()
        return json_response({"executions": []})
