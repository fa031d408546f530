"""Measures the package at size, on real Airflows with PostgreSQL, and beside hand-written DAGs.

Figures hold for the machine and the moment; compare those of one run with each other. Processor time is told rather
than time of day where that is possible, since other work on the machine counts little in it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.airflow_on_postgres.postgres import Postgres
from tests.scale.ground import Ground
from tests.scale.rows import ROWS


def main() -> int:
    """Measure the chosen rows; return 1 if one could not be measured."""
    args = _arguments()
    by_key = {row.key: row for row in ROWS}
    chosen = [by_key[key] for key in args.rows or by_key]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave no Airflow behind
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    folder = Path(tempfile.mkdtemp(prefix="scale-"))
    # Of this process, which parses DAG files itself; Airflow reads them when it is imported.
    os.environ.update(AIRFLOW_HOME=str(folder / "home"), AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING")
    failed = []
    try:
        with Postgres() as postgres:
            ground = Ground(folder, postgres, args.fraction, args.rounds, args.settle, _say)
            for row in chosen:
                print(f"{time.strftime('%X')} {row.key}: {row.subject}", flush=True)
                try:
                    row.measure(ground)
                except Exception as error:  # the other rows are worth measuring all the same
                    failed.append(row.key)
                    _say(f"not measured: {type(error).__name__}: {error}")
    finally:
        if failed or args.keep:
            print(f"logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scale", description=__doc__, epilog=_epilog())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("rows", nargs="*", help="keys (default: all)")
    parser.add_argument("--fraction", type=float, default=1.0, help="of the full size (default: %(default)g)")
    parser.add_argument("--rounds", type=int, default=3, help="of each comparison (default: %(default)s)")
    parser.add_argument("--settle", type=float, help="of our steps in the comparisons (default: the package's)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    args = parser.parse_args()
    unknown = set(args.rows) - {row.key for row in ROWS}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    return args


def _epilog() -> str:
    return "\n".join(f"{row.key:>10}  {row.subject}" for row in ROWS)


def _say(text: str) -> None:
    print("    " + text.strip("\n").replace("\n", "\n    "), flush=True)


if __name__ == "__main__":
    sys.exit(main())
