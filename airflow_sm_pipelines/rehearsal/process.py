"""The Airflow side of a rehearsal: a process that runs DAGs through ``dag.test()`` and records how they ended.

`airflow_sm_pipelines.rehearsal.run` starts it with a folder of its own as ``AIRFLOW_HOME``. Each line of its standard
input is an `Order` as JSON, each line of its standard output says that one is done. Everything else that is printed
goes to standard error.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.rehearsal.callbacks import callbacks_answered
from airflow_sm_pipelines.rehearsal.step_states import instance_name
from airflow_sm_pipelines.semantics.run_options import CACHE, NO_RUN, SOURCE_RUN, CacheUse

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
    """How a run ended: its id, the state of the run and of each task, why tasks failed, and what they reused.

    A definition that cannot become a DAG has ``refused`` alone, which says why.
    """

    run_id: str
    state: str
    tasks: dict[str, str | None]
    reasons: dict[str, str]
    reuse: dict[str, dict[str, str]]
    refused: str


def main() -> None:
    """Create the database, then run the DAG of each order and write its result."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with _looking_for_no_garbage():
        _start_airflow()
    from airflow_sm_pipelines.execution import connection
    from airflow_sm_pipelines.execution.step_run import limits_left_to_aws

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


def _start_airflow() -> None:
    """Load Airflow with what a step needs of it, and create its database.

    botocore's models are read once for all definitions, although each has an AWS of its own and so its own clients.
    """
    from botocore import loaders

    from airflow_sm_pipelines.execution.airflow_internals.scratch_airflow import create_tables, lighten_task_api

    lighten_task_api()
    create_tables()
    loaders.create_loader = cache(loaders.create_loader)


@contextmanager
def _looking_for_no_garbage() -> Iterator[None]:
    """Load modules in the block without Python's search for garbage, which takes a third of the time of imports.

    What they made stays for good: later searches pass over it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def run_dag(order: Order) -> EndedRun:
    """Run the DAG of an order and return how it ended.

    The results of another rehearsal count for none: a run that renews them begins without any.

    Failures are not retried: they would fail again, after the delays of production.
    """
    dag_file = Path(order.dag_file)
    spec = importlib.util.spec_from_file_location(dag_file.stem, dag_file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{dag_file} is not a Python file")
    from airflow_sm_pipelines.execution.airflow_internals.server import database_session, delete_variables
    from airflow_sm_pipelines.execution.airflow_internals.worker import pull_xcom
    from airflow_sm_pipelines.execution.cache_store import CACHE_VARIABLES
    from airflow_sm_pipelines.execution.xcoms import CACHE_KEY, own_map_index
    from airflow_sm_pipelines.operators.base import StepOperator
    from airflow_sm_pipelines.semantics.cache_keys import cache_key_of

    if order.conf.get(CACHE) == CacheUse.REFRESH:
        with database_session() as session:
            delete_variables(session, CACHE_VARIABLES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reasons: dict[str, str] = {}
    reuse: dict[str, Any] = {}

    def note_reuse(context: Context) -> None:
        task_id, index = context["ti"].task_id, own_map_index(context)
        reuse[instance_name(task_id, index)] = pull_xcom(context, task_id, CACHE_KEY, index)

    def note_reason(context: Context) -> None:
        name = instance_name(context["ti"].task_id, context["ti"].map_index)
        reasons[name] = str(context.get("exception") or "it ended without an exception")

    for task in module.dag.tasks:
        task.retries = 0
        task.on_failure_callback = [note_reason]
        if isinstance(task, StepOperator) and cache_key_of(task.plan.step) is not None:
            task.on_success_callback = [note_reuse]
    with callbacks_answered(order.callbacks):
        # A later run of several reuses what the one before it has reused.
        is_first = order.conf.get(CACHE) != CacheUse.ON
        if is_first and order.selection and order.selection[SOURCE_RUN] != NO_RUN:
            module.dag.test(run_conf=dict(order.conf))
            reasons.clear()
        run = module.dag.test(run_conf={**order.conf, **order.selection})
    states = {instance_name(one.task_id, one.map_index): one.state for one in run.get_task_instances()}
    known = {name: said for name, said in reuse.items() if said}
    return {"run_id": run.run_id, "state": str(run.state), "tasks": states, "reasons": reasons, "reuse": known}


if __name__ == "__main__":
    main()
