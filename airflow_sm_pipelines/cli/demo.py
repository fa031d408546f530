"""``sm-pipelines demo``: run an example pipeline on a real Airflow and a local AWS, both of which it starts.

Everything lives in a temporary folder and in processes of this command; nothing of the user's Airflow or AWS is
read or changed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow_sm_pipelines import __version__
from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.cli.user_settings import leave_user_settings
from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from airflow_sm_pipelines.demo.airflow_processes import AirflowProcesses, AirflowStartError
from airflow_sm_pipelines.demo.champion import CHAMPION_DEMO
from airflow_sm_pipelines.demo.diabetes import DIABETES_DEMO
from airflow_sm_pipelines.demo.examples import Example, dags_folder, upload_scripts
from airflow_sm_pipelines.demo.run_failures import run_failures
from airflow_sm_pipelines.demo.run_jobs import RunJobs
from airflow_sm_pipelines.demo.run_resources import RunResources
from airflow_sm_pipelines.demo.stage import Demo, Stage
from airflow_sm_pipelines.demo.step_progress import progress_display, progress_name, step_progress, tasks_in_order
from airflow_sm_pipelines.local.errors import LocalAwsError

_NEEDED = {
    "moto": "moto",
    "flask": "flask",
    "flask_cors": "flask-cors",
    "sklearn": "scikit-learn",
    "pandas": "pandas",
    "xgboost": "xgboost-cpu",
}
"""Modules that the local AWS and the example's scripts import, and the packages they come in."""

DEMOS = {demo.example.name: demo for demo in (DIABETES_DEMO, CHAMPION_DEMO)}

