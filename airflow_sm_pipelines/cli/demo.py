"""``sm-pipelines demo``: run an example pipeline on a real Airflow and a local AWS, which it starts for it.

Everything is in a temporary folder and in processes of this command. It neither reads nor changes anything of the
user's Airflow or AWS.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from airflow_sm_pipelines.cli.arguments import number_of_runs
from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from airflow_sm_pipelines.demo.airflow_processes import AirflowStartError
from airflow_sm_pipelines.demo.examples import DIABETES, Demo, Stage
from airflow_sm_pipelines.demo.run import DEMOS, DemoError, missing_packages, run_pipeline, start
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.rehearsal.isolation import hide_aws_settings

_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--pipeline",
        choices=DEMOS,
        default=DIABETES.name,
        help="which example (default: %(default)s)",
    )
    parser.add_argument(
        "--max-mse",
        type=float,
        metavar="NUMBER",
        help="largest mean squared error that the pipeline accepts; 1 makes it fail (default: that of the definition)",
    )
    parser.add_argument(
        "--runs",
        type=number_of_runs,
        default=1,
        metavar="N",
        help="run the pipeline N times: from the second run on, cached steps create no job (default: %(default)s)",
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep Airflow and the local AWS running after the run, until Ctrl-C",
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo. Return 0 if the pipeline succeeded, 1 if it or the demo failed, 130 after Ctrl-C."""
    lacking = missing_packages()
    if lacking:
        print(
            f"sm-pipelines demo needs {', '.join(lacking)}: pip install 'airflow-sm-pipelines[demo]'", file=sys.stderr
        )
        return 1
    hide_aws_settings(os.environ)
    try:
        with _ending_by_signal():
            return _run(DEMOS[args.pipeline], args.max_mse, runs=args.runs, keep=args.keep)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (DemoError, AirflowStartError, LocalAwsError) as error:
        print(f"sm-pipelines demo: {error}", file=sys.stderr)
    except (AirflowApiError, AwsCallError, OSError) as error:
        print(f"sm-pipelines demo: Airflow or the local AWS does not answer as it should: {error}", file=sys.stderr)
    return 1


def _run(demo: Demo, limit: float | None, *, runs: int, keep: bool) -> int:
    with ExitStack() as running:
        stage = start(demo.example, running, _ignore_signals)  # what has begun to stop is not interrupted
        parameters = running.enter_context(demo.surroundings(stage))
        succeeded = all(run_pipeline(demo, stage, parameters, limit) for _ in range(runs))
        if keep:
            _keep(stage)
    return 0 if succeeded else 1


def _keep(stage: Stage) -> None:
    print(kept_addresses(stage.airflow.api.base_url, stage.example.name, stage.airflow.login, stage.aws.environment()))
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def kept_addresses(base_url: str, dag_id: str, login: tuple[str, str], aws_variables: dict[str, str]) -> str:
    """Return what one needs to look around: the address, the login, and the variables of the local AWS."""
    exports = "\n".join(f"  export {name}={shlex.quote(value)}" for name, value in aws_variables.items())
    return (
        f"\nAirflow:  {base_url}/dags/{dag_id}\nlogin:    {login[0]}\npassword: {login[1]}\n\n"
        f"The local AWS, for another terminal (e.g. aws sagemaker list-processing-jobs):\n{exports}\n\n"
        "Ctrl-C stops both and removes their files."
    )


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _ending_by_signal() -> Iterator[None]:
    """Turn the first signal into an interrupt, so that everything is stopped, and ignore further ones."""

    def interrupt(*_: object) -> None:
        _ignore_signals()
        os.write(2, b"\nStopping Airflow and the local AWS.\n")  # print is not safe in a signal handler
        raise KeyboardInterrupt

    # A signal that is already ignored stays so: nohup ignores SIGHUP.
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
