"""The asset events of a step's success; runs in the worker.

A task's events travel in the message that tells Airflow of its success. Airflow stores both in one transaction: there
is an event if and only if there is a success, however often a worker dies. No message is sent for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.semantics.assets import asset_uri, event_extra

if TYPE_CHECKING:
    from airflow.sdk import Context


def changed_assets(
    outlets: list[Any], context: Context, kind: ResourceKind, described: JsonObject, *, also_own: bool
) -> list[Any]:
    """Return the outlets of a task that has succeeded, and give the events of its assets their extras.

    Args:
        outlets: The outlets that the DAG's author has given the task.
        context: Airflow's task context.
        kind: The row of the resource that the step has created.
        described: Its Describe response as plain JSON.
        also_own: Whether the resource itself counts as an asset.
    """
    uri = asset_uri(kind, described) if also_own else ""
    changed = [*outlets, Asset(uri)] if uri else outlets
    assets = [outlet for outlet in changed if isinstance(outlet, Asset)]
    if assets:
        extra = event_extra(kind, described)
        for asset in assets:
            event = context["outlet_events"][asset]
            event.extra = {**extra, **event.extra}
    return changed
