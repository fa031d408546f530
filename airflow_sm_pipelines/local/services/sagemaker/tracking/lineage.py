"""Lineage: actions, artifacts, contexts, and associations between them.

Names of actions and contexts are unique, an artifact's source URI is, and so is an association (assumed: AWS documents
none of it, public code expects it).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import Listing, sortable, utc
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource, ResourceKey, ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_ASSOCIATION = "association"
_NOT_KEPT = frozenset({"Tags"})


@dataclass(frozen=True, slots=True)
class _Entity:
    """One kind of entity.

    Attributes:
        noun: In names of operations and members.
        id_of: What makes its ARN, from a Create request.
        identifier: Member by which Describe and Update name it.
        taken: The refusal of a second one (the text is assumed).
        summary: What List tells beside ARN, name and times.
    """

    noun: str
    id_of: Callable[[Document], str]
    identifier: str
    taken: str
    summary: tuple[str, ...]

    @property
    def kind(self) -> str:
        return self.noun.lower()

    @property
    def arn_member(self) -> str:
        return f"{self.noun}Arn"

    def key(self, context: RequestContext, request: Document) -> ResourceKey:
        """Return the key of the entity that a Describe or Update request gives by name or ARN."""
        return ResourceKey(self.kind, context.region, request[self.identifier].rpartition("/")[2])


def _digest(request: Document) -> str:
    return hashlib.sha256(request["Source"]["SourceUri"].encode()).hexdigest()[:32]


_ENTITIES = (
    _Entity(
        noun="Action",
        id_of=lambda request: str(request["ActionName"]),
        identifier="ActionName",
        taken="Action names must be unique within an AWS account and region. Action {arn} already exists.",
        summary=("Source", "ActionType", "Status"),
    ),
    _Entity(
        noun="Artifact",
        id_of=_digest,
        identifier="ArtifactArn",
        taken="An artifact with this source already exists: {arn}",
        summary=("Source", "ArtifactType"),
    ),
    _Entity(
        noun="Context",
        id_of=lambda request: str(request["ContextName"]),
        identifier="ContextName",
        taken="Context names must be unique within an AWS account and region. Context {arn} already exists.",
        summary=("Source", "ContextType"),
    ),
)


class Lineage:
    """The operations of lineage entities and associations.

    Args:
        resources: All resources.
        tags: All tags.
        takes_any_arn: Whether associations may have ends that are not there.
    """

    def __init__(self, resources: ResourceTable, tags: Tags, *, takes_any_arn: bool = False) -> None:
        self._resources = resources
        self._tags = tags
        self._takes_any_arn = takes_any_arn

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        found: dict[str, Operation] = {"AddAssociation": self._associate, "ListAssociations": self._list_associations}
        for entity in _ENTITIES:
            found |= self._operations_of(entity)
        return found

    def _operations_of(self, entity: _Entity) -> dict[str, Operation]:
        return {
            f"Create{entity.noun}": lambda context, request: self._create(entity, context, request),
            f"Describe{entity.noun}": lambda context, request: self._describe(entity, context, request),
            f"Update{entity.noun}": lambda context, request: self._update(entity, context, request),
            f"List{entity.noun}s": lambda context, request: self._list(entity, context, request),
        }

    def _create(self, entity: _Entity, context: RequestContext, request: Document) -> Document:
        key = ResourceKey(entity.kind, context.region, entity.id_of(request))
        members = {name: value for name, value in request.items() if name not in _NOT_KEPT}
        self._resources.create(key, members, validation_error(entity.taken.format(arn=key.arn)))
        self._tags.put(key.arn, request.get("Tags", ()))
        return {entity.arn_member: key.arn}

    def _describe(self, entity: _Entity, context: RequestContext, request: Document) -> Document:
        found = self._get(entity.key(context, request))
        return {**found.members, entity.arn_member: found.key.arn, **_times(found)}

    def _update(self, entity: _Entity, context: RequestContext, request: Document) -> Document:
        key = entity.key(context, request)
        self._get(key)
        removed = request.get("PropertiesToRemove", ())
        changes = {
            name: value for name, value in request.items() if name not in (entity.identifier, "PropertiesToRemove")
        }

        def edit(members: Document) -> Document:
            """Add the new properties to the existing ones (assumed)."""
            properties = {**members.get("Properties", {}), **request.get("Properties", {})}
            kept = {name: value for name, value in properties.items() if name not in removed}
            return {**members, **changes, **({"Properties": kept} if kept else {})}

        self._resources.change(key, edit)
        return {entity.arn_member: key.arn}

    def _list(self, entity: _Entity, context: RequestContext, request: Document) -> Document:
        type_member, name_member = f"{entity.noun}Type", f"{entity.noun}Name"
        listing: Listing[Resource] = Listing(
            name=lambda one: one.key.name,
            filters={
                "SourceUri": lambda one, uri: one.members["Source"]["SourceUri"] == uri,
                type_member: lambda one, wanted: one.members[type_member] == wanted,
                **_MADE,
            },
            sort_keys={
                "Name": lambda one: one.members.get(name_member, ""),
                "CreationTime": lambda one: sortable(one.creation_time),
            },
            default_order="Descending",  # API reference, SortOrder
        )
        page, token = listing.page(self._resources.resources(entity.kind, context.region), request)
        shown = (name_member, *entity.summary)
        rows = [
            {
                entity.arn_member: one.key.arn,
                **{name: one.members[name] for name in shown if name in one.members},
                **_times(one),
            }
            for one in page
        ]
        return {f"{entity.noun}Summaries": rows, "NextToken": token}

    def _associate(self, context: RequestContext, request: Document) -> Document:
        ends = [request["SourceArn"], request["DestinationArn"]]
        for arn in ends:
            if not self._takes_any_arn and not self._resources.arn_exists(arn):  # the text is assumed
                raise AwsError("ResourceNotFound", f"Lineage entity {arn} does not exist.")
        key = ResourceKey(_ASSOCIATION, context.region, json.dumps(ends))
        refusal = validation_error(f"An association between {ends[0]} and {ends[1]} already exists.")
        self._resources.create(key, dict(request), refusal)
        return {"SourceArn": ends[0], "DestinationArn": ends[1]}

    def _list_associations(self, context: RequestContext, request: Document) -> Document:
        page, token = _ASSOCIATIONS.page(self._resources.resources(_ASSOCIATION, context.region), request)
        rows = [{**one.members, "CreationTime": one.creation_time} for one in page]
        return {"AssociationSummaries": rows, "NextToken": token}

    def _get(self, key: ResourceKey) -> Resource:
        return self._resources.get(key, AwsError("ResourceNotFound", f"Lineage entity {key.arn} does not exist."))


_MADE: Mapping[str, Callable[[Resource, Any], bool]] = {
    "CreatedAfter": lambda one, moment: one.creation_time > utc(moment),
    "CreatedBefore": lambda one, moment: one.creation_time < utc(moment),
}

_ASSOCIATIONS: Listing[Resource] = Listing(
    name=lambda one: one.key.name,
    filters={
        "SourceArn": lambda one, arn: one.members["SourceArn"] == arn,
        "DestinationArn": lambda one, arn: one.members["DestinationArn"] == arn,
        "AssociationType": lambda one, kind: one.members.get("AssociationType") == kind,
        **_MADE,
    },
    sort_keys={
        "SourceArn": lambda one: one.members["SourceArn"],
        "DestinationArn": lambda one: one.members["DestinationArn"],
        "CreationTime": lambda one: sortable(one.creation_time),
    },
    default_order="Descending",  # API reference, SortOrder
)


def _times(found: Resource) -> Document:
    return {"CreationTime": found.creation_time, "LastModifiedTime": found.last_modified_time}
