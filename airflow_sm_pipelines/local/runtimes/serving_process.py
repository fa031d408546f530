"""One container of a model, seen from the transform job: a process that answers requests."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.local.runtimes.requirements import InstallError, interpreter_for
from airflow_sm_pipelines.local.runtimes.start import prepend_path

_PACKAGES = Path(__file__).parents[3]


class InvocationError(Exception):
    """A request was not answered well.

    Args:
        status: HTTP status that the container would have answered.
        text: What it said.
        reason: Failure reason of the job, if the log is not the place to look for it.
    """

    def __init__(self, status: int, text: str, reason: str = "") -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"Bad HTTP status received from algorithm: {status}: {text}")


class ServingProcess:
    """A running container.

    Args:
        base: ``/opt/ml``.
        container: ``runtime``, ``image``, ``environment``, ``model_dir``, ``program`` (see `serving`).
        number: Its place in the model, from 1.
        timeout_seconds: Longest time for one request.
    """

    def __init__(self, base: Path, container: dict[str, Any], number: int, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        code = Path(container["model_dir"], "code")
        try:
            # Containers of one model may require what excludes each other.
            python = interpreter_for(code, Path(f"{os.environ['LOCAL_AWS_VENV']}-{number}"))
        except InstallError as error:
            raise InvocationError(500, str(error), f"AlgorithmError: {error}") from error
        variables = {**os.environ, **container["environment"]}
        prepend_path(variables, code)
        self._connection, theirs = multiprocessing.Pipe()
        command = [python, str(_PACKAGES), container["runtime"], str(base), str(theirs.fileno()), json.dumps(container)]
        self._process = subprocess.Popen(command, env=variables, pass_fds=[theirs.fileno()])  # noqa: S603 - ours
        theirs.close()
        self._receive()  # that it is ready

    def invoke(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Return the body and content type of the answer to a request.

        Raises:
            InvocationError: It did not answer, or not well.
        """
        self._connection.send((body, content_type, accept))
        answer, answer_type = self._receive()
        return answer, answer_type

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.wait()

    def _receive(self) -> tuple[bytes, str]:
        try:
            if not self._connection.poll(self._timeout_seconds):
                self._process.kill()
                raise InvocationError(504, f"no answer within {self._timeout_seconds} s")
            status, body, content_type, reason = self._connection.recv()
        except (EOFError, OSError) as error:
            code = self._process.wait()
            raise InvocationError(500, f"the container has ended with exit code {code}") from error
        if status != 200:
            raise InvocationError(status, body.decode(), reason)
        return body, content_type
