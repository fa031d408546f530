"""A pipeline of many steps, and the same graph of ``EmptyOperator``, which tells what of its costs is Airflow's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.children import Child, become_a_dag_processor, import_as_a_task, in_a_child, parsed_size
from tests.scale.dag_files import job_step, write_dag
from tests.scale.ground import Ground
from tests.scale.measured_airflow import MeasuredAirflow

_FULL = 1000
_KINDS = ("ours", "empty")
_RUN = "measured"
_PAGES: Mapping[str, tuple[str, dict[str, str]]] = {
    "structure of the grid": ("grid/structure/{dag_id}", {}),
    "runs of the grid": ("grid/runs/{dag_id}", {}),
    "states of the grid": ("grid/ti_summaries/{dag_id}", {"run_ids": _RUN}),
    "graph": ("structure/structure_data", {"dag_id": "{dag_id}"}),
}


def measure(ground: Ground) -> None:
    """Parse and serialize; then run on a real Airflow until the first task has started, and ask for the UI's pages."""
    sizes = ground.sizes(_FULL)
    with ground.airflow("steps") as (airflow, _):
        dags = {
            (kind, size): write_dag(airflow.dags, kind, f"steps-{size}", ladder(size))
            for kind in _KINDS
            for size in sizes
        }
        _measure_files(ground, {key: airflow.dags / f"{dag_id}.py" for key, dag_id in dags.items()})
        with airflow:
            airflow.wait_until_parsed(*dags.values())
            figures = {key: _measure_run(airflow, dag_id) for key, dag_id in dags.items()}
    for kind in _KINDS:
        of_kind = {size: found for (one, size), found in figures.items() if one == kind}
        for what in next(iter(of_kind.values())):
            ground.tell_growth(f"{kind}: {what}", {size: found[what] for size, found in of_kind.items()}, "s")


def ladder(steps: int) -> dict[str, Any]:
    """Return a definition of which each step waits for the one before it and the tenth before it."""
    made = [job_step(f"Step{number}", 1) for number in range(steps)]
    for number, step in enumerate(made):
        step["DependsOn"] = [f"Step{number - back}" for back in (1, 10) if number >= back]
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": made}


def _measure_files(ground: Ground, files: Mapping[tuple[str, int], Path]) -> None:
    become_a_dag_processor()
    parsed = _least({key: partial(parsed_size, file) for key, file in files.items()})
    imported = _least({key: partial(import_as_a_task, file, file.stem) for key, file in files.items()})
    for kind in _KINDS:
        sizes = [size for one, size in files if one == kind]
        ground.tell_growth(f"{kind}: parse and serialize", {n: parsed[kind, n].seconds for n in sizes}, "s of CPU")
        ground.tell_growth(f"{kind}: serialized", {n: parsed[kind, n].answer / 2**20 for n in sizes}, "MiB")
        ground.tell_growth(
            f"{kind}: a task process imports the DAG file", {n: imported[kind, n].seconds for n in sizes}, "s of CPU"
        )


def _least(work: Mapping[tuple[str, int], Callable[[], int]]) -> dict[tuple[str, int], Child]:
    """Do each work in some children, in turns, and return the one of each that took least."""
    children = [{key: in_a_child(one) for key, one in work.items()} for _ in range(5)]
    return {key: min((turn[key] for turn in children), key=lambda child: child.seconds) for key in work}


def _measure_run(airflow: MeasuredAirflow, dag_id: str) -> dict[str, float]:
    found = {"first task started after": airflow.seconds_to_first_task(dag_id, _RUN)}
    for what, (path, query) in _PAGES.items():
        asked = {name: value.format(dag_id=dag_id) for name, value in query.items()}
        found[what] = airflow.seconds_of_page(path.format(dag_id=dag_id), **asked)
    airflow.end_run(dag_id, _RUN)
    return found
