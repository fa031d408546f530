"""How a Create operation becomes a resource: its request is kept, and its tags are kept apart."""

from __future__ import annotations

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceKey, ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags


def create_as_requested(
    resources: ResourceTable, tags: Tags, key: ResourceKey, request: Document, refusal: AwsError
) -> None:
    """Add a resource that has the members of its Create request.

    Args:
        resources: Where it is added.
        tags: Where its tags are put: no Describe operation shows them.
        key: Its key.
        request: The Create request.
        refusal: The error if there is one with this key.

    Raises:
        AwsError: ``refusal``; or the request has too many tags.
    """
    members = {name: value for name, value in request.items() if name != "Tags"}
    resources.create(key, members, refusal)
    tags.put(key.arn, request.get("Tags", ()))
