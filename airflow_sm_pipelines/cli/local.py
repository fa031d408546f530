"""``sm-pipelines local``: serve a local AWS until Ctrl-C."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
import warnings
from pathlib import Path
from types import ModuleType

from airflow_sm_pipelines import __version__
from airflow_sm_pipelines.demo.examples import DIABETES, upload_scripts
from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.settings import DOCKER, SANDBOX_NAMES, LocalSettings
from airflow_sm_pipelines.rehearsal.isolation import aws_settings_hidden
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

DEFAULT_PORT = 4599

_ADVICE = "`sm-pipelines rehearse` completes such a job with synthetic outputs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    defaults = LocalSettings()
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help="TCP port on 127.0.0.1; 0 takes a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--sandbox",
        choices=SANDBOX_NAMES,
        default=defaults.sandbox,
        help="how each job gets its own /opt/ml: auto uses the first of namespace, proot and rewrite that works on "
        "this machine; docker runs the images of jobs in Docker (default: %(default)s)",
    )
    parser.add_argument("--region", default=defaults.region, help="AWS region (default: %(default)s)")
    parser.add_argument(
        "--python",
        metavar="INTERPRETER",
        default=defaults.python,
        help="the interpreter that jobs run as python and python3 (default: %(default)s)",
    )
    parser.add_argument(
        "--work-dir",
        metavar="DIR",
        type=Path,
        default=None,
        help="keep the folders of jobs in this folder (default: a temporary folder, removed at the end)",
    )
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        default=None,
        help="keep the state in this folder for the next start: all of SageMaker, Lambda functions and layers, S3 "
        "buckets and the latest version of each object. Logs and the state of other services are not kept. A job that "
        "is running when the server dies is Failed at the next start (default: in memory)",
    )
    parser.add_argument(
        "--rehearse",
        action="store_true",
        help="do not run jobs: each ends after a moment, with labelled synthetic outputs of the right shape",
    )
    parser.add_argument(
        "--examples",
        action="store_true",
        help="upload the scripts of the example pipelines, so that an Airflow with their DAGs can run them",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM, then stop the jobs, and return the exit code."""
    with aws_settings_hidden():
        return _serve(args)


def _serve(args: argparse.Namespace) -> int:
    server = _import_server()
    if server is None:
        return 1
    settings = LocalSettings(
        port=args.port,
        sandbox=args.sandbox,
        region=args.region,
        python=args.python,
        work_dir=args.work_dir,
        state_dir=args.state,
        stand_in=Rehearsal() if args.rehearse else None,
        version=__version__,
        no_runtime_advice=_ADVICE,
    )
    try:
        with server.LocalAws(settings) as aws:
            if args.examples:
                upload_scripts(aws.client("s3"), DIABETES)
            _print_environment(aws.environment(), aws.sandbox)
            _wait_for_signal()
            print("Stopping the jobs.", file=sys.stderr, flush=True)
    except LocalAwsError as error:
        print(f"sm-pipelines local: {error}", file=sys.stderr)
        return 1
    return 0


def _import_server() -> ModuleType | None:
    """Return the server's module, or print that its ``[local]`` extra is missing and return ``None``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # moto would print several lines before the message below
            from airflow_sm_pipelines.local.server import local_aws as server
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("airflow_sm_pipelines"):
            raise
        print(
            f"sm-pipelines local needs {error.name}, which is not installed: pip install 'airflow-sm-pipelines[local]'",
            file=sys.stderr,
        )
        return None
    return server


def _print_environment(environment: dict[str, str], sandbox: str) -> None:
    """Print the variables to paste into the shell whose programs should use the local AWS."""
    where = "in Docker, or as processes if it has their program" if sandbox == DOCKER else "as you, as processes"
    print(
        f"# A local AWS for this machine only; jobs run {where} "
        f"(sandbox: {sandbox}). Not a security boundary. Ctrl-C stops it."
    )
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")
    sys.stdout.flush()


def _wait_for_signal() -> None:
    """Wait for the first SIGINT or SIGTERM; a second SIGINT interrupts the clean-up."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    stop.wait()
    for number, handler in before.items():
        signal.signal(number, handler)
