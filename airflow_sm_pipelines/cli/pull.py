"""``sm-pipelines pull``: writes pipelines of an account and region into files, each whole, and only if it changed."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.aws.calls import refusals
from airflow_sm_pipelines.cli.arguments import WRONG_USAGE, add_format
from airflow_sm_pipelines.definition.package_faults import PackageFaultError
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.preview.pulled_definitions import (
    PulledDefinition,
    State,
    account_of,
    gone_pipelines,
    pipeline_names,
    pull,
)
from airflow_sm_pipelines.preview.stored_definitions import SourceError, from_pipeline

_FAILED = WRONG_USAGE
_STATES: tuple[State, ...] = ("new", "changed", "unchanged", "gone", "failed")
_CHANGES = frozenset({"new", "changed", "gone"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``pull``."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--pipeline", metavar="NAME", help="name or ARN of a pipeline of SageMaker")
    which.add_argument("--all", action="store_true", help="all pipelines of the account and region")
    parser.add_argument(
        "--version", type=int, metavar="N", help="number of the pipeline's version (default: the latest)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="FOLDER", help="folder of the files (default: this one)"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; return 1 if a file would change")
    parser.add_argument("--region", help="AWS region (default: that of the ARN or environment)")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Pull and report. Return 1 with ``--check`` if something changed, 2 if something failed, else 0."""
    if args.all and args.version is not None:
        return _complain("--version is for one --pipeline")
    try:
        names = pipeline_names(_client("sagemaker", args.region)) if args.all else [args.pipeline]
    except AwsCallError as error:
        return _complain(str(error))
    pulled = _with_progress(names, args)
    if args.format == "json":
        _print_json(pulled, check=args.check)
    else:
        counts = Counter(one.state for one in pulled)
        print(", ".join(f"{counts[state]} {state}" for state in _STATES if counts[state]) or "no pipeline")
    if any(one.state == "failed" for one in pulled):
        return _FAILED
    return 1 if args.check and any(one.state in _CHANGES for one in pulled) else 0


def _with_progress(names: Sequence[str], args: argparse.Namespace) -> list[PulledDefinition]:
    """Pull each pipeline; show a line for each as soon as it is done."""
    from airflow_sm_pipelines.demo.progress import StepProgress, progress_display

    display = progress_display(sys.stderr if args.format == "json" else sys.stdout, len(names))
    pulled: list[PulledDefinition] = []
    for one in _pulled(names, args):
        pulled.append(one)
        rows = [StepProgress(row.pipeline, row.state, None, row.note or str(row.file or "")) for row in pulled]
        display.show([*rows, *(StepProgress(name, "waiting") for name in names[len(pulled) :])])
    return pulled


def _pulled(names: Sequence[str], args: argparse.Namespace) -> Iterator[PulledDefinition]:
    for name in names:
        try:
            found = from_pipeline(name, version_id=args.version, region=args.region)
            yield pull(found, args.output, check=args.check)
        except (SourceError, PackageFaultError) as error:
            yield PulledDefinition(name, None, "failed", str(error))
        except OSError as error:
            yield PulledDefinition(name, None, "failed", f"{error.filename}: {error.strerror or error}")
    if args.all:
        yield from _gone(names, args)


def _gone(names: Sequence[str], args: argparse.Namespace) -> Iterator[PulledDefinition]:
    try:
        region = str(_client("sagemaker", args.region).meta.region_name)
        account = account_of(_client("sts", args.region))
        yield from gone_pipelines(args.output, set(names), account, region)
    except AwsCallError as error:
        yield PulledDefinition("(files without a pipeline)", None, "failed", str(error))
    except OSError as error:
        yield PulledDefinition("(files without a pipeline)", None, "failed", f"{error.filename}: {error.strerror}")


def _print_json(pulled: Sequence[PulledDefinition], *, check: bool) -> None:
    from airflow_sm_pipelines.preview.pull_report import PulledPipeline, PullReport
    from airflow_sm_pipelines.preview.reports import report_text

    rows = [
        PulledPipeline(pipeline=one.pipeline, file=str(one.file or ""), state=one.state, note=one.note)
        for one in pulled
    ]
    print(report_text(PullReport(checked_only=check, pipelines=rows)))


def _client(service: str, region: str | None) -> Any:
    import boto3

    make_client: Any = boto3.client
    with refusals(f"a client of {service}"):
        return make_client(service, region_name=region)


def _complain(message: str) -> int:
    print(f"sm-pipelines pull: {message}", file=sys.stderr)
    return _FAILED
