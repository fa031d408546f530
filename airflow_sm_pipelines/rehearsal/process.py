"""The Airflow side of a rehearsal: a process that runs DAGs through ``dag.test()`` and records how they ended.

`airflow_sm_pipelines.rehearsal.run` starts it with a folder of its own as ``AIRFLOW_HOME``. Each line of its standard
input is an `Order` as JSON, each line of its standard output says that one is done. Everything else that is printed
goes to standard error.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.rehearsal.callbacks import callbacks_answered
from airflow_sm_pipelines.rehearsal.step_states import instance_name
from airflow_sm_pipelines.semantics.run_options import NO_RUN, SOURCE_RUN

if TYPE_CHECKING:
    from airflow.sdk import Context


@dataclass(frozen=True, slots=True)
class Order:
    """A DAG to run.

    Attributes:
        dag_file: A file with a DAG named ``dag``, in a DAG bundle.
        result_file: Where to write the `EndedRun` as JSON.
        environment: Environment variables that lead to its AWS.
        conf: The run's parameters.
        callbacks: The answers to Callback steps, for `callbacks_answered`.
        selection: Options of the run that make it execute only some steps; with a source run, all steps run before it.
    """

    dag_file: str
    result_file: str
    environment: Mapping[str, str] = field(default_factory=dict)
    conf: Mapping[str, Json] = field(default_factory=dict)
    callbacks: Mapping[str, JsonObject] = field(default_factory=dict)
    selection: Mapping[str, Json] = field(default_factory=dict)


class EndedRun(TypedDict, total=False):
    """How a run ended: the state of the run and of each task, and why tasks failed.

    A definition that cannot become a DAG has ``refused`` alone, which says why.
    """

    state: str
    tasks: dict[str, str | None]
    reasons: dict[str, str]
    refused: str


def main() -> None:
    """Create the database, then run the DAG of each order and write its result."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from airflow_sm_pipelines.execution import connection
    from airflow_sm_pipelines.execution.airflow_internals.server import create_tables
    from airflow_sm_pipelines.execution.step_run import limits_left_to_aws

    create_tables()
    for line in sys.stdin:
        order = Order(**json.loads(line))
        os.environ.update(order.environment)
        connection.forget_clients()
        try:
            with limits_left_to_aws():
                result = run_dag(order)
        except InvalidDefinitionError as error:
            result = {"refused": str(error)}
        Path(order.result_file).write_text(json.dumps(result), encoding="utf-8")
        print("done", file=answers, flush=True)


def run_dag(order: Order) -> EndedRun:
    """Run the DAG of an order and return how it ended.

    Failures are not retried: they would fail again, after the delays of production.
    """
    dag_file = Path(order.dag_file)
    spec = importlib.util.spec_from_file_location(dag_file.stem, dag_file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{dag_file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reasons: dict[str, str] = {}

    def note_reason(context: Context) -> None:
        name = instance_name(context["ti"].task_id, context["ti"].map_index)
        reasons[name] = str(context.get("exception") or "it ended without an exception")

    for task in module.dag.tasks:
        task.retries = 0
        task.on_failure_callback = [note_reason]
    with callbacks_answered(order.callbacks):
        if order.selection and order.selection[SOURCE_RUN] != NO_RUN:
            module.dag.test(run_conf=dict(order.conf))
            reasons.clear()
        run = module.dag.test(run_conf={**order.conf, **order.selection})
    states = {instance_name(one.task_id, one.map_index): one.state for one in run.get_task_instances()}
    return {"state": str(run.state), "tasks": states, "reasons": reasons}


if __name__ == "__main__":
    main()
