"""Processor time and memory of processes, as Linux tells them in ``/proc``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class ProcessTimes:
    """One process.

    Attributes:
        pid: Its id.
        parent: The id of the process that has started it.
        own: Its processor time, user and system, in seconds.
        of_ended_children: That of the children that have ended and were waited for, and of theirs.
    """

    pid: int
    parent: int
    own: float
    of_ended_children: float


def process_times(stat: str, ticks: int = _TICKS) -> ProcessTimes:
    """Read the text of ``/proc/PID/stat``; see proc(5).

    Args:
        stat: The text.
        ticks: Clock ticks in a second.
    """
    pid, _, rest = stat.partition(" (")
    # The name may hold anything, also spaces and parentheses.
    fields = rest.rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) for field in fields[11:15])
    return ProcessTimes(int(pid), int(fields[1]), (user + system) / ticks, (children_user + children_system) / ticks)


def descendants(root: int, processes: Iterable[ProcessTimes]) -> list[ProcessTimes]:
    """Return a process and all that it and its children have started, as far as they live."""
    by_parent: dict[int, list[ProcessTimes]] = {}
    found = []
    for process in processes:
        by_parent.setdefault(process.parent, []).append(process)
        if process.pid == root:
            found.append(process)
    for process in found:  # grows while it is walked through
        found += by_parent.get(process.pid, [])
    return found


def seconds_of_tree(root: int, processes: Iterable[ProcessTimes]) -> tuple[float, float]:
    """Return the processor time of a process, and that of all others that descend from it, also of ended ones."""
    tree = descendants(root, processes)
    if not tree:
        return 0.0, 0.0
    own = tree[0].own
    return own, sum(process.own + process.of_ended_children for process in tree) - own


def all_processes(proc: Path = _PROC) -> list[ProcessTimes]:
    """Return every process of this machine."""
    found = []
    for file in proc.glob("[0-9]*/stat"):
        try:
            found.append(process_times(file.read_text()))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return found


def proportional_mib(smaps_rollup: str) -> float:
    """Return the proportional set size in MiB from the text of ``/proc/PID/smaps_rollup``: shared pages are divided.

    Raises:
        ValueError: The text does not tell it.
    """
    for line in smaps_rollup.splitlines():
        name, _, value = line.partition(":")
        if name == "Pss":
            return int(value.split()[0]) / 1024
    raise ValueError("no line begins with Pss:")


def memory_of_tree(root: int) -> float:
    """Return the memory in MiB of a process and of all living ones that descend from it."""
    return sum(
        proportional_mib((_PROC / str(process.pid) / "smaps_rollup").read_text())
        for process in descendants(root, all_processes())
    )


def difference(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """Return by how much each figure has grown, to a thousandth."""
    return {name: round(figure - before.get(name, 0.0), 3) for name, figure in after.items()}
