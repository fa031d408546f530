"""The local AWS's end of a job's process: see `launcher` for the other one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from airflow_sm_pipelines.local.jobs import launcher


class JobProcess:
    """A running job. Use as a context manager: at its end no process of the job is left.

    The thread that starts it must live as long as it does, because the job dies with that thread.

    Args:
        command: The command and its arguments.
        environment: All of its environment.
        directory: Its working directory.
        binds: Folders to show at other paths; see `launcher.LaunchOrder`.
        is_tracer: Whether the command passes no signals on to the job's own; see there.
        farewell: What removes the rest of the job if this process dies; see there.
        farewell_environment: All of its environment.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        binds: Mapping[str, str],
        *,
        is_tracer: bool = False,
        farewell: Sequence[str] = (),
        farewell_environment: Mapping[str, str] | None = None,
    ) -> None:
        order = launcher.LaunchOrder(
            command=list(command),
            environment=dict(environment),
            directory=str(directory),
            parent=os.getpid(),
            binds=dict(binds),
            is_tracer=is_tracer,
            farewell=list(farewell),
        )
        self._process = subprocess.Popen(  # noqa: S603 - our own launcher
            [sys.executable, "-I", "-S", launcher.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(farewell_environment or {}),
            start_new_session=True,  # Ctrl-C is for the local AWS; it stops its jobs in order
        )
        self._tell(order.to_line())

    @property
    def output(self) -> int:
        """Descriptor of standard output and error together; at its end all processes of the job have ended."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        return self._process.stdout.fileno()

    def terminate(self) -> None:
        """Send SIGTERM to the command."""
        self._tell(launcher.TERMINATE)

    def kill(self) -> None:
        """Send SIGKILL to all processes of the job."""
        self._tell(launcher.KILL)

    def wait(self) -> int:
        """Wait for the job's end and return its exit code; 128 + n after signal n."""
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def __enter__(self) -> JobProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            # What could not be told to a process that had ended is still in the buffer, and cannot be told now.
            with suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()  # the end of its input makes the launcher kill what still runs
        self._process.wait()

    def _tell(self, message: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(message)
            self._process.stdin.flush()
        except BrokenPipeError:  # it has ended meanwhile
            return
