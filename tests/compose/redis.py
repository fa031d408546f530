"""A Redis of our own on the loopback interface, which keeps nothing."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE_SECONDS = 30.0


@contextmanager
def redis_server() -> Iterator[int]:
    """Run a server, and yield its port."""
    program = shutil.which("redis-server")
    assert program, "Redis is not here; on Debian: apt-get install redis-server"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = subprocess.Popen(
        [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_answers(server, port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait_until_it_answers(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        assert server.poll() is None, f"redis-server ended with exit code {server.returncode}"
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                assert connection.recv(16) == b"+PONG\r\n"
        except OSError:
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.1)
        else:
            return
