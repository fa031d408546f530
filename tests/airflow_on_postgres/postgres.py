"""A PostgreSQL of our own, in a folder of its own, on the loopback interface."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

_SERVER_USER = "postgres"
"""Who runs the server if we are root: PostgreSQL refuses root."""


class PostgresError(Exception):
    """PostgreSQL is not installed, or did not start."""


class Postgres:
    """A cluster that lives as long as the block, and whose data go with it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="airflow-postgres-"))
        self._password = secrets.token_hex(12)
        self._port = 0
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the server.

        Raises:
            PostgresError: It does not run.
        """
        if self._server is None:
            raise PostgresError("the server does not run")
        return self._server.pid

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create a database and return its address for SQLAlchemy.

        Args:
            name: Its name.
            template: The database that it is a copy of; nobody may be connected to that one.
        """
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return f"postgresql+psycopg2://postgres:{self._password}@127.0.0.1:{self._port}/{name}"

    def __enter__(self) -> Postgres:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        programs, data, password = _programs(), self._folder / "data", self._folder / "password"
        password.write_text(self._password)
        if os.getuid() == 0:
            for path in (self._folder, password):
                shutil.chown(path, _SERVER_USER)
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password}", "-N"],
            check=True,
            stdout=subprocess.DEVNULL,
            **self._as_server(),
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": "300",
            "fsync": "off",  # the machine is not what is attacked
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("wb") as log:
            self._server = subprocess.Popen(
                [programs / "postgres", "-D", data, *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_server(),
            )
        self._wait_until_ready()

    def _as_server(self) -> dict[str, Any]:
        identity = {"user": _SERVER_USER, "group": _SERVER_USER, "extra_groups": []} if os.getuid() == 0 else {}
        return {"cwd": self._folder, **identity}

    def _wait_until_ready(self) -> None:
        import psycopg2

        deadline = time.monotonic() + 60
        while True:
            try:
                self._execute("SELECT 1")
            except psycopg2.OperationalError as error:
                ended = self._server is not None and self._server.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise PostgresError((self._folder / "log").read_text()) from error
                time.sleep(0.2)
            else:
                return

    def _execute(self, statement: str) -> None:
        import psycopg2

        connection = psycopg2.connect(
            host="127.0.0.1", port=self._port, user="postgres", password=self._password, dbname="postgres"
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def _stop(self) -> None:
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)  # "fast": ends the connections
            try:
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self._server.pid, signal.SIGKILL)
                self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _programs() -> Path:
    """Return the folder of PostgreSQL's programs, which Debian keeps out of the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    for folder in reversed(folders):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    if found is None:
        raise PostgresError("PostgreSQL is not here; on Debian: apt-get install postgresql")
    return Path(found).resolve().parent
