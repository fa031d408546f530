"""Lineage: actions, artifacts and contexts, and associations between them.

All of it can be done again: what exists is found, and brought up to date as far as the API can. Sources: API reference,
CreateAction, CreateArtifact, CreateContext, AddAssociation and their Update operations. Assumed, since AWS does not
document it: names of actions and contexts are unique, an artifact's source URI is, and an association that is there
already is refused as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError, call
from airflow_sm_pipelines.aws.failures import says_present


@dataclass(frozen=True, slots=True)
class LineageEntity:
    """One kind of lineage entity.

    Attributes:
        noun: What people call it; also what an association's ``Type`` says, in lower case.
        member: Member of the step's Arguments with the Create requests.
        arns: Member of the step's properties with the ARNs by name.
        create, update: Operation names.
        name_member: Member of the Create request with the name.
        arn_member: Member of the answers with the ARN.
        type_member: Member of the Create request that no update changes, as its ``Source``.
        updated: Members that an update brings up to date.
    """

    noun: str
    member: str
    arns: str
    create: str
    update: str
    name_member: str
    arn_member: str
    type_member: str
    updated: tuple[str, ...]


ACTION = LineageEntity(
    noun="action",
    member="Actions",
    arns="ActionArns",
    create="CreateAction",
    update="UpdateAction",
    name_member="ActionName",
    arn_member="ActionArn",
    type_member="ActionType",
    updated=("Description", "Status", "Properties"),
)
ARTIFACT = LineageEntity(
    noun="artifact",
    member="Artifacts",
    arns="ArtifactArns",
    create="CreateArtifact",
    update="UpdateArtifact",
    name_member="ArtifactName",
    arn_member="ArtifactArn",
    type_member="ArtifactType",
    # Not its name: it belongs to its source, which other pipelines may have recorded under theirs.
    updated=("Properties",),
)
CONTEXT = LineageEntity(
    noun="context",
    member="Contexts",
    arns="ContextArns",
    create="CreateContext",
    update="UpdateContext",
    name_member="ContextName",
    arn_member="ContextArn",
    type_member="ContextType",
    updated=("Description", "Properties"),
)

LINEAGE_ENTITIES = (ACTION, ARTIFACT, CONTEXT)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What has become of one entity.

    Attributes:
        arn: Its ARN.
        is_new: Whether it was created now.
        differing: Members in which the one that was there differs, and that no update can change.
    """

    arn: str
    is_new: bool
    differing: tuple[str, ...] = ()


def record(client: Any, entity: LineageEntity, request: Mapping[str, Any]) -> Recorded:
    """Create an entity, or find the one that is there and bring it up to date.

    Args:
        client: A boto3 client for SageMaker.
        entity: Its kind.
        request: The Create request.

    Raises:
        CallRefusedError: AWS refused a call.
    """
    try:
        return Recorded(str(call(client, entity.create, request)[entity.arn_member]), is_new=True)
    except CallRefusedError as error:
        if not says_present(error.code, error.message):
            raise
        found = _find(client, entity, request)
        if found is None:
            raise
    changes = {name: request[name] for name in entity.updated if name in request}
    if changes:
        call(client, entity.update, {**_key(entity, found), **changes})
    fixed = ("Source", entity.type_member)
    differing = tuple(name for name in fixed if _plain(found.get(name)) != _plain(request.get(name)))
    return Recorded(str(found[entity.arn_member]), is_new=False, differing=differing)


def associate(client: Any, request: Mapping[str, Any]) -> bool:
    """Add an association; false if it is there already.

    Args:
        client: A boto3 client for SageMaker.
        request: The AddAssociation request.

    Raises:
        CallRefusedError: AWS refused the call.
    """
    try:
        call(client, "AddAssociation", request)
    except CallRefusedError as error:
        if says_present(error.code, error.message):
            return False
        raise
    return True


def _find(client: Any, entity: LineageEntity, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if entity is not ARTIFACT:
        describe = entity.create.replace("Create", "Describe")
        return call(client, describe, {entity.name_member: request[entity.name_member]})
    uri = request["Source"]["SourceUri"]
    found = call(client, "ListArtifacts", {"SourceUri": uri, "MaxResults": 100}).get("ArtifactSummaries", ())
    same_type = [one for one in found if one.get("ArtifactType") == request["ArtifactType"]]
    return next(iter([*same_type, *found]), None)


def _key(entity: LineageEntity, found: Mapping[str, Any]) -> dict[str, Any]:
    member = entity.arn_member if entity is ARTIFACT else entity.name_member
    return {member: found[member]}


def _plain(value: Any) -> Any:
    """Return a source without what is empty; a type as it is."""
    return {name: one for name, one in value.items() if one} if isinstance(value, Mapping) else value
