"""CreateModelPackageGroup, DescribeModelPackageGroup, ListModelPackageGroups, DeleteModelPackageGroup."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.services.sagemaker.resources.creation import create_as_requested
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import resource_listing
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource, ResourceKey, ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_KIND = "model-package-group"
_LAST_VERSION = "LastVersion"
"""Member of our own: the highest version that the group ever had."""


class ModelPackageGroups:
    """The operations of model package groups.

    Args:
        resources: All resources.
        tags: All tags.
    """

    def __init__(self, resources: ResourceTable, tags: Tags) -> None:
        self._resources = resources
        self._tags = tags

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "CreateModelPackageGroup": self._create,
            "DescribeModelPackageGroup": self._describe,
            "ListModelPackageGroups": self._list,
            "DeleteModelPackageGroup": self._delete,
        }

    def next_version(self, region: str, name_or_arn: str) -> tuple[str, int]:
        """Return the name of a group and the version of the next package in it; no version is given twice.

        Raises:
            AwsError: There is no such group.
        """
        key = group_key(region, name_or_arn)
        self._get(key)
        changed = self._resources.change(
            key, lambda members: {**members, _LAST_VERSION: members.get(_LAST_VERSION, 0) + 1}
        )
        return key.name, changed.members[_LAST_VERSION]

    def require(self, region: str, name_or_arn: str) -> None:
        """Refuse an unknown group.

        Raises:
            AwsError: ``ValidationException`` with AWS's own text (public reports of DescribeModelPackageGroup).
        """
        self._get(group_key(region, name_or_arn))

    def _get(self, key: ResourceKey) -> Resource:
        return self._resources.get(key, _not_found(key))

    def _create(self, context: RequestContext, request: Document) -> Document:
        key = ResourceKey(_KIND, context.region, request["ModelPackageGroupName"])
        # The text is the one that the Python SDK looks for when it creates a missing group.
        refusal = validation_error(f"Model Package Group already exists: {key.arn}")
        create_as_requested(self._resources, self._tags, key, request, refusal)
        return {"ModelPackageGroupArn": key.arn}

    def _describe(self, context: RequestContext, request: Document) -> Document:
        group = self._get(group_key(context.region, request["ModelPackageGroupName"]))
        return {**_summary(group), "CreatedBy": {}}

    def _list(self, context: RequestContext, request: Document) -> Document:
        page, token = _LISTING.page(self._resources.resources(_KIND, context.region), request)
        return {"ModelPackageGroupSummaryList": [_summary(group) for group in page], "NextToken": token}

    def _delete(self, context: RequestContext, request: Document) -> Document:
        key = group_key(context.region, request["ModelPackageGroupName"])
        self._get(key)
        packages = self._resources.resources("model-package", context.region)
        if any(package.members.get("ModelPackageGroupName") == key.name for package in packages):
            # The model documents the code; the text is assumed.
            raise AwsError("ConflictException", f"Model Package Group {key.arn} still has model packages")
        self._resources.delete(key, _not_found(key))
        self._tags.forget(key.arn)
        return {}


def group_key(region: str, name_or_arn: str) -> ResourceKey:
    """Return the key of a group that a request gives by name or ARN."""
    return ResourceKey(_KIND, region, name_or_arn.rpartition("/")[2])


_LISTING = resource_listing(default_order="Ascending")  # API reference, SortOrder


def _summary(group: Resource) -> Document:
    shown = {name: value for name, value in group.members.items() if name != _LAST_VERSION}
    return {
        **shown,
        "ModelPackageGroupArn": group.key.arn,
        "ModelPackageGroupStatus": "Completed",
        "CreationTime": group.creation_time,
    }


def _not_found(key: ResourceKey) -> AwsError:
    return validation_error(f"ModelPackageGroup {key.arn} does not exist.")
