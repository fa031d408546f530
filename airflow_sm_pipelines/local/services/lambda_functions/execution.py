"""Running a handler: a fresh process for each invocation, with the function's code, layers and variables.

It is no sandbox: the process runs as the user who started the local AWS, and reaches whatever this machine reaches.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from botocore.client import BaseClient

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.jobs.job_logs import JobLog
from airflow_sm_pipelines.local.jobs.job_process import JobProcess
from airflow_sm_pipelines.local.jobs.job_site import RUNTIME_COMMAND, JobSite
from airflow_sm_pipelines.local.services.lambda_functions.code import unpack
from airflow_sm_pipelines.local.services.lambda_functions.table import FunctionVersion

_RUNTIME = "lambda_handler"
_LOG_TAIL_BYTES = 4096
_READ_BYTES = 65_536
_START_SECONDS = 10.0
"""How long the code outside of the handler may take (developer guide, "Init phase")."""


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """The result of an invocation.

    Attributes:
        payload: What the handler returned as JSON text, or its error.
        is_error: Whether it is an error.
        log_tail: The last 4 KB of its log.
    """

    payload: str
    is_error: bool
    log_tail: bytes


class HandlerProcesses:
    """A runner of handlers.

    Args:
        site: What all processes of the local AWS share.
    """

    def __init__(self, site: JobSite) -> None:
        self._site = site

    def run(
        self, function: FunctionVersion, layers: list[bytes], event: str, client_context: Document | None
    ) -> InvocationResult:
        """Run a handler to its end, or until its time is over.

        Args:
            function: What to run.
            layers: The archives of its layers.
            event: The event as JSON text.
            client_context: The caller's client context.
        """
        request_id = str(uuid.uuid4())
        folder = self._site.work_dir / f"lambda-{request_id}"
        try:
            return self._run(_Invocation(function, request_id, folder), layers, event, client_context)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run(
        self, invocation: _Invocation, layers: list[bytes], event: str, client_context: Document | None
    ) -> InvocationResult:
        folder, configuration = invocation.folder, invocation.function.configuration
        for archive in layers:
            unpack(archive, invocation.layers)
        unpack(invocation.function.code, invocation.code)
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        (folder / "event.json").write_text(event)
        (folder / "invocation.json").write_text(json.dumps(invocation.described(client_context)))
        log = _Log(self._site.clients.get("logs", invocation.function.reference.region), invocation)
        began = time.monotonic()
        self._site.furnish(invocation.folder / "home")
        command = (RUNTIME_COMMAND, _RUNTIME, str(folder), str(configuration["Handler"]))
        with JobProcess(command, self._environment(invocation), invocation.code, {}) as process:
            in_time = _watch(process, log, _START_SECONDS + float(configuration["Timeout"]))
            code = process.wait()
        payload, is_error = invocation.result(code, in_time=in_time)
        log.end(time.monotonic() - began, payload if is_error else "")
        return InvocationResult(payload, is_error, log.tail)

    def _environment(self, invocation: _Invocation) -> dict[str, str]:
        """Return the variables that Lambda sets (developer guide, "Defined runtime environment variables")."""
        configuration, layers = invocation.function.configuration, invocation.layers
        own: Mapping[str, str] = configuration.get("Environment", {}).get("Variables", {})
        base = self._site.environment(invocation.folder / "home")
        return {
            **base,
            "PATH": f"{layers / 'bin'}{os.pathsep}{base['PATH']}",
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, (str(layers / "lib"), base.get("LD_LIBRARY_PATH")))),
            "TMPDIR": str(invocation.folder / "tmp"),
            "TZ": ":UTC",
            **own,
            "_HANDLER": str(configuration["Handler"]),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration['Runtime']}",
            "AWS_LAMBDA_FUNCTION_NAME": invocation.function.reference.name,
            "AWS_LAMBDA_FUNCTION_VERSION": invocation.function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
            "AWS_LAMBDA_LOG_GROUP_NAME": invocation.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": invocation.log_stream,
            "AWS_REGION": invocation.function.reference.region,
            "AWS_DEFAULT_REGION": invocation.function.reference.region,
            "LAMBDA_TASK_ROOT": str(invocation.code),
            "LAMBDA_RUNTIME_DIR": str(invocation.folder),
        }


class _Invocation:
    """One invocation: its names, its folder, and how it ended."""

    def __init__(self, function: FunctionVersion, request_id: str, folder: Path) -> None:
        self.function = function
        self.request_id = request_id
        self.folder = folder
        self.code, self.layers = folder / "task", folder / "opt"
        self.log_group = f"/aws/lambda/{function.reference.name}"
        self.log_stream = f"{datetime.now(UTC):%Y/%m/%d}/[{function.version}]{request_id.replace('-', '')}"

    def described(self, client_context: Document | None) -> Document:
        """Return the values of the handler's context object, for the runtime."""
        return {
            "aws_request_id": self.request_id,
            "function_name": self.function.reference.name,
            "function_version": self.function.version,
            "invoked_function_arn": self.function.reference.arn,
            "memory_limit_in_mb": str(self.function.configuration["MemorySize"]),
            "log_group_name": self.log_group,
            "log_stream_name": self.log_stream,
            "timeout_seconds": self.function.configuration["Timeout"],
            "client_context": client_context,
        }

    def result(self, exit_code: int, *, in_time: bool) -> tuple[str, bool]:
        """Return the payload, and whether it is an error."""
        try:
            document = json.loads((self.folder / "result.json").read_text())
        except (FileNotFoundError, ValueError):
            return self._ended_by_itself(exit_code) if in_time else self._timed_out(), True
        if document.get("timed_out"):
            return self._timed_out(), True
        return str(document["payload"]), bool(document["is_error"])

    def _timed_out(self) -> str:
        seconds = float(self.function.configuration["Timeout"])
        return self._error("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")

    def _ended_by_itself(self, exit_code: int) -> str:
        how = f"with error: exit status {exit_code}" if exit_code else "without providing a reason"
        return self._error("Runtime.ExitError", f"Runtime exited {how}")

    def _error(self, kind: str, message: str) -> str:
        text = f"RequestId: {self.request_id} Error: {message}"
        return json.dumps({"errorType": kind, "errorMessage": text})


