"""The same jobs by a definition, by hand-written deferrable operators of the amazon provider, and by ``EmptyOperator``.

All run on one Airflow, one after another, in turns: ratios of one run are worth something on a busy machine, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any

from tests.scale.dag_files import INTERVAL, KINDS, chained_jobs, parallel_jobs, write_dags
from tests.scale.ground import Ground
from tests.scale.measured_airflow import PARTS, EndedRun

_FAN_OUT_WALL, _FAN_OUT_CPU, _CHAIN_WALL = 1.05, 0.85, 0.6
"""What must hold, in times of the amazon operators' figure."""
_SHORT_JOB, _LONG_JOB = 3.0, 40.0
_UNTIL_OLD = 65.0
"""A step of a definition that is younger than a minute makes sure that it has not changed since the run started."""


def fan_out(ground: Ground) -> None:
    """Compare 60 parallel jobs of 40 s on 8 worker slots; AWS looks like SageMaker, so a job is expected to be long."""
    count = max(round(60 * ground.fraction), 2)
    ground.say(f"{count} parallel jobs of {_LONG_JOB:g} s, 8 slots, a look every {INTERVAL} s")
    runs = _compare(ground, "fan-out", parallel_jobs(count, _LONG_JOB), looks_like_sagemaker=True)
    _verdict(ground, "wall time", ratio_to_amazon(runs, lambda run: run.wall), _FAN_OUT_WALL)
    _verdict(ground, "processor time", ratio_to_amazon(runs, lambda run: run.used.total_seconds), _FAN_OUT_CPU)


def chain(ground: Ground) -> None:
    """Compare a chain of 10 short jobs; AWS looks like the local one, where a job can be short."""
    ground.say(f"a chain of 10 jobs of {_SHORT_JOB:g} s, a look every {INTERVAL} s")
    runs = _compare(ground, "chain", chained_jobs(10, _SHORT_JOB), looks_like_sagemaker=False)
    _verdict(ground, "wall time", ratio_to_amazon(runs, lambda run: run.wall), _CHAIN_WALL)
    _verdict(ground, "processor time", ratio_to_amazon(runs, lambda run: run.used.total_seconds), _CHAIN_WALL)


def _compare(
    ground: Ground, name: str, definition: dict[str, Any], *, looks_like_sagemaker: bool
) -> dict[str, list[EndedRun]]:
    with ground.airflow(name, looks_like_sagemaker=looks_like_sagemaker) as (airflow, _):
        dags = write_dags(airflow.dags, name, definition, ground.settle)
        warm = write_dags(airflow.dags, f"{name}-warm", parallel_jobs(8, 1.0), ground.settle)
        runs: dict[str, list[EndedRun]] = {kind: [] for kind in KINDS}
        with airflow:
            airflow.wait_until_parsed(*dags.values(), *warm.values())
            parsed = time.monotonic()
            for kind in KINDS:
                airflow.measure(warm[kind], ["warm"])  # what each process loads once
            time.sleep(max(0.0, parsed + _UNTIL_OLD - time.monotonic()))
            for number in range(ground.rounds):
                for kind in KINDS:
                    runs[kind].append(airflow.measure(dags[kind], [f"round-{number}"]))
                    ground.say(_row(kind, runs[kind][-1]))
    _table(ground, runs)
    return runs


def _row(kind: str, run: EndedRun) -> str:
    parts = "  ".join(f"{part} {run.used.seconds[part]:.1f}" for part in (*PARTS, "database"))
    more = f"  tries beyond one: {run.tries}" if run.tries else ""
    return (
        f"  {kind:7} wall {run.wall:6.1f} s  CPU {run.used.total_seconds:6.1f} s ({parts})  "
        f"AWS calls {run.used.aws_calls}  Execution API {run.used.requests}{more}"
    )


def _table(ground: Ground, runs: Mapping[str, Sequence[EndedRun]]) -> None:
    figures: dict[str, Callable[[EndedRun], float]] = {
        "wall time": lambda run: run.wall,
        "processor time": lambda run: run.used.total_seconds,
        **{f"- {part}": partial(_seconds_of, part) for part in (*PARTS, "database")},
        "AWS calls": lambda run: run.used.aws_calls,
        "Execution API requests": lambda run: run.used.requests,
    }
    ground.say("| | ours / amazon | empty / amazon |")
    ground.say("|---|---|---|")
    for what, figure in figures.items():
        ground.say(f"| {what} | {ratio_to_amazon(runs, figure):.2f} | {ratio_to_amazon(runs, figure, 'empty'):.2f} |")


def _seconds_of(part: str, run: EndedRun) -> float:
    return run.used.seconds[part]


def ratio_to_amazon(
    runs: Mapping[str, Sequence[EndedRun]], figure: Callable[[EndedRun], float], kind: str = "ours"
) -> float:
    """Return the median over the rounds of a figure in times of the amazon operators' in the same round."""
    return median(figure(one) / max(figure(other), 1e-9) for one, other in zip(runs[kind], runs["amazon"], strict=True))


def _verdict(ground: Ground, what: str, ratio: float, goal: float) -> None:
    ground.say(f"{what}: {ratio:.2f} times the amazon operators', goal {goal:g}: {_word(ratio <= goal)}")


def _word(reached: bool) -> str:
    return "reached" if reached else "MISSED"
