"""CreateModel, DescribeModel, ListModels, DeleteModel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.services.sagemaker.resources.creation import create_as_requested
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import resource_listing
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource, ResourceKey, ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_KIND = "model"

ObjectExists = Callable[[str, str], bool]
"""Whether there is anything at an S3 URI, asked in a region."""


class Models:
    """The operations of models.

    Args:
        resources: All resources.
        tags: All tags.
        object_exists: Looks for model data.
    """

    def __init__(self, resources: ResourceTable, tags: Tags, object_exists: ObjectExists) -> None:
        self._resources = resources
        self._tags = tags
        self._object_exists = object_exists

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "CreateModel": self._create,
            "DescribeModel": self._describe,
            "ListModels": self._list,
            "DeleteModel": self._delete,
        }

    def get(self, region: str, name: str) -> Resource:
        """Return a model.

        Raises:
            AwsError: ``ValidationException``, as AWS answers wherever a model is named that is not there (public
                reports of DescribeModel, CreateEndpointConfig and CreateTransformJob).
        """
        return self._resources.get(ResourceKey(_KIND, region, name), _not_found(ResourceKey(_KIND, region, name)))

    def _create(self, context: RequestContext, request: Document) -> Document:
        key = ResourceKey(_KIND, context.region, request["ModelName"])
        # The text is AWS's own (public reports).
        refusal = validation_error(f'Cannot create already existing model "{key.arn}".')
        if self._resources.find(key):
            raise refusal
        if problems := [*_problems(request)]:
            raise validation_error("; ".join(problems))
        for container in containers_of(request):
            self._check_data(context.region, container)
        create_as_requested(self._resources, self._tags, key, request, refusal)
        return {"ModelArn": key.arn}

    def _check_data(self, region: str, container: Document) -> None:
        uri = container.get("ModelDataUrl", "")
        is_one_object = uri.startswith("s3://") and container.get("Mode") != "MultiModel"
        if is_one_object and not self._object_exists(region, uri):
            # AWS's answer in public reports, up to the advice that follows there.
            raise validation_error(f"Could not find model data at {uri}.")
        if name := container.get("ModelPackageName"):
            key = package_key(region, name)
            self._resources.get(key, validation_error(f"ModelPackage {key.arn} does not exist."))

    def _describe(self, context: RequestContext, request: Document) -> Document:
        model = self.get(context.region, request["ModelName"])
        isolated = {"EnableNetworkIsolation": False}
        return {**isolated, **model.members, **_summary(model)}

    def _list(self, context: RequestContext, request: Document) -> Document:
        page, token = _LISTING.page(self._resources.resources(_KIND, context.region), request)
        return {"Models": [_summary(model) for model in page], "NextToken": token}

    def _delete(self, context: RequestContext, request: Document) -> Document:
        key = ResourceKey(_KIND, context.region, request["ModelName"])
        self._resources.delete(key, _not_found(key))
        self._tags.forget(key.arn)
        return {}


def containers_of(members: Document) -> list[Document]:
    """Return the containers of a model, whichever member they are in."""
    primary = [members["PrimaryContainer"]] if "PrimaryContainer" in members else []
    return [*primary, *members.get("Containers", ())]


def package_key(region: str, name_or_arn: str) -> ResourceKey:
    """Return the key of a model package that a request gives by ARN or, if it is in no group, by name."""
    return ResourceKey("model-package", region, name_or_arn.partition(":model-package/")[2] or name_or_arn)


_LISTING = resource_listing(default_order="Descending")  # API reference, SortOrder


def _summary(model: Resource) -> Document:
    return {"ModelName": model.key.name, "ModelArn": model.key.arn, "CreationTime": model.creation_time}


def _not_found(key: ResourceKey) -> AwsError:
    return validation_error(f'Could not find model "{key.arn}".')


def _problems(request: Document) -> Iterator[str]:
    """Check rules that the API reference states in words (the texts are assumed)."""
    if "ExecutionRoleArn" not in request:
        yield "ExecutionRoleArn is required"
    if ("PrimaryContainer" in request) == bool(request.get("Containers")):
        yield "A model has either a PrimaryContainer or Containers"
    for number, container in enumerate(containers_of(request), start=1):
        if ("Image" in container) == ("ModelPackageName" in container):
            yield f"Container {number} must have exactly one of Image and ModelPackageName"
        if "ModelDataUrl" in container and "ModelDataSource" in container:
            yield f"Container {number} cannot have both ModelDataUrl and ModelDataSource"