_ENDED = frozenset({"success", "failed"})
_POLL_SECONDS = 1.0
_STOP_SECONDS = 5.0
"""Nothing of this Airflow is needed afterwards, so it has not long to tidy up."""
_INTERRUPTED = 130


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--pipeline",
        choices=DEMOS,
        default=DIABETES_DEMO.example.name,
        help="which example (default: %(default)s)",
    )
    parser.add_argument(
        "--max-mse",
        type=float,
        metavar="NUMBER",
        help="largest mean squared error that the pipeline accepts; with 1 it fails (default: the definition's)",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="leave Airflow and the local AWS running until Ctrl-C when the run has ended",
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo; returns 0 when the pipeline succeeded, 1 when it or the demo failed, 130 after Ctrl-C."""
    lacking = missing_packages()
    if lacking:
        print(
            f"sm-pipelines demo needs {', '.join(lacking)}: pip install 'airflow-sm-pipelines[demo]'", file=sys.stderr
        )
        return 1
    leave_user_settings(os.environ)
    try:
        with _ending_by_signal():
            return _run(DEMOS[args.pipeline], args.max_mse, keep=args.keep)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (DemoError, AirflowStartError, LocalAwsError) as error:
        print(f"sm-pipelines demo: {error}", file=sys.stderr)
    except (AirflowApiError, CallRefusedError, OSError) as error:
        print(f"sm-pipelines demo: Airflow or the local AWS does not answer as it should: {error}", file=sys.stderr)
    return 1


def missing_packages() -> list[str]:
    """Return what is not installed of the ``[demo]`` extra."""
    return [package for module, package in _NEEDED.items() if find_spec(module) is None]


def _run(demo: Demo, limit: float | None, *, keep: bool) -> int:
    with ExitStack() as running:
        stage = _start(demo.example, running)
        parameters = running.enter_context(demo.surroundings(stage))
        succeeded = _run_pipeline(demo, stage, parameters, limit)
        if keep:
            _keep(stage)
        else:
            print("\nStopping Airflow. With --keep it stays, and you can look around in its UI.", flush=True)
    return 0 if succeeded else 1


def _start(example: Example, running: ExitStack) -> Stage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # moto's, on its imports
        from airflow_sm_pipelines.local.server.local_aws import LocalAws  # noqa: PLC0415 - needs the [local] extra

    home = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="sm-pipelines-demo-")))
    aws = running.enter_context(LocalAws(version=__version__))
    bucket = str(example.load().parameter("Bucket").default)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": aws.settings.region})
    upload_scripts(s3, example, bucket)
    print(f"The local AWS answers at {aws.endpoint_url} (jobs run as processes here, sandbox: {aws.sandbox}).")
    print("Starting Airflow: database, scheduler, API server, DAG processor, triggerer. About 20 s.", flush=True)
    began = time.monotonic()
    airflow = running.enter_context(
        AirflowProcesses(home, dags_folder(), environment=aws.environment(), stop_seconds=_STOP_SECONDS)
    )
    running.callback(_ignore_signals)  # runs first at the end: what has begun to stop is not interrupted
    print(f"Airflow is up after {time.monotonic() - began:.0f} s.")
    return Stage(example, airflow, aws)


def _run_pipeline(demo: Demo, stage: Stage, parameters: Mapping[str, Any], limit: float | None) -> bool:
    """Start a run, follow it, and say how it ended; tells whether it succeeded."""
    example, api = stage.example, stage.airflow.api
    _wait_until_parsed(stage)
    conf = {**parameters, **({} if limit is None else {example.limit_parameter: limit})}
    print(f"\nRunning {example.name} with {json.dumps(conf) if conf else 'its default parameters'}:\n", flush=True)
    began = time.monotonic()
    run_id = api.trigger(example.name, conf)
    state = _follow(stage, run_id)
    took = f"{time.monotonic() - began:.0f} s"
    if state == "success":
        print(f"\nThe pipeline succeeded in {took}.")
    else:
        print(f"\nThe pipeline failed after {took}:")
        for reason in run_failures(api, example.name, run_id):
            print("  " + reason.replace("\n", "\n  "))
    largest = example.load().parameter(example.limit_parameter).default if limit is None else limit
    for line in demo.results(stage, run_id, float(str(largest))):
        print(line)
    sys.stdout.flush()
    return state == "success"


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
    """Show the progress of a run until it has ended; returns its last state."""
    api, dag_id = stage.airflow.api, stage.example.name
    steps = stage.example.load().steps
    jobs = RunJobs(stage.client("sagemaker"), dag_id, run_id)
    resources = RunResources(api, dag_id, run_id, steps)
    display = progress_display(sys.stdout)
    while True:
        # The state first: the table below it is then at least as new, and the last one shows the end.
        state = api.run_state(dag_id, run_id)
        by_task, now = jobs.by_task(), datetime.now(UTC)
        tasks = tasks_in_order(steps, api.task_instances(dag_id, run_id))
        by_task |= resources.by_task(tasks)
        display.show([step_progress(task, by_task.get(progress_name(task), ""), now) for task in tasks])
        if state in _ENDED:
            return state
        _check_alive(stage.airflow)
        time.sleep(_POLL_SECONDS)


def _check_alive(airflow: AirflowProcesses) -> None:
    ended = airflow.ended_component()
    if ended is not None:
        raise DemoError(f"Airflow's {ended} ended. The last lines of its log:\n{airflow.last_log_lines(ended)}")


def _keep(stage: Stage) -> None:
    print(kept_addresses(stage.airflow.api.base_url, stage.example.name, stage.airflow.login, stage.aws.environment()))
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def kept_addresses(base_url: str, dag_id: str, login: tuple[str, str], aws_variables: dict[str, str]) -> str:
    """Return what somebody needs who wants to look around: address, login, and the variables of the local AWS."""
    exports = "\n".join(f"  export {name}={shlex.quote(value)}" for name, value in aws_variables.items())
    return (
        f"\nAirflow:  {base_url}/dags/{dag_id}\nlogin:    {login[0]}\npassword: {login[1]}\n\n"
        f"The local AWS, for another terminal (e.g. aws sagemaker list-processing-jobs):\n{exports}\n\n"
        "Ctrl-C stops both and removes their files."
    )


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _ending_by_signal() -> Iterator[None]:
    """Make the first signal that should end us an interrupt, so that everything is stopped; ignore further ones."""

    def interrupt(*_: Any) -> None:
        _ignore_signals()
        os.write(2, b"\nStopping Airflow and the local AWS.\n")  # print is not safe in a signal handler
        raise KeyboardInterrupt

    # What is ignored already stays so: nohup ignores SIGHUP.
    numbers = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
