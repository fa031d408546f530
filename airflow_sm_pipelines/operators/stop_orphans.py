"""The task of the maintenance DAG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_sm_pipelines.errors import AwsCallError, SweepError
from airflow_sm_pipelines.execution.connection import AwsConnection

if TYPE_CHECKING:
    from airflow.sdk import Context


class StopOrphansOperator(BaseOperator):
    """Stops the running AWS resources of this deployment that no live task owns; needs no access to Airflow's database.

    It also deletes the Airflow variables whose cached results have all expired.

    Args:
        connection: Which AWS to look at.
        kwargs: Any argument of Airflow's ``BaseOperator``.
    """

    ui_color = "#f5f5f5"

    def __init__(self, *, connection: AwsConnection, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection = connection

    def execute(self, context: Context) -> int:
        """Sweep once; runs in the worker. Returns the number of orphans.

        Raises:
            SweepError: AWS refused a call; all other orphans are stopped.
        """
        from datetime import UTC, datetime

        from airflow_sm_pipelines.execution.cache_store import drop_expired
        from airflow_sm_pipelines.execution.identity import own_deployment
        from airflow_sm_pipelines.execution.orphans import facts_of_worker
        from airflow_sm_pipelines.execution.steps_in_progress import forget_old_claims
        from airflow_sm_pipelines.execution.sweep import Sweep

        forget_old_claims(self.log)
        sweep = Sweep(self.log.info, self.log.error)
        try:
            sweep.run(self.connection, own_deployment(self.task_id), facts_of_worker)
        except AwsCallError as error:
            raise SweepError(str(error)) from error
        drop_expired(datetime.now(UTC), self.log)
        if sweep.faults:
            raise SweepError("not every orphan could be found and stopped; the errors above say why")
        return sweep.found
