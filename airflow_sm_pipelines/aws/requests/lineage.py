"""The calls of a Lineage step: actions, artifacts and contexts, and associations between them.

All of them can be repeated: what exists is found, and updated as far as the API allows. Sources: API reference,
CreateAction, CreateArtifact, CreateContext, AddAssociation and their Update operations. Assumed, since AWS does not
document it: names of actions and contexts are unique, and so are the source URIs of artifacts; AWS refuses an existing
association as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.failures import says_present
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, StepStart, unless
from airflow_sm_pipelines.aws.requests.tags import with_tags
from airflow_sm_pipelines.errors import AwsCallError, RequestError, StepFailedError


@dataclass(frozen=True, slots=True)
class LineageEntity:
    """A row about one type of lineage entity.

    Attributes:
        noun: What people call it; also the ``Type`` of an end of an association, in lower case.
        member: Member of the step's Arguments that holds the Create requests.
        arns: Member of the step's properties that holds the ARNs by name.
        create, update: Operation names.
        name_member: Member of the Create request that holds the name.
        arn_member: Member of the answers that holds the ARN.
        type_member: Member of the Create request that, like ``Source``, no update changes.
        updated: Members that an update changes.
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
    # Not its name: other pipelines may have recorded the same source under a name of their own.
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

ASSOCIATION_TYPES = ("ContributedTo", "AssociatedWith", "DerivedFrom", "Produced", "SameAs")
"""Values of ``AssociationType`` (API reference, AddAssociation)."""

_ASSOCIATIONS = "Associations"
_ENTRY_MEMBERS = frozenset({"Source", "Destination", "AssociationType"})

_EntityRequest: TypeAlias = tuple[LineageEntity, Body]


@dataclass(slots=True)
class RecordedLineage:
    """What a step has recorded so far.

    Attributes:
        arguments: The step's resolved Arguments; empty until they are resolved.
        properties: What the step publishes: ARNs by name, and the associations.
    """

    arguments: Body = field(default_factory=dict)
    properties: dict[str, Any] = field(
        default_factory=lambda: {**{entity.arns: {} for entity in LINEAGE_ENTITIES}, _ASSOCIATIONS: []}
    )
    _arns: dict[tuple[str, str], str] = field(default_factory=dict)
    _nouns: list[str] = field(default_factory=list)

    def add(self, entity: LineageEntity, name: str | None, arn: str) -> None:
        """Add an entity; associations of this step can refer to it if it has a name."""
        self._nouns.append(f"{entity.noun} {name or arn}")
        if name is not None:
            self.properties[entity.arns][name] = arn
            self._arns[entity.noun, name] = arn

    def add_association(self, request: Body) -> None:
        """Add an association."""
        self.properties[_ASSOCIATIONS].append(dict(request))

    def arn_of(self, end: Body) -> str:
        """Return the ARN of an end of an association: the one it gives, or that of the entity it names."""
        return str(end["Arn"]) if "Arn" in end else self._arns[str(end["Type"]).lower(), str(end["Name"])]

    def in_words(self) -> str:
        """Return what has been recorded, in words."""
        associations = len(self.properties[_ASSOCIATIONS])
        count = [f"{associations} association{'s' if associations > 1 else ''}"] if associations else []
        return ", ".join([*self._nouns, *count]) or "nothing"


def lineage_calls(start: StepStart, recorded: RecordedLineage | None = None) -> Calls[None]:
    """Record actions, artifacts and contexts, in this order, then associations.

    Args:
        start: The step.
        recorded: Where to note what has been recorded, up to the first call that fails.

    Raises:
        RequestError: The resolved lineage does not fit the API; nothing has been recorded.
        StepFailedError: A call failed; the message says what has been recorded before.
    """
    recorded = recorded or RecordedLineage()
    recorded.arguments = arguments = start.resolved_arguments()
    entities, faults = _entity_requests(start, arguments)
    associations = list(arguments.get(_ASSOCIATIONS) or ())
    faults += _association_faults(associations, entities)
    if faults:
        raise RequestError.of_faults(start.step, "the resolved lineage does not fit the API", faults)
    try:
        for entity, request in entities:
            yield from _entity_calls(start, entity, request, recorded)
        for entry in associations:
            yield from _association_calls(start, entry, recorded)
    except AwsCallError as error:
        then = f"recorded until then: {recorded.in_words()}"
        raise StepFailedError.of_refusal(start.step, error, then=then) from error


