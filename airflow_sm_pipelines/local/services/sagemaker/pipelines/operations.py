"""CreatePipeline, UpdatePipeline, DeletePipeline, DescribePipeline, ListPipelines, and Search for pipelines.

They keep definitions, as the service does. Nothing here runs a pipeline; the definition is only read as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_sm_pipelines.local.documents import Document, read_json
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.services.sagemaker.resources.creation import create_as_requested
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import Listing, resource_listing, sortable, utc
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource, ResourceKey, ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_KIND = "pipeline"
_TOKEN = "ClientRequestToken"  # noqa: S105 - a member
_LOCATION = "PipelineDefinitionS3Location"
_OF_VERSIONS = ("PipelineVersionId", "PipelineVersionAlias", "PipelineVersionAliases")

ReadObject = Callable[[str, str, str], str]
"""Returns the text of an S3 object, by region, bucket and key."""


class Pipelines:
    """The operations of pipelines.

    Args:
        resources: All resources.
        tags: All tags.
        read_object: Reads a definition that a request leaves in S3.
    """

    def __init__(self, resources: ResourceTable, tags: Tags, read_object: ReadObject) -> None:
        self._resources = resources
        self._tags = tags
        self._read_object = read_object

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "CreatePipeline": self._create,
            "UpdatePipeline": self._update,
            "DeletePipeline": self._delete,
            "DescribePipeline": self._describe,
            "ListPipelines": self._list,
            "Search": self._search,
        }

    def _create(self, context: RequestContext, request: Document) -> Document:
        key = ResourceKey(_KIND, context.region, request["PipelineName"])
        # The SDK's ``upsert`` looks for the last two words.
        refusal = validation_error(
            "Pipeline names must be unique within an AWS account and region. "
            f"Pipeline with name ({key.name}) already exists."
        )
        earlier = self._resources.find(key)
        if earlier is not None:
            if earlier.members[_TOKEN] == request[_TOKEN]:
                return {"PipelineArn": key.arn}
            raise refusal
        create_as_requested(self._resources, self._tags, key, self._stored(context, request), refusal)
        return {"PipelineArn": key.arn}

    def _update(self, context: RequestContext, request: Document) -> Document:
        key = self._get(context, request).key
        stored = self._stored(context, request, is_new=False)
        self._resources.change(key, lambda members: {**members, **stored})
        return {"PipelineArn": key.arn}

    def _stored(self, context: RequestContext, request: Document, *, is_new: bool = True) -> Document:
        """Return the members that are kept, with the text of the definition.

        Raises:
            AwsError: ``ValidationException``: there is no definition, or two, or it is no JSON object with steps (the
                texts are assumed), or it names versions.
        """
        _refuse_versions(request)
        members = {name: value for name, value in request.items() if name != _LOCATION}
        location = request.get(_LOCATION)
        if location is not None and "PipelineDefinition" in request:
            raise validation_error(f"Only one of PipelineDefinition and {_LOCATION} can be given")
        if location is not None:
            members["PipelineDefinition"] = self._read_object(context.region, location["Bucket"], location["ObjectKey"])
        if "PipelineDefinition" in members:
            _check_definition(members["PipelineDefinition"])
        elif is_new:
            raise validation_error(f"One of PipelineDefinition and {_LOCATION} is required")
        return members

    def _delete(self, context: RequestContext, request: Document) -> Document:
        key = self._get(context, request).key
        self._resources.delete(key, _not_found(key.arn))
        self._tags.forget(key.arn)
        return {"PipelineArn": key.arn}

    def _describe(self, context: RequestContext, request: Document) -> Document:
        _refuse_versions(request)
        pipeline = self._get(context, request)
        shown = {name: value for name, value in pipeline.members.items() if name != _TOKEN}
        return {**shown, **_facts(pipeline), "PipelineStatus": "Active"}

    def _get(self, context: RequestContext, request: Document) -> Resource:
        """Return the pipeline that a request names, by its name or its ARN."""
        key = ResourceKey(_KIND, context.region, request["PipelineName"].rpartition("/")[2])
        found = self._resources.find(key)
        if found is None or request["PipelineName"] not in (key.name, key.arn):
            raise _not_found(request["PipelineName"])
        return found

    def _list(self, context: RequestContext, request: Document) -> Document:
        page, token = _LISTING.page(self._resources.resources(_KIND, context.region), request)
        return {"PipelineSummaries": [_summary(pipeline) for pipeline in page], "NextToken": token}

    def _search(self, context: RequestContext, request: Document) -> Document:
        if request["Resource"] != "Pipeline":
            raise validation_error(f"The local AWS searches only for the resource Pipeline, not {request['Resource']}")
        expression = request.get("SearchExpression", {})
        others = sorted(set(expression) - {"Filters"})
        if others:
            raise validation_error(f"The local AWS searches with Filters only, not with {', '.join(others)}")
        entries = [
            {**_summary(pipeline), "Tags": self._tags.of(pipeline.key.arn)}
            for pipeline in self._resources.resources(_KIND, context.region)
        ]
        found = [entry for entry in entries if all(_fits(entry, one) for one in expression.get("Filters", ()))]
        page, token = _SEARCH.page(
            found, {name: request[name] for name in ("NextToken", "MaxResults") if name in request}
        )
        return {"Results": [{"Pipeline": entry} for entry in page], "NextToken": token}


def _facts(pipeline: Resource) -> Document:
    return {
        "PipelineName": pipeline.key.name,
        "PipelineArn": pipeline.key.arn,
        "CreationTime": pipeline.creation_time,
        "LastModifiedTime": pipeline.last_modified_time,
    }


_SUMMARY = ("PipelineDisplayName", "PipelineDescription", "RoleArn")


def _summary(pipeline: Resource) -> Document:
    return {**_facts(pipeline), **{name: pipeline.members[name] for name in _SUMMARY if name in pipeline.members}}


def _fits(entry: Document, one: Mapping[str, Any]) -> bool:
    """Tell whether a pipeline has a tag with a value; the documents have more operators than this."""
    _, is_tag, key = one["Name"].partition("Tags.")
    if not is_tag or one.get("Operator", "Equals") != "Equals":
        raise validation_error("The local AWS searches with filters of the form Tags.KEY Equals VALUE only")
    return {"Key": key, "Value": one.get("Value")} in entry["Tags"]


def _check_definition(text: str) -> None:
    try:
        definition = read_json(text)
    except ValueError as error:
        raise validation_error(f"The pipeline definition is not JSON: {error}") from None
    if not isinstance(definition, dict) or not isinstance(definition.get("Steps"), list):
        raise validation_error("The pipeline definition is not an object with Steps")


def _refuse_versions(request: Document) -> None:
    named = [name for name in _OF_VERSIONS if request.get(name)]
    if named:
        raise validation_error(f"{', '.join(named)}: the local AWS keeps only the latest version of a pipeline")


def _not_found(name: str) -> AwsError:
    return AwsError("ResourceNotFound", f"Pipeline {name} does not exist")


_LISTING = resource_listing(
    default_order="Descending",
    filters={
        "PipelineNamePrefix": lambda pipeline, prefix: pipeline.key.name.startswith(prefix),
        "CreatedAfter": lambda pipeline, moment: pipeline.creation_time > utc(moment),
        "CreatedBefore": lambda pipeline, moment: pipeline.creation_time < utc(moment),
    },
)
"""The order without SortOrder is assumed."""

_SEARCH: Listing[Document] = Listing(
    name=lambda entry: str(entry["PipelineName"]),
    filters={},
    sort_keys={"LastModifiedTime": lambda entry: sortable(entry["LastModifiedTime"])},
    default_sort="LastModifiedTime",
    default_order="Descending",
)
"""API reference, Search: SortBy and SortOrder."""
