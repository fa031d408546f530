"""The assets that a DAG's tasks declare. Runs at parse time; Airflow shows them in its graphs and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow.sdk import Asset

from airflow_sm_pipelines.operators.base import JobOperator
from airflow_sm_pipelines.semantics.assets import expected_asset_uri

if TYPE_CHECKING:
    from airflow_sm_pipelines.operators.base import StepOperator


def declare_own_asset(task: StepOperator, values: Mapping[str, object], *, given: bool) -> None:
    """Declare the asset that a step changes, if its name is known before a run.

    Args:
        task: The step's task.
        values: Values of parameters that replace the definition's defaults.
        given: Whether the DAG's author has given the task outlets: then it has those and no other.
    """
    if not isinstance(task, JobOperator):
        return
    task.changes_own_asset = not given
    if given:
        return
    uri = expected_asset_uri(task.kind, task.plan.step.arguments, task.settings.pipeline, values)
    if uri:
        task.own_asset = Asset(uri)
        task.outlets.append(task.own_asset)
