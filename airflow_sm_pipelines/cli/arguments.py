"""Arguments that several commands share: a definition, values of its parameters, and the format of the output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.definition.package_faults import PackageFaultError
from airflow_sm_pipelines.errors import InvalidDefinitionError, ParameterValueError
from airflow_sm_pipelines.preview.given_values import typed_parameters

WRONG_USAGE = 2
"""Exit code for an argument that argparse accepts but that does not fit the definition."""


def add_definition(parser: argparse.ArgumentParser) -> None:
    """Declare the argument FILE."""
    parser.add_argument("file", metavar="FILE", help="a pipeline definition (JSON)")


def add_parameters(parser: argparse.ArgumentParser, default: str) -> None:
    """Declare ``--parameters``.

    Args:
        parser: Parser of the command.
        default: Where the values come from otherwise, for ``--help``.
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


def read_definition(file: str) -> Pipeline | None:
    """Return the pipeline of a file. If there is none, say why on standard error and return ``None``.

    Args:
        file: Its path, as named on the command line; never JSON text.
    """
    try:
        return load_pipeline(Path(file))
    except InvalidDefinitionError as invalid:
        print(invalid, file=sys.stderr)
    except PackageFaultError as fault:
        print(fault.with_traceback_text(), file=sys.stderr)
    except OSError as error:
        print(f"{file}: cannot be read: {error.strerror or error}", file=sys.stderr)
    return None


def parameter_texts(assignments: Sequence[str]) -> dict[str, str]:
    """Return values of parameters given as ``NAME=VALUE``; the last one of a name wins.

    Raises:
        ParameterValueError: An assignment has no equals sign.
    """
    values = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ParameterValueError(f"expected NAME=VALUE, found {assignment!r}")
        values[name] = value
    return values


def parameter_values(pipeline: Pipeline, assignments: Sequence[str]) -> dict[str, str | int | float | bool]:
    """Return the values of parameters given as ``NAME=VALUE``, each in its parameter's type.

    Raises:
        ParameterValueError: The definition has no such parameter, or the value does not fit it.
    """
    return typed_parameters(pipeline, parameter_texts(assignments))


def read_with_values(
    args: argparse.Namespace, command: str
) -> tuple[Pipeline, dict[str, str | int | float | bool]] | int:
    """Return the definition that a command names, and the values of ``--parameters``; or complain.

    Args:
        args: The arguments that `add_definition` and `add_parameters` have declared.
        command: Name of the command, for the message.

    Returns:
        Both; or the exit code: 1 if the file is no definition, 2 if a value does not fit.
    """
    pipeline = read_definition(args.file)
    if pipeline is None:
        return 1
    try:
        return pipeline, parameter_values(pipeline, args.parameters)
    except ParameterValueError as error:
        print(f"sm-pipelines {command}: {error}", file=sys.stderr)
        return WRONG_USAGE


def number_of_runs(text: str) -> int:
    """Return the value of ``--runs``.

    Raises:
        argparse.ArgumentTypeError: It is no whole number from 1.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text!r}")
    return int(text)


def file_or_folder(path: str) -> str | list[str]:
    """Return a path that is named on the command line; of a folder, each ``*.json`` directly in it, by name.

    Raises:
        argparse.ArgumentTypeError: There is none in the folder.
    """
    if not Path(path).is_dir():
        return path
    files = sorted(str(file) for file in Path(path).glob("*.json") if file.is_file())
    if not files:
        raise argparse.ArgumentTypeError(f"there is no *.json in the folder {path}")
    return files


def database_trouble(error: Exception) -> str:
    """Return what to say when Airflow's database refuses, e.g. since nobody has initialised it."""
    reason = str(error).splitlines()[0]
    return f"Airflow's database cannot be read: {reason}; if it is new, run `airflow db migrate`"
