"""What ``airflow sm-pipelines …`` is; loaded by Airflow's command line only, at its start.

Airflow would have to load each of our commands to know its arguments. So it knows one command, and hands what follows
the name over to ours.
"""

from __future__ import annotations

from argparse import REMAINDER

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, lazy_load_command


def get_commands() -> list[CLICommand]:
    """Return the commands that this package adds to ``airflow``."""
    ours = Arg(  # type: ignore[no-untyped-call]
        ("arguments",), nargs=REMAINDER, help="a subcommand of sm-pipelines, and its arguments"
    )
    return [
        ActionCommand(
            name="sm-pipelines",
            help="Work with SageMaker pipeline definitions and the DAGs they become",
            description="Everything that the command sm-pipelines does; `airflow sm-pipelines help` lists it.",
            func=lazy_load_command("airflow_sm_pipelines.cli.main.run_in_airflow"),
            args=(ours,),
        )
    ]
