"""Script mode of training: runs the user's script as SageMaker's training toolkit does.

``.py`` is run by Python, as a module if there is a ``setup.py``; anything else by ``/bin/sh -c ./…``. If it fails,
``/opt/ml/output/failure`` says how, in the toolkit's form.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from airflow_sm_pipelines.local.runtimes.requirements import InstallError, install, install_requirements
from airflow_sm_pipelines.local.runtimes.start import fail, prepend_path, write_failure

_TAIL_BYTES = 16_384
_ERROR_LINE = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b")


def main(base: Path, arguments: list[str]) -> int:
    """Run the script.

    Args:
        base: ``/opt/ml``.
        arguments: The script's file, relative to ``/opt/ml/code``, then its own arguments.

    Returns:
        Its exit code.
    """
    program, *words = arguments
    code = base / "code"
    if not (code / program).is_file():
        return fail(base, f"ClientError: sagemaker_program {program} is not in the source directory")
    try:
        command = _command(code, program, words)
    except InstallError as error:
        return fail(base, str(error))
    variables = dict(os.environ)
    prepend_path(variables, code)
    (base / "model").mkdir(exist_ok=True)
    print(f"Invoking user script: {shlex.join(command)}", flush=True)
    exit_code, errors = _run(command, code, variables)
    if exit_code != 0:
        message = (
            f'ExecuteUserScriptError:\nExitCode {exit_code}\nErrorMessage "{errors}"\nCommand "{shlex.join(command)}"'
        )
        write_failure(base, message)
    return exit_code


def _command(code: Path, program: str, words: list[str]) -> list[str]:
    if not program.endswith(".py"):
        (code / program).chmod(0o755)
        return ["/bin/sh", "-c", shlex.join([f"./{program}", *words])]
    install_requirements(code)
    if not (code / "setup.py").is_file():
        return [sys.executable, program, *words]
    install(sys.executable, [".", "-U"], code)
    return [sys.executable, "-m", program[: -len(".py")].replace("/", "."), *words]


def _run(command: list[str], directory: Path, variables: dict[str, str]) -> tuple[int, str]:
    """Run a command, passing SIGTERM on, and return its exit code and its last error."""
    with subprocess.Popen(command, cwd=directory, env=variables, stderr=subprocess.PIPE) as process:  # noqa: S603
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        tail = _Tail(process.stderr)
        code = process.wait()
        return (code if code >= 0 else 128 - code), tail.error()


class _Tail(threading.Thread):
    """Copies a stream to standard error and keeps its end."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        super().__init__(daemon=True)
        assert stream is not None  # noqa: S101 - it is a pipe
        self._stream = stream
        self._kept = b""
        self.start()

    def run(self) -> None:
        while data := os.read(self._stream.fileno(), 65_536):
            sys.stderr.buffer.write(data)
            sys.stderr.buffer.flush()
            self._kept = (self._kept + data)[-_TAIL_BYTES:]

    def error(self) -> str:
        """Return the last line that names an exception and what follows it, else the last line."""
        self.join(timeout=1)  # a daemon of the script may hold the stream open
        lines = self._kept.decode(errors="replace").rstrip().splitlines()
        start = next((n for n in reversed(range(len(lines))) if _ERROR_LINE.match(lines[n])), len(lines) - 1)
        return "\n".join(lines[max(start, 0) :])
