"""Many runs of one pipeline at once."""

from __future__ import annotations

from tests.scale.dag_files import chained_jobs, write_dag
from tests.scale.ground import Ground
from tests.scale.measured_airflow import PARTS, EndedRun

_FULL, _STEPS, _SECONDS = 100, 2, 20.0


def measure(ground: Ground) -> None:
    """Start runs of one pipeline in three numbers, one number after another, and the same of ``EmptyOperator``."""
    with ground.airflow("runs") as (airflow, _):
        dags = {
            kind: write_dag(airflow.dags, kind, "runs", chained_jobs(_STEPS, _SECONDS)) for kind in ("ours", "empty")
        }
        runs: dict[str, dict[int, EndedRun]] = {}
        with airflow:
            airflow.wait_until_parsed(*dags.values())
            for kind, dag_id in dags.items():
                airflow.measure(dag_id, ["warm"])
                runs[kind] = {
                    size: airflow.measure(dag_id, [f"of-{size}-{number}" for number in range(size)])
                    for size in ground.sizes(_FULL)
                }
    for kind, of_kind in runs.items():
        ground.tell_growth(f"{kind}: wall time of all", {size: run.wall for size, run in of_kind.items()}, "s")
        for part in (*PARTS, "database"):
            ground.tell_growth(f"{kind}: {part}", {size: run.used.seconds[part] for size, run in of_kind.items()}, "s")
        ground.tell_growth(
            f"{kind}: Execution API requests", {size: run.used.requests for size, run in of_kind.items()}, ""
        )
