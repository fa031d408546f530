"""A ForEach over many items, of which 50 are in progress at a time: the most that the language allows."""

from __future__ import annotations

from tests.scale.dag_files import iterated_jobs, write_dag
from tests.scale.ground import Ground
from tests.scale.measured_airflow import PARTS

_FULL, _AT_ONCE, _SECONDS = 1000, 50, 1.0


def measure(ground: Ground) -> None:
    """Run loops of three sizes, one after another."""
    sizes = ground.sizes(_FULL)
    with ground.airflow("items", looks_like_sagemaker=False) as (airflow, _):
        dags = {size: write_dag(airflow.dags, "ours", f"items-{size}", _loop(size)) for size in sizes}
        warm = write_dag(airflow.dags, "ours", "items-warm", _loop(2))
        with airflow:
            airflow.wait_until_parsed(warm, *dags.values())
            airflow.measure(warm, ["warm"])
            runs = {size: airflow.measure(dag_id, ["measured"]) for size, dag_id in dags.items()}
    ground.tell_growth("wall time", {size: run.wall for size, run in runs.items()}, "s")
    ground.tell_growth("processor time", {size: run.used.total_seconds for size, run in runs.items()}, "s")
    for part in (*PARTS, "database"):
        ground.tell_growth(f"- {part}", {size: run.used.seconds[part] for size, run in runs.items()}, "s")
    ground.tell_growth("Execution API requests", {size: run.used.requests for size, run in runs.items()}, "")
    ground.tell_growth("AWS calls", {size: run.used.aws_calls for size, run in runs.items()}, "")


def _loop(items: int) -> dict[str, object]:
    return iterated_jobs(items, _AT_ONCE, _SECONDS)
