"""What a rehearsal costs: its start, and each step.

Run it: ``python -m tests.bench.rehearsal``, or ``make bench-rehearsal``. It rehearses pipelines of several sizes, each
with the command and in a process of its own, and fits a line through the processor time of the command and its
children: where it begins is the start (with what the first step loads), its slope is the step. The sizes take turns,
and the least time of each counts: other work on the machine only adds to it. The pipelines are those of ``bench.py``:
each step waits for the two before it, so that they run one after the other.

Then one command rehearses a folder of one-step pipelines, which share the start, and a pipeline of 152 steps, whose
wall time is told, too: Airflow looks at every unfinished task of a run before each task, so that this part of the cost
of a step grows with the number of steps.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.bench import make_definition, say

SIZES = (1, 6, 21, 41)
LARGE = 152
FILES = 10
START_GOAL = 4.0
STEP_GOAL = 0.2
FILE_GOAL = 0.5
LARGE_GOAL = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a rehearsal costs.")
    parser.add_argument("--rounds", type=int, default=3, help="how often each size is rehearsed (default: %(default)s)")
    parser.add_argument("--without-large", action="store_true", help=f"leave out the pipeline of {LARGE} steps")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-rehearsal-") as name:
        folder = Path(name)
        start, step = report_line(measured_sizes(folder, args.rounds))
        report_files(folder, args.rounds, start + step)
        if not args.without_large:
            report_large(folder)


def measured_sizes(folder: Path, rounds: int) -> dict[int, float]:
    """Return the least processor seconds of each size."""
    files = {size: write(folder / f"steps_{size}.json", size) for size in SIZES}
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(rounds):
        for size, file in files.items():
            times[size].append(rehearse(file)[0])
    return {size: min(found) for size, found in times.items()}


def write(file: Path, steps: int) -> Path:
    file.write_text(json.dumps(make_definition(steps)))
    return file


def rehearse(target: Path) -> tuple[float, float]:
    """Return the processor seconds of a rehearsal, with all its processes, and its wall seconds."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "airflow_sm_pipelines.cli.main", "rehearse", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{target.name} failed:\n{done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def fitted(times: dict[int, float]) -> tuple[float, float]:
    """Return where the line of least squares through the times begins, and its slope."""
    steps, seconds = sum(times) / len(times), sum(times.values()) / len(times)
    slope = sum((size - steps) * (found - seconds) for size, found in times.items()) / sum(
        (size - steps) ** 2 for size in times
    )
    return seconds - slope * steps, slope


def report_line(times: dict[int, float]) -> tuple[float, float]:
    start, step = fitted(times)
    print("rehearsal: " + "  ".join(f"{size} steps {found:.2f} s" for size, found in times.items()))
    say(f"rehearsal, start: {start:.2f} s of processor time", f"goal <= {START_GOAL:g} s", start <= START_GOAL)
    say(f"rehearsal, step: {step:.3f} s of processor time", f"goal <= {STEP_GOAL:g} s", step <= STEP_GOAL)
    return start, step


def report_files(folder: Path, rounds: int, one: float) -> None:
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    for number in range(FILES):
        write(pipelines / f"pipeline_{number}.json", 1)
    found = min(rehearse(pipelines)[0] for _ in range(rounds))
    each = (found - one) / (FILES - 1)
    goal = f"goal <= {FILE_GOAL:g} s"
    say(f"rehearsal, {FILES} files: {found:.2f} s, {each:.2f} s for each after the first", goal, each <= FILE_GOAL)


def report_large(folder: Path) -> None:
    spent, wall = rehearse(write(folder / "large.json", LARGE))
    goal = f"goal <= {LARGE_GOAL:g} s"
    say(f"rehearsal, {LARGE} steps: {spent:.1f} s of processor time, {wall:.1f} s in all", goal, wall <= LARGE_GOAL)


if __name__ == "__main__":
    main()
