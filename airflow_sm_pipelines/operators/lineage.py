"""The Lineage step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError, input_shape
from airflow_sm_pipelines.aws.requests.lineage import LINEAGE_ENTITIES, LineageEntity, associate, record
from airflow_sm_pipelines.aws.requests.shaping import shape_request
from airflow_sm_pipelines.aws.requests.tags import owner_tags
from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.errors import RequestError, StepFailedError
from airflow_sm_pipelines.execution.identity import StepIdentity, identify
from airflow_sm_pipelines.execution.scope import TaskScope, step_errors
from airflow_sm_pipelines.execution.xcoms import publish_properties
from airflow_sm_pipelines.operators.base import StepOperator

_ASSOCIATIONS = "Associations"
_ENTRY_MEMBERS = frozenset({"Source", "Destination", "AssociationType"})


class LineageOperator(StepOperator):
    """Records actions, artifacts, contexts and their associations; its properties are their ARNs by name.

    Nothing waits, and everything can be done again: what an earlier try, or an earlier run, has recorded is found.
    """

    ui_color = "#d0e0d0"

    def act(self, context: Any) -> dict[str, Any]:
        """Record everything in the order of the definition's kinds: entities first, then associations."""
        identity = identify(self.plan.step.name, context)
        scope = TaskScope(self.settings, context, self.connection, identity.execution_id, job_names={})
        with step_errors(identity.step, "Arguments"):
            arguments: Any = evaluate(self.plan.step.arguments, scope)
        self.request = arguments
        done = _Done()
        client = self._client()
        try:
            self._record(client, _Plan.of(client, identity, arguments), done)
        except CallRefusedError as error:
            publish_properties(context, done.properties)
            message = f"{error.in_words()}; recorded until then: {done.in_words()}"
            raise StepFailedError(identity.step, message, exception_type=error.exception_type) from error
        return done.properties

    def _client(self) -> Any:
        try:
            return self.connection.client("sagemaker")
        except CallRefusedError as error:
            raise StepFailedError(self.plan.step.name, str(error), exception_type=error.exception_type) from error

    def _record(self, client: Any, plan: _Plan, done: _Done) -> None:
        for entity, request in plan.entities:
            found = record(client, entity, request)
            name = request.get(entity.name_member)
            done.add(entity, name, found.arn)
            self.log.info("%s %s %s", "Created" if found.is_new else "Found", entity.noun, found.arn)
            if found.differing:
                self.log.warning(
                    "%s %s was there with another %s, which AWS does not change",
                    entity.noun.capitalize(),
                    name or found.arn,
                    " and ".join(found.differing),
                )
        for entry in plan.associations:
            request = _association(entry, done)
            is_new = associate(client, request)
            done.associate(request)
            ends = request["SourceArn"], request["DestinationArn"]
            self.log.info("%s %s with %s", "Associated" if is_new else "Found the association of", *ends)


@dataclass(frozen=True, slots=True)
class _Plan:
    """All requests, checked before the first is sent.

    Attributes:
        entities: The Create requests, each with its kind.
        associations: The entries of ``Associations``.
    """

    entities: Sequence[tuple[LineageEntity, dict[str, Any]]]
    associations: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, client: Any, identity: StepIdentity, arguments: Mapping[str, Any]) -> _Plan:
        faults: list[str] = []
        entities = []
        for entity in LINEAGE_ENTITIES:
            for index, entry in enumerate(arguments.get(entity.member) or ()):
                if not isinstance(entry, Mapping):
                    faults.append(f"{entity.member}[{index}]: expected an object")
                    continue
                body = {**entry, "Tags": [*(entry.get("Tags") or []), *owner_tags(identity.owner)]}
                shaped, found = shape_request(body, input_shape(client, entity.create))
                faults += [f"{entity.member}[{index}].{fault}" for fault in found]
                entities.append((entity, shaped))
        associations = list(arguments.get(_ASSOCIATIONS) or ())
        faults += _association_faults(client, associations, entities)
        if faults:
            places = "\n".join(f"    {fault}" for fault in faults)
            raise RequestError(identity.step, f"the resolved lineage does not fit the API:\n{places}")
        return cls(entities, associations)


@dataclass(slots=True)
class _Done:
    """What has been recorded so far.

    Attributes:
        properties: The step's properties.
        arns: ARNs by noun and name.
    """

    properties: dict[str, Any] = field(
        default_factory=lambda: {**{entity.arns: {} for entity in LINEAGE_ENTITIES}, _ASSOCIATIONS: []}
    )
    arns: dict[tuple[str, str], str] = field(default_factory=dict)
    nouns: list[str] = field(default_factory=list)

    def add(self, entity: LineageEntity, name: str | None, arn: str) -> None:
        self.nouns.append(f"{entity.noun} {name or arn}")
        if name is not None:
            self.properties[entity.arns][name] = arn
            self.arns[entity.noun, name] = arn

    def associate(self, request: Mapping[str, Any]) -> None:
        self.properties[_ASSOCIATIONS].append(dict(request))

    def in_words(self) -> str:
        associations = len(self.properties[_ASSOCIATIONS])
        count = [f"{associations} association{'s' if associations > 1 else ''}"] if associations else []
        return ", ".join([*self.nouns, *count]) or "nothing"


def _association(entry: Mapping[str, Any], done: _Done) -> dict[str, Any]:
    """Return the AddAssociation request of an entry whose ends are an ARN each, or name an entity of this step."""
    ends = {f"{end}Arn": _end(entry[end], done) for end in ("Source", "Destination")}
    kind = entry.get("AssociationType")
    return {**ends, **({"AssociationType": kind} if kind else {})}


def _end(end: Mapping[str, Any], done: _Done) -> str:
    return str(end["Arn"]) if "Arn" in end else done.arns[str(end["Type"]).lower(), str(end["Name"])]


def _association_faults(
    client: Any, associations: Sequence[Any], entities: Sequence[tuple[LineageEntity, Mapping[str, Any]]]
) -> Iterator[str]:
    named = {(entity.noun, request.get(entity.name_member)) for entity, request in entities}
    kinds = input_shape(client, "AddAssociation").members["AssociationType"].enum
    for index, entry in enumerate(associations):
        place = f"{_ASSOCIATIONS}[{index}]"
        if not isinstance(entry, Mapping):
            yield f"{place}: expected an object"
            continue
        yield from (f"{place}.{name}: the step knows no such member" for name in entry if name not in _ENTRY_MEMBERS)
        if entry.get("AssociationType") not in (None, *kinds):
            yield f"{place}.AssociationType: expected one of {', '.join(kinds)}, found {entry['AssociationType']!r}"
        for end in ("Source", "Destination"):
            value = entry.get(end)
            if not isinstance(value, Mapping) or not ("Arn" in value or {"Name", "Type"} <= value.keys()):
                yield f"{place}.{end}: expected an object with Arn, or with Name and Type"
            elif "Arn" not in value and (str(value["Type"]).lower(), str(value["Name"])) not in named:
                yield f"{place}.{end}: this step records no {value['Type']} named {value['Name']}"
