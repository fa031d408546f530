"""The arguments ``--parameters NAME=VALUE`` and ``--format`` of the commands that look at one definition."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import ParameterValueError


def add_parameters(parser: argparse.ArgumentParser, default: str) -> None:
    """Declare ``--parameters``.

    Args:
        parser: Parser of the command.
        default: What the values are without it, for ``--help``.
    """
    parser.add_argument(
        "--parameters",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help=f"values of pipeline parameters (default: {default})",
    )


def add_format(parser: argparse.ArgumentParser) -> None:
    """Declare ``--format``: text for people, or JSON and nothing else on standard output."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")


def parameter_values(pipeline: Pipeline, assignments: Sequence[str]) -> dict[str, str | int | float | bool]:
    """Return the values of parameters given as ``NAME=VALUE``, each in its parameter's type.

    Raises:
        ParameterValueError: The definition has no such parameter, or the value does not fit it.
    """
    declared = {parameter.name: parameter for parameter in pipeline.parameters}
    values = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ParameterValueError(f"expected NAME=VALUE, found {assignment!r}")
        if name not in declared:
            hint = did_you_mean(name, declared) or f"it declares {', '.join(declared) or 'none'}"
            raise ParameterValueError(f"the definition declares no parameter {name!r} ({hint})")
        values[name] = declared[name].coerce(text)
    return values
