"""CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs, DeleteEndpointConfig."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.services.sagemaker.registry.models import Models
from airflow_sm_pipelines.local.services.sagemaker.resources.creation import create_as_requested
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import resource_listing
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource, ResourceKey, ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags
from airflow_sm_pipelines.local.stand_in import StandIn, owner_of_request, tolerating
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_KIND = "endpoint-config"


class EndpointConfigs:
    """The operations of endpoint configurations.

    Args:
        resources: All resources.
        tags: All tags.
        models: All models.
        stand_in: What takes the place of models that do not exist, if anything does.
    """

    def __init__(self, resources: ResourceTable, tags: Tags, models: Models, stand_in: StandIn | None = None) -> None:
        self._resources = resources
        self._tags = tags
        self._models = models
        self._stand_in = stand_in

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "CreateEndpointConfig": self._create,
            "DescribeEndpointConfig": self._describe,
            "ListEndpointConfigs": self._list,
            "DeleteEndpointConfig": self._delete,
        }

    def get(self, region: str, name: str) -> Resource:
        """Return a configuration.

        Raises:
            AwsError: ``ValidationException`` with AWS's own text (public reports).
        """
        key = ResourceKey(_KIND, region, name)
        return self._resources.get(key, _not_found(key))

    def find(self, region: str, name: str) -> Document | None:
        """Return the members of a configuration; ``None`` if it was deleted, which its endpoints survive."""
        found = self._resources.find(ResourceKey(_KIND, region, name))
        return found.members if found else None

    def _create(self, context: RequestContext, request: Document) -> Document:
        key = ResourceKey(_KIND, context.region, request["EndpointConfigName"])
        # The text is AWS's own (public reports).
        refusal = validation_error(f'Cannot create already existing endpoint configuration "{key.arn}".')
        if self._resources.find(key):
            raise refusal
        if problems := [*_problems(request)]:
            raise validation_error("; ".join(problems))
        for variant in variants_of(request):
            if "ModelName" in variant:
                with tolerating(self._stand_in, owner_of_request(self._stand_in, request), "CreateEndpointConfig"):
                    self._models.get(context.region, variant["ModelName"])
        create_as_requested(self._resources, self._tags, key, request, refusal)
        return {"EndpointConfigArn": key.arn}

    def _describe(self, context: RequestContext, request: Document) -> Document:
        config = self.get(context.region, request["EndpointConfigName"])
        return {"EnableNetworkIsolation": False, **config.members, **_summary(config)}

    def _list(self, context: RequestContext, request: Document) -> Document:
        page, token = _LISTING.page(self._resources.resources(_KIND, context.region), request)
        return {"EndpointConfigs": [_summary(config) for config in page], "NextToken": token}

    def _delete(self, context: RequestContext, request: Document) -> Document:
        key = ResourceKey(_KIND, context.region, request["EndpointConfigName"])
        self._resources.delete(key, _not_found(key))
        self._tags.forget(key.arn)
        return {}


def variants_of(members: Document) -> list[Document]:
    """Return all variants of a configuration."""
    return [*members.get("ProductionVariants", ()), *members.get("ShadowProductionVariants", ())]


_LISTING = resource_listing(default_order="Descending")  # API reference, SortOrder


def _summary(config: Resource) -> Document:
    return {
        "EndpointConfigName": config.key.name,
        "EndpointConfigArn": config.key.arn,
        "CreationTime": config.creation_time,
    }


def _not_found(key: ResourceKey) -> AwsError:
    return validation_error(f'Could not find endpoint configuration "{key.arn}".')


def _problems(request: Document) -> Iterator[str]:
    """Check rules that the API reference states in words (the texts are assumed)."""
    names = [variant["VariantName"] for variant in variants_of(request)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"VariantName must be unique, but {name} occurs {names.count(name)} times"
    for variant in variants_of(request):
        if "ServerlessConfig" in variant and "InstanceType" in variant:
            yield f"Variant {variant['VariantName']} cannot have both ServerlessConfig and InstanceType"
