"""``sm-pipelines diff A B``: what has changed between two definitions, and which steps run again."""

from __future__ import annotations

import argparse
import sys

from airflow_sm_pipelines.cli.arguments import WRONG_USAGE, add_format
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.definition.package_faults import PackageFaultError
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.preview.changes.definition_diff import as_report, as_text, definition_diff
from airflow_sm_pipelines.preview.changes.named_definitions import named_definition
from airflow_sm_pipelines.preview.sources import SourceSyntaxError
from airflow_sm_pipelines.preview.stored_definitions import SourceError

_UNREADABLE = WRONG_USAGE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``diff``."""
    what = "a file, pipeline:NAME, s3://BUCKET/KEY, the ARN of a pipeline or of an execution, or MODULE:NAME"
    parser.add_argument("old", metavar="A", help=f"the definition before the change: {what}")
    parser.add_argument("new", metavar="B", help="the definition after it, likewise")
    parser.add_argument("--region", help="AWS region of a stored definition (default: that of ARN or environment)")
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Print what has changed. Return 0 if nothing has, 1 if something has, 2 if a definition cannot be read."""
    pipelines = [_read(name, args.region) for name in (args.old, args.new)]
    old, new = pipelines
    if old is None or new is None:
        return _UNREADABLE
    diff = definition_diff(old, new, (args.old, args.new))
    if args.format == "json":
        from airflow_sm_pipelines.preview.reports import report_text

        print(report_text(as_report(diff)))
    else:
        print(as_text(diff))
    return 1 if diff.changes else 0


def _read(name: str, region: str | None) -> Pipeline | None:
    try:
        return named_definition(name, region=region)
    except InvalidDefinitionError as invalid:
        print(f"sm-pipelines diff: {name}: {invalid}", file=sys.stderr)
    except PackageFaultError as fault:
        print(fault.with_traceback_text(), file=sys.stderr)
    except (SourceSyntaxError, SourceError) as error:
        print(f"sm-pipelines diff: {error}", file=sys.stderr)
    except OSError as error:
        print(f"sm-pipelines diff: {name}: cannot be read: {error.strerror or error}", file=sys.stderr)
    return None
