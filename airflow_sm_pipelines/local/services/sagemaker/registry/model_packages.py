"""Model packages: Create, Describe, List, Update, Delete.

A package of a group is a version of it; a package with a name of its own is in no group. What a package names (images,
model data) is not looked at, and nothing validates it: ``ValidationSpecification`` is refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.services.sagemaker.registry.model_package_groups import ModelPackageGroups, group_key
from airflow_sm_pipelines.local.services.sagemaker.registry.models import package_key
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import resource_listing
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource, ResourceKey, ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_KIND = "model-package"

_UPDATED_AS_THEY_ARE = (
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


class ModelPackages:
    """The operations of model packages.

    Args:
        resources: All resources.
        groups: All groups.
        tags: All tags.
        tokens: What was created for a ClientToken: by region and token, the request and the ARN.
    """

    def __init__(
        self,
        resources: ResourceTable,
        groups: ModelPackageGroups,
        tags: Tags,
        tokens: MutableMapping[str, Document] | None = None,
    ) -> None:
        self._resources = resources
        self._groups = groups
        self._tags = tags
        self._tokens = {} if tokens is None else tokens
        self._lock = threading.Lock()

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "CreateModelPackage": self._create,
            "DescribeModelPackage": self._describe,
            "ListModelPackages": self._list,
            "UpdateModelPackage": self._update,
            "DeleteModelPackage": self._delete,
        }

    def get(self, region: str, name_or_arn: str) -> Resource:
        """Return a model package.

        Raises:
            AwsError: ``ValidationException`` with AWS's own text (public reports of DescribeModelPackage).
        """
        key = package_key(region, name_or_arn)
        return self._resources.get(key, _not_found(key))

    def _create(self, context: RequestContext, request: Document) -> Document:
        """Create once for each ClientToken: the same request with it again gets the same answer (API reference)."""
        token = request.get("ClientToken")
        with self._lock:
            if token is None:
                return {"ModelPackageArn": self._create_package(context, request)}
            place = f"{context.region}/{token}"
            if (known := self._tokens.get(place)) is None:
                arn = self._create_package(context, request)
                self._tokens[place] = {"request": dict(request), "arn": arn}
                return {"ModelPackageArn": arn}
            if known["request"] != request:  # the text is assumed
                raise AwsError(
                    "ConflictException", f"ClientToken {token} was used with other parameters, for {known['arn']}"
                )
            return {"ModelPackageArn": known["arn"]}

    def _create_package(self, context: RequestContext, request: Document) -> str:
        if problems := [*_problems(request)]:
            raise validation_error("; ".join(problems))
        members = {name: value for name, value in request.items() if name not in ("Tags", "ClientToken")}
        if group := request.get("ModelPackageGroupName"):
            name, version = self._groups.next_version(context.region, group)
            key = ResourceKey(_KIND, context.region, f"{name}/{version}")
            members |= {
                "ModelPackageGroupName": name,
                "ModelPackageVersion": version,
                # Developer guide, "Update the Approval Status of a Model": pending is the default.
                "ModelApprovalStatus": request.get("ModelApprovalStatus", "PendingManualApproval"),
            }
        else:
            key = ResourceKey(_KIND, context.region, request["ModelPackageName"])
        # The text is assumed, the code is the one that the model documents.
        refusal = AwsError("ConflictException", f"ModelPackage already exists: {key.arn}")
        self._resources.create(key, members, refusal)
        self._tags.put(key.arn, request.get("Tags", ()))
        return key.arn

    def _describe(self, context: RequestContext, request: Document) -> Document:
        package = self.get(context.region, request["ModelPackageName"])
        return {
            "CertifyForMarketplace": False,
            **package.members,
            **_shown(package),
            "LastModifiedTime": package.last_modified_time,
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }

    def _list(self, context: RequestContext, request: Document) -> Document:
        group = request.get("ModelPackageGroupName")
        if group:
            self._groups.require(context.region, group)
            request = {**request, "ModelPackageGroupName": group_key(context.region, group).name}
        # API reference: unversioned packages by default; a group has versioned ones only.
        kind = request.get("ModelPackageType", "Versioned" if group else "Unversioned")
        page, token = _LISTING.page(
            self._resources.resources(_KIND, context.region), {**request, "ModelPackageType": kind}
        )
        return {"ModelPackageSummaryList": [_summary(package) for package in page], "NextToken": token}

    def _update(self, context: RequestContext, request: Document) -> Document:
        package = self.get(context.region, request["ModelPackageArn"])
        self._resources.change(package.key, lambda members: _updated(members, request))
        return {"ModelPackageArn": package.key.arn}

    def _delete(self, context: RequestContext, request: Document) -> Document:
        key = package_key(context.region, request["ModelPackageName"])
        self._resources.delete(key, _not_found(key))
        self._tags.forget(key.arn)
        return {}


def _updated(members: Document, request: Document) -> Document:
    """Return the members of a package after an UpdateModelPackage request."""
    changed = dict(members)
    changed |= {name: request[name] for name in _UPDATED_AS_THEY_ARE if name in request}
    if added := request.get("AdditionalInferenceSpecificationsToAdd"):
        changed["AdditionalInferenceSpecifications"] = [*members.get("AdditionalInferenceSpecifications", ()), *added]
    properties = {**members.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
    removed = request.get("CustomerMetadataPropertiesToRemove", ())
    if properties:
        changed["CustomerMetadataProperties"] = {
            name: value for name, value in properties.items() if name not in removed
        }
    return changed


def _problems(request: Document) -> Iterator[str]:
    """Yield violations of rules of the API reference, and what is not supported (the texts are assumed)."""
    if ("ModelPackageName" in request) == ("ModelPackageGroupName" in request):
        yield "A model package has either a ModelPackageName or a ModelPackageGroupName"
    if "ModelApprovalStatus" in request and "ModelPackageGroupName" not in request:
        yield "ModelApprovalStatus does not apply to unversioned model packages"
    if "ValidationSpecification" in request:
        yield "The local AWS does not support ValidationSpecification"


def _is_versioned(package: Resource) -> bool:
    return "ModelPackageVersion" in package.members


_TYPES: Mapping[str, Callable[[Resource], bool]] = {
    "Versioned": _is_versioned,
    "Unversioned": lambda package: not _is_versioned(package),
    "Both": lambda _: True,
}

_LISTING = resource_listing(
    default_order="Ascending",  # API reference, SortOrder
    filters={
        "ModelPackageGroupName": lambda package, name: package.members.get("ModelPackageGroupName") == name,
        "ModelApprovalStatus": lambda package, status: package.members.get("ModelApprovalStatus") == status,
        "ModelPackageType": lambda package, kind: _TYPES[kind](package),
    },
)

_SUMMARIZED = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageDescription",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)


def _shown(package: Resource) -> Document:
    """Return what both Describe and List tell. A package is complete at once: nothing is validated."""
    return {
        "ModelPackageArn": package.key.arn,
        "ModelPackageStatus": "Completed",
        "CreationTime": package.creation_time,
    }


def _summary(package: Resource) -> Document:
    return {**{name: package.members.get(name) for name in _SUMMARIZED}, **_shown(package)}


def _not_found(key: ResourceKey) -> AwsError:
    return validation_error(f"ModelPackage {key.arn} does not exist.")
