"""``sm-pipelines plan FILE``: every request as it would be sent, with placeholders for what only a run knows."""

from __future__ import annotations

import argparse
from dataclasses import replace

from airflow_sm_pipelines.cli.arguments import add_definition, add_format, add_parameters, read_with_values


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``plan``."""
    add_definition(parser)
    add_parameters(parser, "those of the definition")
    add_format(parser)
    parser.add_argument(
        "--validate", action="store_true", help="compare each request with the API's types and limits (botocore)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the plan; return 1 if the file is no definition or a step has a fault, 2 for a wrong parameter."""
    from airflow_sm_pipelines.preview.plan import as_json, as_text, plan_pipeline
    from airflow_sm_pipelines.rehearsal.untried import unplanned_steps

    read = read_with_values(args, "plan")
    if isinstance(read, int):
        return read
    pipeline, values = read
    plan = replace(plan_pipeline(pipeline, values, validate=args.validate), untried=unplanned_steps(pipeline, values))
    print(as_json(plan) if args.format == "json" else as_text(plan))
    return 1 if any(step.faults for step in plan.steps) else 0