def _entity_requests(start: StepStart, arguments: Body) -> tuple[list[_EntityRequest], list[str]]:
    """Return the Create requests, each with its row, and all their faults; nothing is sent before these are known."""
    requests: list[_EntityRequest] = []
    faults: list[str] = []
    for entity in LINEAGE_ENTITIES:
        for index, entry in enumerate(arguments.get(entity.member) or ()):
            if not isinstance(entry, Mapping):
                faults.append(f"{entity.member}[{index}]: expected an object")
                continue
            body = {**entry, "Tags": with_tags(entry.get("Tags"), start.tags)}
            shaped, found = start.shape(AwsCall("sagemaker", entity.create, body))
            faults += [f"{entity.member}[{index}].{fault}" for fault in found]
            requests.append((entity, shaped))
    return requests, faults


def _entity_calls(start: StepStart, entity: LineageEntity, request: Body, recorded: RecordedLineage) -> Calls[None]:
    """Create an entity, or find the existing one and update it."""
    name = request.get(entity.name_member)
    try:
        answer = yield AwsCall("sagemaker", entity.create, request)
    except AwsCallError as error:
        if not says_present(error.code, error.message):
            raise
        found = yield from _existing(entity, request)
        if found is None:
            raise
    else:
        recorded.add(entity, name, str(answer[entity.arn_member]))
        start.log.info("Created %s %s", entity.noun, answer[entity.arn_member])
        return
    changes = {member: request[member] for member in entity.updated if member in request}
    if changes:
        key = entity.arn_member if entity is ARTIFACT else entity.name_member
        yield AwsCall("sagemaker", entity.update, {key: found[key], **changes})
    arn = str(found[entity.arn_member])
    recorded.add(entity, name, arn)
    start.log.info("Found %s %s", entity.noun, arn)
    fixed = ("Source", entity.type_member)
    differing = [member for member in fixed if _plain(found.get(member)) != _plain(request.get(member))]
    if differing:
        start.log.warning(
            "%s %s existed with another %s, which AWS does not change",
            entity.noun.capitalize(),
            name or arn,
            " and ".join(differing),
        )


def _existing(entity: LineageEntity, request: Body) -> Calls[Body | None]:
    """Return the entity that a Create request collides with, ``None`` if it cannot be found."""
    if entity is not ARTIFACT:
        describe = entity.create.replace("Create", "Describe")
        return (yield AwsCall("sagemaker", describe, {entity.name_member: request[entity.name_member]}))
    query = {"SourceUri": request["Source"]["SourceUri"], "MaxResults": 100}
    found = (yield AwsCall("sagemaker", "ListArtifacts", query)).get("ArtifactSummaries", ())
    same_type = [one for one in found if one.get("ArtifactType") == request["ArtifactType"]]
    return next(iter([*same_type, *found]), None)


def _plain(value: object) -> object:
    """Return a source without its empty members; a type as it is."""
    return {name: one for name, one in value.items() if one} if isinstance(value, Mapping) else value


# -- associations ------------------------------------------------------------------------------------------------------


def _association_calls(start: StepStart, entry: Body, recorded: RecordedLineage) -> Calls[None]:
    """Add an association, unless it exists; its ends are ARNs or names of entities of this step."""
    ends = {f"{end}Arn": recorded.arn_of(entry[end]) for end in ("Source", "Destination")}
    association_type = entry.get("AssociationType")
    request = {**ends, **({"AssociationType": association_type} if association_type else {})}
    added = yield from unless(says_present, AwsCall("sagemaker", "AddAssociation", request))
    recorded.add_association(request)
    start.log.info("%s %s with %s", "Found the association of" if added is None else "Associated", *ends.values())


def _association_faults(associations: Sequence[object], entities: Sequence[_EntityRequest]) -> Iterator[str]:
    named = {(entity.noun, str(request.get(entity.name_member))) for entity, request in entities}
    for index, entry in enumerate(associations):
        place = f"{_ASSOCIATIONS}[{index}]"
        if not isinstance(entry, Mapping):
            yield f"{place}: expected an object"
            continue
        yield from (f"{place}.{name}: the step knows no such member" for name in entry if name not in _ENTRY_MEMBERS)
        association_type = entry.get("AssociationType")
        if association_type not in (None, *ASSOCIATION_TYPES):
            allowed = ", ".join(ASSOCIATION_TYPES)
            yield f"{place}.AssociationType: expected one of {allowed}, found {association_type!r}"
        for end in ("Source", "Destination"):
            value = entry.get(end)
            if not isinstance(value, Mapping) or not ("Arn" in value or {"Name", "Type"} <= value.keys()):
                yield f"{place}.{end}: expected an object with Arn, or with Name and Type"
            elif "Arn" not in value and (str(value["Type"]).lower(), str(value["Name"])) not in named:
                yield f"{place}.{end}: this step records no {value['Type']} named {value['Name']}"
