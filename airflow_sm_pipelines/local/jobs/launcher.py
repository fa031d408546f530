"""Starts one job's command in its sandbox and leaves nobody behind. Runs as a process of its own.

The local AWS starts this file with ``python -I -S`` (standard library only, single-threaded, so that namespaces can
be entered and processes forked safely) and talks to it through its standard input: one line of JSON
(`LaunchOrder`), then single bytes. When the input ends, the local AWS is gone, and everything is killed; so it is
when the launcher is told to, or when the command has ended and left processes running.

It exits as Docker does: with the command's exit code, 128 + n after signal n, 126 or 127 if the command cannot be
started, 125 if the sandbox cannot be entered.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import signal
import sys
from dataclasses import asdict, dataclass, field

TERMINATE = b"T"
"""SIGTERM to the command, as ``docker stop`` does."""
KILL = b"K"
"""SIGKILL to every process of the job."""

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_EXIT_SANDBOX, _EXIT_NOT_EXECUTABLE, _EXIT_NOT_FOUND, _EXIT_SIGNAL = 125, 126, 127, 128


@dataclass(frozen=True, slots=True)
class LaunchOrder:
    """An order to launch a command.

    Attributes:
        command: The command and its arguments.
        environment: All of its environment.
        directory: Its working directory.
        parent: Process id of the local AWS.
        binds: Folders to show at other paths, as ``{path seen by the command: folder}``; needs a mount namespace.
        is_tracer: The command runs the job's own command as its child and passes no signals on.
        farewell: A command that removes what the job has outside of its processes. It runs with the launcher's own
            environment, and only if the local AWS is gone: otherwise that does it.
    """

    command: list[str]
    environment: dict[str, str]
    directory: str
    parent: int
    binds: dict[str, str] = field(default_factory=dict)
    is_tracer: bool = False
    farewell: list[str] = field(default_factory=list)

    def to_line(self) -> bytes:
        """Return the order as the launcher reads it."""
        return json.dumps(asdict(self)).encode() + b"\n"


def main() -> int:
    """Read the order, launch, supervise, and return the exit code."""
    order = LaunchOrder(**json.loads(_read_line(0)))
    wakeup = _catch_signals()
    try:
        enter_mount_namespace(order.binds)
    except OSError as error:
        print(f"The sandbox cannot be entered: {error}", file=sys.stderr, flush=True)
        return _EXIT_SANDBOX
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # daemonized processes of the job become our children
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)  # after the namespace: changing credentials clears it
        if os.getppid() != order.parent:
            return _bid_farewell(order.farewell)
    command = _start(order)
    exit_code = _supervise(command, wakeup, is_tracer=order.is_tracer)
    _kill_everyone(command)
    return exit_code if exit_code is not None else _bid_farewell(order.farewell)


def _read_line(descriptor: int) -> bytes:
    """Return one line without reading beyond it: what follows are signals for later."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(descriptor, 1)
        if not byte:
            raise SystemExit(_EXIT_SIGNAL + signal.SIGKILL)
        line += byte
    return bytes(line)


def _catch_signals() -> int:
    """Return a descriptor that becomes readable when a child ends or the local AWS died."""
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return reader


