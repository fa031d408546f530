"""A ForEach over many items, of which 50 are in progress at a time: the most that the language allows.

Beside it a task of Airflow's own that is mapped over the same items, and sleeps as long as a job takes. It tells what
Airflow's processes spend on that many task instances, whatever they do.
"""

from __future__ import annotations

from tests.scale.dag_files import iterated_jobs, write_dag
from tests.scale.ground import Ground
from tests.scale.measured_airflow import PARTS, EndedRun

_FULL, _AT_ONCE, _SECONDS = 1000, 50, 1.0
_KINDS = ("ours", "mapped")


def measure(ground: Ground) -> None:
    """Run loops of three sizes, one after another, of both kinds."""
    sizes = ground.sizes(_FULL)
    with ground.airflow("items", looks_like_sagemaker=False) as (airflow, _):
        dags = {
            (kind, size): write_dag(airflow.dags, kind, f"items-{size}", _loop(size))
            for size in sizes
            for kind in _KINDS
        }
        warm = [write_dag(airflow.dags, kind, "items-warm", _loop(2)) for kind in _KINDS]
        with airflow:
            airflow.wait_until_parsed(*warm, *dags.values())
            for dag_id in warm:
                airflow.measure(dag_id, ["warm"])
            runs = {key: airflow.measure(dag_id, ["measured"]) for key, dag_id in dags.items()}
    for kind in _KINDS:
        _tell(ground, kind, {size: run for (one, size), run in runs.items() if one == kind})


def _tell(ground: Ground, kind: str, runs: dict[int, EndedRun]) -> None:
    ground.tell_growth(f"{kind}: wall time", {size: run.wall for size, run in runs.items()}, "s")
    ground.tell_growth(f"{kind}: processor time", {size: run.used.total_seconds for size, run in runs.items()}, "s")
    for part in (*PARTS, "database"):
        ground.tell_growth(f"{kind}: {part}", {size: run.used.seconds[part] for size, run in runs.items()}, "s")
    ground.tell_growth(f"{kind}: Execution API requests", {size: run.used.requests for size, run in runs.items()}, "")
    ground.tell_growth(f"{kind}: AWS calls", {size: run.used.aws_calls for size, run in runs.items()}, "")


def _loop(items: int) -> dict[str, object]:
    return iterated_jobs(items, _AT_ONCE, _SECONDS)
