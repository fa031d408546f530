"""Endpoints: Create, Describe, List, Update, Delete.

An endpoint comes into service after a moment, but nothing is behind it: the local AWS has no InvokeEndpoint, and says
so to whoever calls it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import validation_error
from airflow_sm_pipelines.local.services.sagemaker.hosting.deployments import (
    CREATING,
    IN_SERVICE,
    OWNER_MEMBER,
    ROLLBACK_FAILED,
    ROLLING_BACK,
    UPDATING,
    DeploymentKind,
    Deployments,
    Pace,
    deployment_listing,
)
from airflow_sm_pipelines.local.services.sagemaker.hosting.endpoint_configs import EndpointConfigs
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource, ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags
from airflow_sm_pipelines.local.stand_in import Ending, StandIn, owner_of_request, tolerating
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

ENDPOINTS = DeploymentKind("endpoint", "endpoint", ROLLING_BACK)

_SECONDS = 1.0
"""How long a deployment takes when nothing else is said."""


def pace_of(context: RequestContext, stand_in: StandIn | None, owner: str) -> Pace:
    """Return how a deployment goes: as a fault rule wants, else as the stand-in wants for the owner."""
    fault = context.job_fault
    ending = stand_in.ending_of(owner) if stand_in else Ending(_SECONDS)
    if fault is not None:
        return Pace(ending.seconds + fault.delay_seconds, fault.failure_reason)
    return Pace(ending.seconds, ending.failure_reason)


class Endpoints:
    """The operations of endpoints.

    Args:
        resources: All resources.
        tags: All tags.
        configs: All endpoint configurations.
        stand_in: What takes the place of configurations that do not exist, if anything does.
    """

    def __init__(
        self, resources: ResourceTable, tags: Tags, configs: EndpointConfigs, stand_in: StandIn | None = None
    ) -> None:
        self._endpoints = Deployments(ENDPOINTS, resources)
        self._tags = tags
        self._configs = configs
        self._stand_in = stand_in

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "CreateEndpoint": self._create,
            "DescribeEndpoint": self._describe,
            "ListEndpoints": self._list,
            "UpdateEndpoint": self._update,
            "DeleteEndpoint": self._delete,
        }

    def in_service(self, region: str, name: str) -> Document:
        """Return the configuration that an endpoint serves.

        Raises:
            AwsError: There is no such endpoint, or it is not in service (the text is assumed).
        """
        found = self._endpoints.get(self._endpoints.key(region, name))
        status = self._endpoints.status(found.members)
        if status != IN_SERVICE:
            raise validation_error(f'Endpoint "{found.key.arn}" is in status {status}, not {IN_SERVICE}.')
        return self._configs.get(region, found.members["served"]["EndpointConfigName"]).members

    def _create(self, context: RequestContext, request: Document) -> Document:
        key = self._endpoints.key(context.region, request["EndpointName"])
        owner = owner_of_request(self._stand_in, request)
        self._require_config(context.region, request, owner, "CreateEndpoint")
        self._endpoints.create(key, _wanted(request), owner, pace_of(context, self._stand_in, owner))
        self._tags.put(key.arn, request.get("Tags", ()))
        return {"EndpointArn": key.arn}

    def _update(self, context: RequestContext, request: Document) -> Document:
        key = self._endpoints.key(context.region, request["EndpointName"])
        found = self._endpoints.get(key)
        self._require_config(context.region, request, found.members[OWNER_MEMBER], "UpdateEndpoint")
        pace = pace_of(context, self._stand_in, found.members[OWNER_MEMBER])
        self._endpoints.update(key, lambda _: _wanted(request), pace)
        return {"EndpointArn": key.arn}

    def _require_config(self, region: str, request: Document, owner: str, operation: str) -> None:
        with tolerating(self._stand_in, owner, operation):
            self._configs.get(region, request["EndpointConfigName"])

    def _delete(self, context: RequestContext, request: Document) -> Document:
        key = self._endpoints.key(context.region, request["EndpointName"])
        self._endpoints.delete(key, Pace(pace_of(context, self._stand_in, "").seconds))
        self._tags.forget(key.arn)
        return {}

    def _describe(self, context: RequestContext, request: Document) -> Document:
        found = self._endpoints.get(self._endpoints.key(context.region, request["EndpointName"]))
        members = found.members
        shown = members["served"] or members["wanted"]
        config = self._configs.find(context.region, shown["EndpointConfigName"])
        is_served = members["outcome"] in (IN_SERVICE, ROLLBACK_FAILED)
        return {
            **_summary(found, self._endpoints),
            "EndpointConfigName": shown["EndpointConfigName"],
            "FailureReason": members["reason"],
            "LastDeploymentConfig": shown.get("DeploymentConfig"),
            "PendingDeploymentSummary": _pending(members),
            **(_served(config) if is_served and config else {}),
        }

    def _list(self, context: RequestContext, request: Document) -> Document:
        rows = [_summary(found, self._endpoints) for found in self._endpoints.all(context.region)]
        page, token = _LISTING.page(rows, request)
        return {"Endpoints": page, "NextToken": token}


def _wanted(request: Document) -> Document:
    return {name: request[name] for name in ("EndpointConfigName", "DeploymentConfig") if name in request}


def _pending(members: Document) -> Document | None:
    if members["phase"] not in (CREATING, UPDATING):
        return None
    return {
        "EndpointConfigName": members["wanted"]["EndpointConfigName"],
        "StartTime": datetime.fromisoformat(members["begun"]),
    }


def _served(config: Document) -> Document:
    """Return what Describe tells of the configuration in service."""
    echoed = ("AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig", "CrossRegionTrafficConfig")
    return {
        "ProductionVariants": _variants(config["ProductionVariants"]),
        "ShadowProductionVariants": _variants(config.get("ShadowProductionVariants", ())) or None,
        "DataCaptureConfig": _capture(config.get("DataCaptureConfig")),
        **{name: config[name] for name in echoed if name in config},
    }


def _variants(variants: Iterable[Document]) -> list[Document]:
    shown: list[Document] = []
    for variant in variants:
        weight, count = variant.get("InitialVariantWeight", 1.0), variant.get("InitialInstanceCount")
        serverless = variant.get("ServerlessConfig")
        shown.append(
            {
                "VariantName": variant["VariantName"],
                "CurrentWeight": weight,
                "DesiredWeight": weight,
                "CurrentInstanceCount": count,
                "DesiredInstanceCount": count,
                "CurrentServerlessConfig": serverless,
                "DesiredServerlessConfig": serverless,
                "ManagedInstanceScaling": variant.get("ManagedInstanceScaling"),
                "RoutingConfig": variant.get("RoutingConfig"),
            }
        )
    return shown


def _capture(config: Document | None) -> Document | None:
    if config is None:
        return None
    enabled = config.get("EnableCapture", False)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def _summary(found: Resource, endpoints: Deployments) -> Document:
    return {
        "EndpointName": found.key.name,
        "EndpointArn": found.key.arn,
        "CreationTime": found.creation_time,
        "LastModifiedTime": found.last_modified_time,
        "EndpointStatus": endpoints.status(found.members),
    }


_LISTING = deployment_listing("Endpoint")
