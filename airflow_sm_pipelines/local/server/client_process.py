"""Finds the process at the other end of a loopback connection (Linux: ``/proc/net/tcp`` and ``/proc/*/fd``)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from airflow_sm_pipelines.local.errors import LocalAwsError

_PROC = Path("/proc")
_TABLES = ("net/tcp", "net/tcp6")


def kill_client(peer: tuple[str, int], server_port: int) -> list[int]:
    """Kill the processes that own the client's end of a connection to this server with SIGKILL.

    Args:
        peer: The client's address and port.
        server_port: Port of this server.

    Returns:
        Their process ids.

    Raises:
        LocalAwsError: The system tells no owner, the owner is this very process, or it belongs to another user.
    """
    owners = find_owners(peer[1], server_port)
    if not owners:
        raise LocalAwsError(f"no process of this user owns port {peer[1]} (kill_client_after needs Linux's /proc)")
    if os.getpid() in owners:
        raise LocalAwsError("the client runs in the process of the local AWS itself; call it from a child process")
    for pid in owners:
        os.kill(pid, signal.SIGKILL)
    return owners


def find_owners(client_port: int, server_port: int) -> list[int]:
    """Return the ids of this user's processes that hold the socket from ``client_port`` to ``server_port``."""
    inodes = {
        inode
        for table in _TABLES
        for inode in _inodes(table, client_port, server_port)
        if inode != "0"  # the connection is closed, nobody holds it
    }
    sockets = {f"socket:[{inode}]" for inode in inodes}
    return [pid for pid in _own_processes() if sockets and _holds(pid, sockets)]


def _inodes(table: str, client_port: int, server_port: int) -> Iterator[str]:
    """Yield inodes of sockets with these two ports; line format in proc(5)."""
    try:
        lines = (_PROC / table).read_text().splitlines()[1:]
    except FileNotFoundError:  # not Linux, or no IPv6
        return
    for line in lines:
        fields = line.split()
        ports = [int(address.rpartition(":")[2], 16) for address in fields[1:3]]
        if ports == [client_port, server_port]:
            yield fields[9]


def _own_processes() -> Iterator[int]:
    for entry in _PROC.glob("[0-9]*"):
        try:
            if entry.stat().st_uid == os.getuid():
                yield int(entry.name)
        except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
            continue


def _holds(pid: int, sockets: set[str]) -> bool:
    try:
        descriptors = os.listdir(_PROC / str(pid) / "fd")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return any(_link(pid, descriptor) in sockets for descriptor in descriptors)


def _link(pid: int, descriptor: str) -> str:
    try:
        return os.readlink(_PROC / str(pid) / "fd" / descriptor)
    except OSError:  # closed meanwhile
        return ""
