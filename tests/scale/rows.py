"""What is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.scale import concurrent_runs, deferred_jobs, definitions_folder, many_items, many_steps
from tests.scale.comparison import chain, fan_out
from tests.scale.ground import Ground


@dataclass(frozen=True)
class Row:
    """One thing that is measured.

    Attributes:
        key: Its name on the command line.
        subject: What it is.
        measure: Measures it and prints its figures.
    """

    key: str
    subject: str
    measure: Callable[[Ground], None]


ROWS = (
    Row("deferred", "1,000 deferred jobs in one triggerer", deferred_jobs.measure),
    Row("steps", "a pipeline of 1,000 steps", many_steps.measure),
    Row("items", "ForEach over 1,000 items", many_items.measure),
    Row("folder", "a folder of 500 definitions", definitions_folder.measure),
    Row("runs", "100 concurrent runs of one pipeline", concurrent_runs.measure),
    Row("fan-out", "60 parallel jobs of 40 s beside hand-written DAGs", fan_out),
    Row("chain", "a chain of 10 short jobs beside hand-written DAGs", chain),
)