class _Log:
    """The handler's output between the platform's lines: all of it in CloudWatch Logs, its end for the caller."""

    def __init__(self, logs: BaseClient, invocation: _Invocation) -> None:
        self._invocation = invocation
        self._log = JobLog(logs, invocation.log_group, invocation.log_stream)
        self.tail = b""
        self.write(f"START RequestId: {invocation.request_id} Version: {invocation.function.version}\n".encode())

    def write(self, data: bytes) -> None:
        """Take some output."""
        self._log.write(data)
        self.tail = (self.tail + data)[-_LOG_TAIL_BYTES:]

    def end(self, seconds: float, error: str) -> None:
        """Write the last lines, and send all."""
        request_id, milliseconds = self._invocation.request_id, seconds * 1000
        if self.tail and not self.tail.endswith(b"\n"):
            self.write(b"\n")
        if "Task timed out" in error:
            self.write(f"{json.loads(error)['errorMessage']}\n".encode())
        memory = self._invocation.function.configuration["MemorySize"]
        report = (
            f"END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\tBilled Duration: {milliseconds:.0f} ms\t"
            f"Memory Size: {memory} MB\n"
        )
        self.write(report.encode())
        self._log.close()


def _watch(process: JobProcess, log: _Log, seconds: float) -> bool:
    """Read the output to its end; kill what runs longer, which the runtime itself should not let happen."""
    deadline, in_time = time.monotonic() + seconds, True
    with selectors.DefaultSelector() as selector:
        selector.register(process.output, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 and in_time:
                in_time = False
                process.kill()
            if not selector.select(max(left, 0) if in_time else None):
                continue
            data = os.read(process.output, _READ_BYTES)
            if not data:
                return in_time
            log.write(data)
