"""The Airflow side of a rehearsal: a process that runs one DAG through ``dag.test()`` and writes down how it ended.

Started by `airflow_sm_pipelines.cli.rehearsal_run` with a folder of its own as ``AIRFLOW_HOME``.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.errors import InvalidDefinitionError


def main(dag_file: str, conf_file: str, result_file: str) -> None:
    """Make the database, run the DAG of a file, write the result.

    Args:
        dag_file: Path of the DAG file.
        conf_file: Path of a JSON file with the run's parameters.
        result_file: Where to write ``{"state", "tasks": {id: state}, "reasons": {id: text}}``, or ``{"refused": text}``
            if the definition cannot become a DAG.
    """
    from airflow.utils.db import initdb  # noqa: PLC0415 - this process alone has the settings for it

    initdb()
    conf = json.loads(Path(conf_file).read_text(encoding="utf-8"))
    try:
        result = run_dag(Path(dag_file), conf)
    except InvalidDefinitionError as error:
        result = {"refused": str(error)}
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


def run_dag(dag_file: Path, conf: Mapping[str, Any]) -> dict[str, Any]:
    """Run the DAG of a file, which must be in a DAG bundle, and return how it ended.

    Failures are not retried: their reasons would be the same, and their delays are those of production.

    Args:
        dag_file: A file with a DAG named ``dag``.
        conf: The run's parameters.
    """
    spec = importlib.util.spec_from_file_location(dag_file.stem, dag_file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{dag_file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reasons: dict[str, str] = {}

    def note_reason(context: Any) -> None:
        reasons[context["ti"].task_id] = str(context.get("exception") or "it ended without an exception")

    for task in module.dag.tasks:
        task.retries = 0
        task.on_failure_callback = [note_reason]
    run = module.dag.test(run_conf=dict(conf))
    states = {instance.task_id: instance.state for instance in run.get_task_instances()}
    return {"state": str(run.state), "tasks": states, "reasons": reasons}


if __name__ == "__main__":
    main(*sys.argv[1:])
