"""Runs a demo: starts a local AWS and Airflow, runs the pipeline, and tells how far it is and how it ended."""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from airflow_sm_pipelines import __version__
from airflow_sm_pipelines.demo.airflow_api import AirflowApi, ApiObject
from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses
from airflow_sm_pipelines.demo.champion import CHAMPION_DEMO
from airflow_sm_pipelines.demo.diabetes import DIABETES_DEMO
from airflow_sm_pipelines.demo.examples import Demo, Example, Stage, dags_folder, upload_scripts
from airflow_sm_pipelines.demo.progress import progress_display, progress_name, step_progress, tasks_in_order
from airflow_sm_pipelines.demo.resources import ReusedResults, RunJobs, RunResources
from airflow_sm_pipelines.errors import SageMakerPipelinesError

_NEEDED = {
    "moto": "moto",
    "flask": "flask",
    "flask_cors": "flask-cors",
    "sklearn": "scikit-learn",
    "pandas": "pandas",
    "xgboost": "xgboost-cpu",
}
"""Modules that the local AWS and the scripts of the examples import -> the packages that hold them."""

DEMOS = {demo.example.name: demo for demo in (DIABETES_DEMO, CHAMPION_DEMO)}

_ENDED = frozenset({"success", "failed"})
_POLL_SECONDS = 1.0
_STOP_SECONDS = 5.0
"""How long a component may take to end. Nothing of this Airflow is needed afterwards."""
_LAST_EVENTS = 10


class DemoError(SageMakerPipelinesError):
    """The demo cannot go on; the message says why."""


def missing_packages() -> list[str]:
    """Return the packages of the ``[demo]`` extra that are not installed."""
    return [package for module, package in _NEEDED.items() if find_spec(module) is None]


