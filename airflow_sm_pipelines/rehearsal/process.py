"""The Airflow side of a rehearsal: a process that runs DAGs through ``dag.test()`` and writes down how they ended.

Started by `airflow_sm_pipelines.rehearsal.run` with a folder of its own as ``AIRFLOW_HOME``. Each line of its
standard input is an order, each line of its standard output says that one is done; all else that is printed goes to
standard error.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.rehearsal.callbacks import callbacks_answered
from airflow_sm_pipelines.rehearsal.step_states import instance_name


def main() -> None:
    """Make the database, then run the DAG of each order and write its result.

    An order is a JSON object: ``dag_file``, ``conf`` (the run's parameters), ``environment`` (variables that lead to
    its AWS), ``callbacks`` (the answers to Callback steps), ``result_file``. The result is what `run_dag` returns, or
    ``{"refused": text}`` if the definition cannot become a DAG.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from airflow_sm_pipelines.execution import connection, step
    from airflow_sm_pipelines.execution.airflow_internals.server import create_tables

    # What is missing or beyond the API's limits is told by the local AWS, which notes it and goes on.
    step.shape_request = partial(step.shape_request, complete=False)  # type: ignore[attr-defined]
    create_tables()
    for line in sys.stdin:
        order = json.loads(line)
        os.environ.update(order["environment"])
        connection.forget_clients()
        try:
            result = run_dag(Path(order["dag_file"]), order["conf"], order["callbacks"])
        except InvalidDefinitionError as error:
            result = {"refused": str(error)}
        Path(order["result_file"]).write_text(json.dumps(result), encoding="utf-8")
        print("done", file=answers, flush=True)


def run_dag(dag_file: Path, conf: Mapping[str, Any], callbacks: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run the DAG of a file, which must be in a DAG bundle, and return how it ended.

    Failures are not retried: their reasons would be the same, and their delays are those of production.

    Args:
        dag_file: A file with a DAG named ``dag``.
        conf: The run's parameters.
        callbacks: The answers to Callback steps, for `callbacks_answered`.
    """
    spec = importlib.util.spec_from_file_location(dag_file.stem, dag_file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{dag_file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reasons: dict[str, str] = {}

    def note_reason(context: Any) -> None:
        name = instance_name(context["ti"].task_id, context["ti"].map_index)
        reasons[name] = str(context.get("exception") or "it ended without an exception")

    for task in module.dag.tasks:
        task.retries = 0
        task.on_failure_callback = [note_reason]
    with callbacks_answered(callbacks or {}):
        run = module.dag.test(run_conf=dict(conf))
    states = {instance_name(one.task_id, one.map_index): one.state for one in run.get_task_instances()}
    return {"state": str(run.state), "tasks": states, "reasons": reasons}


if __name__ == "__main__":
    main()
