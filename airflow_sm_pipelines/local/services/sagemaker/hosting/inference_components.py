"""Inference components: Create, Describe, List, Update, Delete. Like endpoints here, nothing is behind them."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import validation_error
from airflow_sm_pipelines.local.services.sagemaker.hosting.deployments import (
    IN_SERVICE,
    OWNER_MEMBER,
    UPDATING,
    DeploymentKind,
    Deployments,
    Pace,
    deployment_listing,
)
from airflow_sm_pipelines.local.services.sagemaker.hosting.endpoint_configs import variants_of
from airflow_sm_pipelines.local.services.sagemaker.hosting.endpoints import Endpoints, pace_of
from airflow_sm_pipelines.local.services.sagemaker.registry.models import Models
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource, ResourceKey, ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags
from airflow_sm_pipelines.local.stand_in import StandIn, owner_of_request, tolerating
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

# Their API has no status of its own for a roll-back.
COMPONENTS = DeploymentKind("inference-component", "inference component", UPDATING)

_UPDATED = ("Specification", "Specifications", "RuntimeConfig")


class InferenceComponents:
    """The operations of inference components.

    Args:
        resources: All resources.
        tags: All tags.
        endpoints: All endpoints.
        models: All models.
        stand_in: What takes the place of endpoints and models that do not exist, if anything does.
    """

    def __init__(
        self,
        resources: ResourceTable,
        tags: Tags,
        endpoints: Endpoints,
        models: Models,
        stand_in: StandIn | None = None,
    ) -> None:
        self._components = Deployments(COMPONENTS, resources)
        self._tags = tags
        self._endpoints = endpoints
        self._models = models
        self._stand_in = stand_in

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "CreateInferenceComponent": self._create,
            "DescribeInferenceComponent": self._describe,
            "ListInferenceComponents": self._list,
            "UpdateInferenceComponent": self._update,
            "DeleteInferenceComponent": self._delete,
        }

    def _create(self, context: RequestContext, request: Document) -> Document:
        key = self._components.key(context.region, request["InferenceComponentName"])
        owner = owner_of_request(self._stand_in, request)
        with tolerating(self._stand_in, owner, "CreateInferenceComponent"):
            self._check_endpoint(context.region, request)
        with tolerating(self._stand_in, owner, "CreateInferenceComponent"):
            self._check_models(context.region, request)
        wanted = {name: value for name, value in request.items() if name != "Tags"}
        self._components.create(key, wanted, owner, pace_of(context, self._stand_in, owner))
        self._tags.put(key.arn, request.get("Tags", ()))
        return {"InferenceComponentArn": key.arn}

    def _update(self, context: RequestContext, request: Document) -> Document:
        key = self._components.key(context.region, request["InferenceComponentName"])
        found = self._components.get(key)
        with tolerating(self._stand_in, found.members[OWNER_MEMBER], "UpdateInferenceComponent"):
            self._check_models(context.region, request)
        changes = {name: request[name] for name in _UPDATED if name in request}
        pace = pace_of(context, self._stand_in, found.members[OWNER_MEMBER])
        self._components.update(key, lambda served: {**served, **changes}, pace)
        return {"InferenceComponentArn": key.arn}

    def _check_endpoint(self, region: str, request: Document) -> None:
        variants = [
            one["VariantName"] for one in variants_of(self._endpoints.in_service(region, request["EndpointName"]))
        ]
        if request.get("VariantName", variants[0]) not in variants:  # the text is assumed
            raise validation_error(f"The endpoint has no variant {request['VariantName']}; it has {variants}")

    def _check_models(self, region: str, request: Document) -> None:
        for specification in [request.get("Specification", {}), *request.get("Specifications", ())]:
            if "ModelName" in specification:
                self._models.get(region, specification["ModelName"])

    def _delete(self, context: RequestContext, request: Document) -> Document:
        key = self._components.key(context.region, request["InferenceComponentName"])
        self._components.delete(key, Pace(pace_of(context, self._stand_in, "").seconds))
        self._tags.forget(key.arn)
        return {}

    def _describe(self, context: RequestContext, request: Document) -> Document:
        found = self._components.get(self._components.key(context.region, request["InferenceComponentName"]))
        # One in motion shows what it is moving to (assumed).
        shown = found.members["wanted"] or found.members["served"]
        runs = self._components.status(found.members) == IN_SERVICE
        copies = shown.get("RuntimeConfig", {}).get("CopyCount")
        specifications = [_described(one) for one in shown.get("Specifications", ())]
        return {
            **_summary(found, self._components),
            "FailureReason": found.members["reason"],
            "Specification": _described(shown["Specification"]) if "Specification" in shown else None,
            "Specifications": specifications or None,
            "RuntimeConfig": {"DesiredCopyCount": copies, "CurrentCopyCount": copies if runs else 0},
        }

    def _list(self, context: RequestContext, request: Document) -> Document:
        rows = [_summary(found, self._components) for found in self._components.all(context.region)]
        page, token = _LISTING.page(rows, request)
        return {"InferenceComponents": page, "NextToken": token}


def _described(specification: Document) -> Document:
    """Return a specification as Describe shows it: with the image in a member of its own."""
    container = dict(specification.get("Container", {}))
    image = container.pop("Image", None)
    shown = {name: value for name, value in specification.items() if name != "Container"}
    if image is not None:
        container["DeployedImage"] = {"SpecifiedImage": image}
    return {**shown, **({"Container": container} if container else {})}


def _summary(found: Resource, components: Deployments) -> Document:
    shown = found.members["wanted"] or found.members["served"]
    endpoint = ResourceKey("endpoint", found.key.region, shown["EndpointName"])
    return {
        "InferenceComponentName": found.key.name,
        "InferenceComponentArn": found.key.arn,
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "VariantName": shown.get("VariantName"),
        "InferenceComponentStatus": components.status(found.members),
        "CreationTime": found.creation_time,
        "LastModifiedTime": found.last_modified_time,
    }


_LISTING = deployment_listing(
    "InferenceComponent",
    {
        "EndpointNameEquals": lambda row, name: row["EndpointName"] == name,
        "VariantNameEquals": lambda row, name: row["VariantName"] == name,
    },
)
