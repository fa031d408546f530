"""The WSGI application: control endpoints, fault rules, our own services, and moto for everything else."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from wsgiref.types import StartResponse

from airflow_sm_pipelines.local.errors import AwsError, ConnectionDropped, LocalAwsError
from airflow_sm_pipelines.local.server.admission import refusal_of
from airflow_sm_pipelines.local.server.call_log import CallLog, CallRecord
from airflow_sm_pipelines.local.server.client_process import kill_client
from airflow_sm_pipelines.local.server.control import PREFIX, ControlEndpoints
from airflow_sm_pipelines.local.server.faults import FaultAction, FaultRule, FaultTable
from airflow_sm_pipelines.local.server.other_services import answer_of
from airflow_sm_pipelines.local.wire.aws_call import AwsCall, read_body, read_call
from airflow_sm_pipelines.local.wire.json_service import RequestContext, Service
from airflow_sm_pipelines.local.wire.responses import Response, error_response
from airflow_sm_pipelines.local.wire.wsgi_call import Environ, WsgiApp

_log = logging.getLogger(__name__)

_LOST_ANSWER = frozenset({FaultAction.DROP_AFTER, FaultAction.KILL_CLIENT_AFTER})


@dataclass(frozen=True, slots=True)
class Application:
    """The application that routes each request; its ``wsgi.input`` must hold the whole body.

    Attributes:
        services: Our own services by signing name.
        operations: Our own operations of services that are not our own, by signing name and operation.
        fallback: The WSGI application of all other services.
        control: The endpoints under ``/_local/``.
        faults: The rules in force.
        calls: Where calls are recorded.
        default_region: Region of calls that are not signed.
        internal_access_key_id: Signs the calls of our own jobs runner: they meet no fault and are not recorded.
    """

    services: Mapping[str, Service]
    operations: Mapping[tuple[str, str], Service]
    fallback: WsgiApp
    control: ControlEndpoints
    faults: FaultTable
    calls: CallLog
    default_region: str
    internal_access_key_id: str

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request.

        Raises:
            ConnectionDropped: The connection is to be closed without an answer.
        """
        response = self._answer(environ)
        start_response(response.status_line, _with_length(response))
        return [response.body]

    def _answer(self, environ: Environ) -> Response:
        path = environ.get("PATH_INFO", "/")
        call = read_call(environ, self.default_region)
        refusal = refusal_of(environ, call.protocol)
        if refusal is not None:
            return self._refuse(call, refusal)
        if path.startswith(PREFIX):
            return self.control.answer(environ["REQUEST_METHOD"], path, read_body(environ))
        if call.access_key_id == self.internal_access_key_id:
            return self._execute(call, environ, None)
        return self._answer_client(call, environ)

    def _refuse(self, call: AwsCall, error: AwsError) -> Response:
        """Answer and record a request that reaches neither a service nor a fault rule."""
        response = error_response(error, call.protocol, call.request_id)
        record = CallRecord.of(
            call,
            None,
            began=time.time(),
            seconds=0.0,
            http_status=response.http_status,
            outcome=error.code,
            executed=False,
        )
        self.calls.add(record)
        return response

    def _answer_client(self, call: AwsCall, environ: Environ) -> Response:
        """Answer a client's call, with the fault that it meets, and record it."""
        began, clock = time.time(), time.perf_counter()
        rule = self.faults.take(call)
        executed, response = self._under_fault(call, environ, rule)
        record = CallRecord.of(
            call,
            rule,
            began=began,
            seconds=time.perf_counter() - clock,
            http_status=response.http_status if response else None,
            outcome=(response.error_code or "ok") if response else "dropped",
            executed=executed,
        )
        self.calls.add(record)
        if response is None:
            raise ConnectionDropped
        return response

    def _under_fault(self, call: AwsCall, environ: Environ, rule: FaultRule | None) -> tuple[bool, Response | None]:
        """Return whether the call was executed, and its answer (``None``: the connection is dropped)."""
        if rule is None:
            return True, self._execute(call, environ, None)
        if rule.job_fault is None:
            time.sleep(rule.seconds)
        if rule.action is FaultAction.ERROR:
            error = AwsError(rule.code, rule.message, rule.http_status)
            return False, error_response(error, call.protocol, call.request_id)
        if rule.action is FaultAction.DROP_BEFORE:
            return False, None
        response = self._execute(call, environ, rule)
        if rule.action is FaultAction.KILL_CLIENT_AFTER:
            return True, self._kill_client(call, environ)
        return True, None if rule.action in _LOST_ANSWER else response

    def _kill_client(self, call: AwsCall, environ: Environ) -> Response | None:
        try:
            kill_client(call.peer, int(environ["SERVER_PORT"]))
        except (LocalAwsError, OSError) as error:
            message = f"Fault rule kill_client_after: the call was executed, but {error}"
            return error_response(AwsError("LocalAwsFault", message, 400), call.protocol, call.request_id)
        return None

    def _execute(self, call: AwsCall, environ: Environ, rule: FaultRule | None) -> Response:
        context = RequestContext(region=call.region, job_fault=rule.job_fault if rule else None)
        service = self.services.get(call.service) or self.operations.get((call.service, call.operation))
        try:
            return service.answer(call, context) if service else answer_of(self.fallback, call, environ)
        except Exception as error:
            _log.exception("%s:%s broke the local AWS", call.service, call.operation)
            culprit = "The local AWS has a bug" if service else f"moto, which answers for {call.service}, failed"
            failure = AwsError("InternalFailure", f"{culprit} in {call.operation}: {error!r}", 500)
            return error_response(failure, call.protocol, call.request_id)


def _with_length(response: Response) -> list[tuple[str, str]]:
    """Return the headers with a Content-Length; an answer to HEAD brings that of the object."""
    if any(name.lower() == "content-length" for name, _ in response.headers):
        return list(response.headers)
    return [*response.headers, ("Content-Length", str(len(response.body)))]