def start(example: Example, running: ExitStack, before_stop: Callable[[], None]) -> Stage:
    """Start a local AWS with the bucket and the scripts of an example, and Airflow.

    Args:
        example: The example.
        running: Stops them, and removes their files, when it is closed.
        before_stop: Called at the end, before Airflow is stopped.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # moto's, on its imports
        from airflow_sm_pipelines.local.server.local_aws import LocalAws

    home = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="sm-pipelines-demo-")))
    aws = running.enter_context(LocalAws(version=__version__))
    upload_scripts(aws.client("s3"), example)
    print(f"The local AWS answers at {aws.endpoint_url} (jobs run as processes here, sandbox: {aws.sandbox}).")
    print("Starting Airflow: database, scheduler, API server, DAG processor, triggerer. About 20 s.", flush=True)
    began = time.monotonic()
    airflow = running.enter_context(
        AirflowProcesses(home, dags_folder(), environment=aws.environment(), stop_seconds=_STOP_SECONDS)
    )
    running.callback(before_stop)
    print(f"Airflow is up after {time.monotonic() - began:.0f} s. It stops after the run, unless you give --keep.")
    return Stage(example, airflow, aws)


def run_pipeline(demo: Demo, stage: Stage, parameters: Mapping[str, object], limit: float | None) -> bool:
    """Start a run, follow it and print how it ended; tell whether it succeeded.

    Args:
        demo: The demo.
        stage: Where it runs.
        parameters: Parameters of the run.
        limit: The largest mean squared error that the pipeline accepts; ``None`` for the definition's.

    Raises:
        DemoError: Airflow cannot run the pipeline.
        AirflowApiError: Airflow refused a request.
    """
    example, api = stage.example, stage.airflow.api
    _wait_until_parsed(stage)
    conf = {**parameters, **({} if limit is None else {example.limit_parameter: limit})}
    print(f"\nRunning {example.name} with {json.dumps(conf) if conf else 'its default parameters'}:\n", flush=True)
    began = time.monotonic()
    run_id = api.trigger(example.name, conf)
    state = _follow(stage, run_id)
    seconds = time.monotonic() - began
    largest = example.load().parameter(example.limit_parameter).default if limit is None else limit
    reasons = [] if state == "success" else run_failures(api, example.name, run_id)
    results = list(demo.results(stage, run_id, float(str(largest))))
    for line in closing_lines(succeeded=state == "success", seconds=seconds, reasons=reasons, results=results):
        print(line)
    sys.stdout.flush()
    return state == "success"


def closing_lines(*, succeeded: bool, seconds: float, reasons: Sequence[str], results: Sequence[str]) -> list[str]:
    """Return what the demo says after the run. The result comes last, below what the failed steps have logged.

    Args:
        succeeded: Whether the run succeeded.
        seconds: How long it took.
        reasons: Why steps failed: each begins with a line that says it, and may continue with lines of a log.
        results: What the run has made, as lines.
    """
    if succeeded:
        return ["", f"The pipeline succeeded in {seconds:.0f} s.", *results]
    details = [line for reason in reasons if "\n" in reason for line in ("", *reason.splitlines())]
    said = [f"  {reason.splitlines()[0]}" for reason in reasons]
    return [*details, "", f"The pipeline failed after {seconds:.0f} s:", *said, *results]


def _wait_until_parsed(stage: Stage, patience: float = 60.0) -> None:
    api, name = stage.airflow.api, stage.example.name
    deadline = time.monotonic() + patience
    while not api.has_dag(name):
        _check_alive(stage.airflow)
        errors = [error for error in api.import_errors() if f"{name}.py" in error]
        if errors:
            raise DemoError(f"Airflow cannot import the DAG {name}:\n{errors[0]}")
        if time.monotonic() > deadline:
            raise DemoError(f"Airflow has not found the DAG {name} in {dags_folder()} within {patience:g} s")
        time.sleep(0.5)


def _follow(stage: Stage, run_id: str) -> str:
    """Show the progress of a run until it has ended; return its last state."""
    api, dag_id = stage.airflow.api, stage.example.name
    steps = stage.example.load().steps
    jobs = RunJobs(stage.client("sagemaker"), dag_id, run_id)
    resources = RunResources(api, dag_id, run_id, steps)
    reused = ReusedResults(api, dag_id, run_id, steps)
    display = progress_display(sys.stdout)
    while True:
        # The state first: the table below it is then at least as new, and the last one shows the end.
        state = api.run_state(dag_id, run_id)
        by_task, now = jobs.by_task(), datetime.now(UTC)
        tasks = tasks_in_order(steps, api.task_instances(dag_id, run_id))
        by_task |= resources.by_task(tasks) | reused.by_task(tasks)
        display.show([step_progress(task, by_task.get(progress_name(task), ""), now) for task in tasks])
        if state in _ENDED:
            return state
        _check_alive(stage.airflow)
        time.sleep(_POLL_SECONDS)


def _check_alive(airflow: AirflowProcesses) -> None:
    ended = airflow.ended_component()
    if ended is not None:
        raise DemoError(f"Airflow's {ended} ended. The last lines of its log:\n{airflow.last_log_lines(ended)}")


def run_failures(api: AirflowApi, dag_id: str, run_id: str) -> list[str]:
    """Return the reason of each failed task of a run.

    Tasks that did not run because another one failed (``upstream_failed``) have no reason of their own.

    Raises:
        airflow_sm_pipelines.demo.airflow_api.AirflowApiError: Airflow refused a request.
    """
    return [
        failure_reason(
            progress_name(task),
            api.task_log(dag_id, run_id, task["task_id"], task["try_number"], task.get("map_index", -1)),
        )
        for task in api.task_instances(dag_id, run_id)
        if task["state"] == "failed"
    ]


def failure_reason(task_id: str, log: Sequence[ApiObject]) -> str:
    """Return the message of the exception that ended a task, or the end of its log if there was none.

    A step's message names the step and its reason, and ends with the last lines of its job's log.

    Args:
        task_id: The task.
        log: The events of its log, as Airflow's REST API returns them.
    """
    for event in reversed(log):
        chain = event.get("error_detail")
        if chain:  # the exception that ended the task first, then its causes
            return str(chain[0]["exc_value"])
    last = [str(event.get("event", "")) for event in log if not str(event.get("event", "")).startswith("::")]
    lines = "\n".join(f"    {line}" for line in last[-_LAST_EVENTS:])
    return (
        f"Task {task_id} ended without an exception, e.g. because its process was killed. Its log ends with:\n{lines}"
    )
