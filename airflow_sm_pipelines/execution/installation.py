"""The id of this Airflow installation, which its scheduler makes; runs where Airflow's database can be reached.

Tasks could not make it: two that start at once would write different ids, and one of them would use an id that the
other has overwritten. A variable's key is unique in the database, and each process that has the database writes it when
it starts.
"""

from __future__ import annotations

import logging

from airflow_sm_pipelines.execution.identity import (
    DEPLOYMENT_VARIABLE,
    Deployment,
    database_mark,
    deployment_of,
    new_installation_id,
)

_log = logging.getLogger(__name__)
_DESCRIPTION = "Identifies this Airflow installation in the tags of its AWS jobs. Do not copy it to another one."


def register_installation() -> None:
    """Make the id if there is none yet, and a new one if the database is a copy of another installation's."""
    from airflow_sm_pipelines.execution.airflow_internals.server import (
        IntegrityError,
        add_variable,
        database_address,
        database_session,
        read_variable,
        replace_variable,
    )

    try:
        with database_session() as session:
            address, known = database_address(session), read_variable(session, DEPLOYMENT_VARIABLE)
            if known is None:
                add_variable(session, DEPLOYMENT_VARIABLE, new_installation_id(address), _DESCRIPTION)
            elif "-" in known and not known.endswith(f"-{database_mark(address)}"):
                _log.warning(
                    "The Airflow variable %s was made for another database: this one was moved or copied, and is a new "
                    "installation from now on. Its `stop-orphans` leaves the jobs of the other one alone",
                    DEPLOYMENT_VARIABLE,
                )
                replace_variable(session, DEPLOYMENT_VARIABLE, known, new_installation_id(address))
    except IntegrityError:
        return  # another process has made it at the same time


def registered_deployment() -> Deployment | None:
    """Return this deployment as Airflow's database has it, ``None`` if it has no name yet."""
    from airflow_sm_pipelines.execution.airflow_internals.server import database_session, read_variable

    with database_session() as session:
        return deployment_of(read_variable(session, DEPLOYMENT_VARIABLE))
