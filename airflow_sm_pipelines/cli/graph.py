"""``sm-pipelines graph FILE``: the graph that a definition becomes, as text, as a Mermaid flowchart, or as JSON."""

from __future__ import annotations

import argparse

from airflow_sm_pipelines.cli.arguments import add_definition, read_definition
from airflow_sm_pipelines.preview.graph import as_json, as_mermaid, as_text

_FORMATS = {"text": as_text, "mermaid": as_mermaid, "json": as_json}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``graph``."""
    add_definition(parser)
    parser.add_argument("--format", choices=tuple(_FORMATS), default="text", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Print the graph of a definition. Return 1 if the file cannot be read or is not valid."""
    pipeline = read_definition(args.file)
    if pipeline is None:
        return 1
    print(_FORMATS[args.format](pipeline.plans))
    return 0
