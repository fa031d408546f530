"""What the commands share that ask a running Airflow: its address, whose name they ask in, the output of a table."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from airflow_sm_pipelines.executions.airflow_client import AirflowClient

_Answer = TypeVar("_Answer")

NO_ANSWER = 3
"""Exit code if Airflow did not answer, or refused the request."""


def add_airflow(parser: argparse.ArgumentParser) -> None:
    """Declare ``--airflow-url`` and ``--token``."""
    parser.add_argument(
        "--airflow-url",
        default=os.environ.get("AIRFLOW_API_URL") or "http://localhost:8080",
        metavar="URL",
        help="address of Airflow's API server (default: AIRFLOW_API_URL, else http://localhost:8080)",
    )
    parser.add_argument(
        "--token",
        help="access token of Airflow's API (default: AIRFLOW_API_TOKEN, else one for AIRFLOW_API_USER and "
        "AIRFLOW_API_PASSWORD; an Airflow in which everybody is an admin needs neither)",
    )


def ask(
    command: str, args: argparse.Namespace, question: Callable[[AirflowClient], Awaitable[_Answer]]
) -> _Answer | None:
    """Ask Airflow. If it gives no answer, say why on standard error and return ``None``.

    Args:
        command: Name of the command.
        args: What `add_airflow` has read.
        question: Asks.
    """
    import asyncio

    from airflow_sm_pipelines.executions.airflow_from_outside import Login, NoAnswerError, with_airflow

    token = args.token or os.environ.get("AIRFLOW_API_TOKEN", "")
    login = Login(token, os.environ.get("AIRFLOW_API_USER", ""), os.environ.get("AIRFLOW_API_PASSWORD", ""))
    try:
        return asyncio.run(with_airflow(args.airflow_url, login, question))
    except NoAnswerError as error:
        complain(command, str(error))
        return None


def complain(command: str, what: str) -> None:
    """Say on standard error what is wrong."""
    print(f"sm-pipelines {command}: {what}", file=sys.stderr)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table as text: columns side by side, an empty cell for ``None``."""
    cells = [[*head], *[["" if cell is None else str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
