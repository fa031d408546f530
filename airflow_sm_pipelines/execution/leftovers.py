"""Removes what a job leaves behind: an application that was created for one job run only.

This takes several AWS calls with waits between them. It is done wherever a job is ended: in the worker, in the trigger
of a killed task, in ``sm-pipelines stop-orphans``, which also finishes what the other two could not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.errors import AwsCallError

if TYPE_CHECKING:
    from botocore.client import BaseClient

_INTERVAL = 2.0


def remove_leftovers(
    client: BaseClient, kind: ResourceKind, reference: str, pause: Callable[[float], None], patience: float
) -> str:
    """Remove what a job leaves behind, if its kind leaves something.

    Args:
        client: boto3 client of the kind's service.
        kind: The job's row.
        reference: The job.
        pause: Waits some seconds.
        patience: How many seconds to wait at most.

    Returns:
        Why it is not gone yet, for people; empty if nothing is left.
    """
    try:
        return remove_patiently(client, kind, reference, pause, patience)
    except AwsCallError as error:
        return f"cannot remove the {kind.leaves_behind} of {reference}: {error.in_words()}"


def remove_patiently(
    client: BaseClient, kind: ResourceKind, reference: str, pause: Callable[[float], None], patience: float
) -> str:
    """Remove what a job leaves behind, as `remove_leftovers` does, but let a refused call raise.

    Raises:
        AwsCallError: AWS refused a call.
    """
    waited = 0.0
    while jobs.remove(client, kind, reference):
        if waited >= patience:
            return f"the {kind.leaves_behind} of {reference} is not gone after {patience:g} s"
        pause(_INTERVAL)
        waited += _INTERVAL
    return ""
