"""``sm-pipelines compare EXECUTION_ARN``: a past execution against the requests that we would have sent. Read-only."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from airflow_sm_pipelines.aws.pipeline_executions import is_execution_arn, region_of_execution
from airflow_sm_pipelines.cli.arguments import WRONG_USAGE, add_format
from airflow_sm_pipelines.definition.package_faults import PackageFaultError
from airflow_sm_pipelines.errors import AwsCallError, InvalidDefinitionError
from airflow_sm_pipelines.preview.changes.named_definitions import loaded
from airflow_sm_pipelines.preview.comparison.execution import (
    ExecutionRecord,
    StepComparison,
    Verdict,
    compare_execution,
)
from airflow_sm_pipelines.preview.comparison.text import as_report, as_text, comparison_verdict
from airflow_sm_pipelines.preview.stored_definitions import SourceError, from_execution

_CODES = {Verdict.IDENTICAL: 0, Verdict.DIFFERENT: 1}
_NOT_COMPARED = WRONG_USAGE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``compare``."""
    parser.add_argument(
        "execution",
        metavar="EXECUTION_ARN",
        help="arn:aws:sagemaker:REGION:ACCOUNT:pipeline/NAME/execution/ID: an execution of SageMaker Pipelines",
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Compare and report. Return 0 if nothing differs, 1 if something does, 2 if a job could not be compared."""
    if not is_execution_arn(args.execution):
        return _complain(f"expected the ARN of an execution, found {args.execution!r}")
    try:
        record = _record(args.execution)
    except (AwsCallError, SourceError, InvalidDefinitionError) as error:
        return _complain(str(error))
    except PackageFaultError as fault:
        print(fault.with_traceback_text(), file=sys.stderr)
        return _NOT_COMPARED
    is_json = args.format == "json"
    steps = _with_progress(record, compare_execution(record), sys.stderr if is_json else sys.stdout)
    if is_json:
        from airflow_sm_pipelines.preview.reports import report_text

        print(report_text(as_report(args.execution, steps)))
    else:
        print(f"\n{as_text(steps)}")
    return _CODES.get(comparison_verdict(steps), _NOT_COMPARED)


def _record(arn: str) -> ExecutionRecord:
    from airflow_sm_pipelines.execution.source_execution import SourceExecution
    from airflow_sm_pipelines.preview.comparison.recorded_execution import read_record

    region = region_of_execution(arn)

    @cache
    def client(service: str) -> Any:
        import boto3

        make_client: Any = boto3.client
        return make_client(service, region_name=region)

    pipeline = loaded(from_execution(arn, region=region, with_tags=False), arn)
    return read_record(arn, pipeline, client, SourceExecution)


def _with_progress(record: ExecutionRecord, found: Iterable[StepComparison], out: Any) -> Sequence[StepComparison]:
    """Collect the comparisons; show a line for each step as soon as it is compared."""
    from airflow_sm_pipelines.demo.progress import StepProgress, progress_display

    names = [step.name for step in record.pipeline.steps]
    display = progress_display(out, max(len(names), len(record.steps)))
    done: list[StepComparison] = []
    for step in found:
        done.append(step)
        rest = names[names.index(step.name.partition("[")[0]) + 1 :]
        rows = [StepProgress(one.name, str(one.verdict), None, one.job) for one in done]
        display.show([*rows, *(StepProgress(name, "waiting") for name in rest)])
    return done


def _complain(message: str) -> int:
    print(f"sm-pipelines compare: {message}", file=sys.stderr)
    return _NOT_COMPARED