def _start(order: LaunchOrder) -> int:
    """Fork the command into a process group of its own, and return its process id."""
    launcher = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        if sys.platform == "linux":
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != launcher:
                os._exit(_EXIT_SIGNAL + signal.SIGKILL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.chdir(order.directory)
        os.execvpe(order.command[0], order.command, order.environment)  # noqa: S606 - no shell is meant
    except OSError as error:
        print(f"{order.command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(_EXIT_NOT_FOUND if isinstance(error, FileNotFoundError) else _EXIT_NOT_EXECUTABLE)


def _supervise(command: int, wakeup: int, *, is_tracer: bool) -> int | None:
    """Wait for the command's end, obeying the local AWS meanwhile; ``None`` if that is gone."""
    while True:
        readable, _, _ = select.select([0, wakeup], [], [])
        if wakeup in readable and signal.SIGTERM in os.read(wakeup, 4096):
            return None
        if (exit_code := _reap(command)) is not None:
            return exit_code
        if 0 in readable:
            order = os.read(0, 1)
            if not order:
                return None
            if order != TERMINATE:
                return _EXIT_SIGNAL + signal.SIGKILL
            for pid in _children(command) if is_tracer else [command]:
                _kill(pid, signal.SIGTERM)


def _reap(command: int) -> int | None:
    """Reap every child that has ended; the command's exit code if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == command:
            code = os.waitstatus_to_exitcode(status)
            found = code if code >= 0 else _EXIT_SIGNAL - code


def _bid_farewell(farewell: list[str]) -> int:
    """Run what removes the job's rest, and return the exit code of a job that was killed."""
    if farewell:
        with open(os.devnull, "w") as nowhere:
            to_nowhere = [(os.POSIX_SPAWN_DUP2, nowhere.fileno(), descriptor) for descriptor in (1, 2)]
            os.waitpid(os.posix_spawn(farewell[0], farewell, os.environ, file_actions=to_nowhere), 0)
    return _EXIT_SIGNAL + signal.SIGKILL


def _kill_everyone(command: int) -> None:
    """Kill the command's group with SIGKILL, then all children that are left."""
    _kill(-command, signal.SIGKILL)
    while True:
        for pid in _children(os.getpid()):
            _kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children(parent: int) -> list[int]:
    """Return the children of a process, adopted ones included. Without /proc there are no adopted ones."""
    if sys.platform != "linux":
        return []
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _parent(name) == parent]


def _parent(pid: str) -> int | None:
    """Return the parent of a process: the second field after its name in parentheses, see proc(5)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def enter_mount_namespace(binds: dict[str, str]) -> None:
    """Show folders at other paths, to this process and its children only; the host's files stay as they are.

    Raises:
        OSError: The system does not allow it.
    """
    if not binds:
        return
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "only Linux has mount namespaces")
    user, group = os.getuid(), os.getgid()
    try:
        _unshare(_CLONE_NEWNS)  # root
    except OSError:
        _unshare(_CLONE_NEWNS | _CLONE_NEWUSER)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")  # the same user: a job is no pretended root
        _write("/proc/self/gid_map", f"{group} {group} 1")
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    for target, source in binds.items():
        descriptor = os.open(source, os.O_PATH | os.O_DIRECTORY)
        if not os.path.isdir(target):
            _make_mount_point(target)
        _bind(descriptor, target)
        os.close(descriptor)


def _make_mount_point(target: str) -> None:
    """Create a folder without touching the host: rebuild its parent on a tmpfs, entry by entry."""
    parent = os.path.dirname(target)
    links = {entry.name: os.readlink(entry.path) for entry in os.scandir(parent) if entry.is_symlink()}
    entries = {entry.name: os.open(entry.path, os.O_PATH) for entry in os.scandir(parent) if not entry.is_symlink()}
    _mount("tmpfs", parent, "tmpfs", 0)
    for name, link in links.items():
        os.symlink(link, os.path.join(parent, name))
    for name, descriptor in entries.items():
        path = os.path.join(parent, name)
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            os.mkdir(path)
        else:
            _write(path, "")
        _bind(descriptor, path)
        os.close(descriptor)
    os.mkdir(target)


def _bind(descriptor: int, target: str) -> None:
    _mount(f"/proc/self/fd/{descriptor}", target, None, _MS_BIND | _MS_REC)


def _mount(source: str | None, target: str, kind: str | None, flags: int) -> None:
    arguments = [text.encode() if text is not None else None for text in (source, target, kind)]
    _check(_libc().mount(*arguments, ctypes.c_ulong(flags), None), f"mount {target}")


def _unshare(flags: int) -> None:
    _check(_libc().unshare(flags), "unshare")


def _prctl(option: int, value: int) -> None:
    _check(_libc().prctl(option, value, 0, 0, 0), "prctl")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    sys.exit(main())
