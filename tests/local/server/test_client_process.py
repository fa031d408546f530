from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.server.client_process import find_owners, kill_client

CLIENT = "import socket, sys, time; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_connection_is_traced_to_the_process_that_opened_it(server):
    port = server.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", CLIENT, str(port)]) as client:
        connection, peer = server.accept()
        with connection:
            assert find_owners(peer[1], port) == [client.pid]
            assert kill_client(peer, port) == [client.pid]
            assert client.wait(5) == -signal.SIGKILL


def test_this_process_is_never_killed(server):
    port = server.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)) as client:
        connection, peer = server.accept()
        with connection:
            assert find_owners(peer[1], port) == [os.getpid()]
            with pytest.raises(LocalAwsError, match="in the process of the local AWS itself"):
                kill_client(peer, port)
            assert client.getsockname() == peer


def test_a_closed_connection_has_no_owner(server):
    port = server.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)):
        connection, peer = server.accept()
    connection.close()
    with pytest.raises(LocalAwsError, match="no process of this user owns"):
        kill_client(peer, port)
