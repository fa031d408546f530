"""Endpoint configurations, endpoints and inference components: deployed under the names that the definition gives.

Several tries, runs and people may change the same endpoint. Each try therefore reconciles the actual with the desired
state, and a reference encodes the desired state: ``<EndpointName>/<EndpointConfigName>``; for an inference component,
its name. Nothing here is ever listed or stopped (see `airflow_sm_pipelines.aws.kinds.hosting`).

Sources: API reference, CreateEndpointConfig, CreateEndpoint, UpdateEndpoint, DescribeEndpoint (``EndpointStatus``: on a
failed endpoint DeleteEndpoint is the only operation), and the same for inference components.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.calls import Body, call, find, input_shape
from airflow_sm_pipelines.aws.failures import says_absent, says_present
from airflow_sm_pipelines.aws.kinds.hosting import ENDPOINT, INFERENCE_COMPONENT
from airflow_sm_pipelines.aws.protocols.base import Creation, Observation, Outcome, ResourceProtocol
from airflow_sm_pipelines.aws.requests.tags import owner_of
from airflow_sm_pipelines.errors import AwsCallError, CallNotMadeError, CallRefusedError

if TYPE_CHECKING:
    from botocore.client import BaseClient

_NOT_DESCRIBED = frozenset({"Tags"})
_FAILED = "Failed"
_BUSY = "in-progress"
"""Part of AWS's answer to a change of an endpoint that is being changed: "Cannot update in-progress endpoint" (public
reports)."""
# Assumed: these are the states in which it answers so, and they pass.
_CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


# -- endpoint configurations -------------------------------------------------------------------------------------------


class EndpointConfigProtocol(ResourceProtocol):
    """The protocol of endpoint configurations, which are created synchronously and are immutable.

    A name that is taken is no failure if the configuration under it equals the desired one: an earlier try, or an
    earlier run of the same definition, has created it.
    """

    def create(self, request: Body) -> Creation:
        """Create a configuration, or find an equal one of the same name."""
        name = str(request[self.kind.name_member])
        try:
            call(self.client, self.kind.create, request)
        except AwsCallError as error:
            if not says_present(error.code, error.message):
                raise
            self._require_equal(request, error)
            return Creation(False, name)
        return Creation(True, name)

    def _require_equal(self, request: Body, refusal: AwsCallError) -> None:
        found = call(self.client, self.kind.describe, {self.kind.name_member: request[self.kind.name_member]})
        members = [name for name in input_shape(self.client, self.kind.create).members if name not in _NOT_DESCRIBED]
        places = sorted(place for name in members for place in differences(request.get(name), found.get(name), name))
        if places:
            raise CallRefusedError(
                refusal.operation,
                refusal.code,
                f"{refusal.message} It differs in {', '.join(places)}, and AWS cannot change it: delete it, or put "
                "Execution.PipelineExecutionId into the name, so that each run creates its own",
                None,
            ) from refusal


def differences(desired: object, found: object, place: str) -> Iterator[str]:
    """Yield where a description differs from a request; members that only AWS fills in do not count.

    Args:
        desired: A value of the request; ``None`` if it has none.
        found: The value in the description; ``None`` if it has none.
        place: Where both stand.
    """
    if isinstance(desired, Mapping) and isinstance(found, Mapping):
        for name, value in desired.items():
            yield from differences(value, found.get(name), f"{place}.{name}")
    elif isinstance(desired, (list, tuple)) and isinstance(found, (list, tuple)) and len(desired) == len(found):
        for index, (one, other) in enumerate(zip(desired, found, strict=True)):
            yield from differences(one, other, f"{place}[{index}]")
    elif (desired or None) != (found or None):
        yield place


# -- endpoints and inference components --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Deployment:
    """How resources of one kind are deployed.

    Attributes:
        update, delete: Operation names.
        fixed: Members of the Create request that no update changes.
        reference: Returns the reference that encodes what a Create request asks for.
        serves: Tells whether a resource in service is what a request asks for.
        awaits: Tells whether a resource that is being changed becomes what a request asks for.
        fault: Returns why a resource in service is not what a reference asks for; empty if it is.
    """

    update: str
    delete: str
    fixed: tuple[str, ...]
    reference: Callable[[Body], str]
    serves: Callable[[BaseClient, Body, Body], bool]
    awaits: Callable[[Body, Body], bool]
    fault: Callable[[Body, str], str]


class EndpointProtocol(ResourceProtocol):
    """The protocol of endpoints and inference components: created or, if one of the name exists, updated."""

    def create(self, request: Body) -> Creation | None:
        """Create or update a resource, unless it is what the request asks for, or becomes it already."""
        how = self._deployment
        found, reference = self._find(str(request[self.kind.name_member])), how.reference(request)
        if found is None:
            return Creation(True, reference) if self._created(request) else None
        status = found.get(self.kind.status_member)
        if status in _CHANGING:
            return Creation(False, reference) if status != "Deleting" and how.awaits(found, request) else None
        if status == _FAILED:
            self._delete_own(found, request)
            return None
        self._require_fixed(found, request)
        if status in self.kind.succeeded and how.serves(self.client, found, request):
            return Creation(False, reference)
        return Creation(True, reference) if self._changed(how.update, self._update_request(request)) else None

    def observe(self, reference: str) -> Observation | None:
        """Return the state of a resource.

        One in service that is not what was asked for has failed: it was rolled back, or somebody else changed it.
        """
        description = self._find(reference.partition("/")[0])
        if description is None:
            return None
        seen = self.observation(description)
        if seen.outcome is Outcome.SUCCEEDED and (fault := self._deployment.fault(description, reference)):
            return replace(seen, outcome=Outcome.FAILED, reason=fault)
        return seen

    @property
    def _deployment(self) -> _Deployment:
        return _DEPLOYMENTS[self.kind.key]

    def _find(self, name: str) -> Body | None:
        return find(self.client, self.kind.describe, {self.kind.name_member: name})

    def _created(self, request: Body) -> bool:
        """Create the resource; return False if it has appeared since we looked."""
        try:
            call(self.client, self.kind.create, request)
        except AwsCallError as error:
            if says_present(error.code, error.message):
                return False
            raise
        return True

    def _changed(self, operation: str, request: Body) -> bool:
        """Update or delete the resource; return False if a change is under way.

        It may be ours, by a call whose answer was lost, or somebody else's.
        """
        try:
            call(self.client, operation, request)
        except AwsCallError as error:
            if _BUSY in error.message:
                return False
            raise
        return True

    def _update_request(self, request: Body) -> Body:
        """Leave out what an update does not take: tags, and where a component is."""
        members = input_shape(self.client, self._deployment.update).members
        return {name: request[name] for name in members if name in request}

    def _require_fixed(self, found: Body, request: Body) -> None:
        differing = [name for name in self._deployment.fixed if name in request and found.get(name) != request[name]]
        if differing:
            name = request[self.kind.name_member]
            places = ", ".join(f"{member} {found.get(member)!r}, not {request[member]!r}" for member in differing)
            raise CallNotMadeError(
                f"the {self.kind.noun} {name} exists with {places}, which no update can change; give it another name"
            )

    def _delete_own(self, found: Body, request: Body) -> None:
        """Delete what an earlier try of the same task has created and AWS could not bring into service."""
        name = request[self.kind.name_member]
        owner = owner_of(self.tags(str(found[self.kind.arn_member])))
        asking = owner_of(list(request.get("Tags") or []))
        if owner is None or asking is None or not owner.is_same_task(asking):
            reason = found.get("FailureReason") or "AWS gives no reason"
            raise CallNotMadeError(
                f"the {self.kind.noun} {name} is {_FAILED} ({reason}), and this task did not create it in this run; "
                "AWS can only delete it: do so, then clear the task",
            )
        try:
            self._changed(self._deployment.delete, {self.kind.name_member: name})
        except AwsCallError as error:
            if not says_absent(error.code, error.message):
                raise


def _endpoint_serves(client: BaseClient, found: Body, request: Body) -> bool:
    """Tell whether an endpoint has the desired configuration, and nobody has created a newer one of that name."""
    if found.get("EndpointConfigName") != request["EndpointConfigName"]:
        return False
    config = call(client, "DescribeEndpointConfig", {"EndpointConfigName": request["EndpointConfigName"]})
    return bool(config["CreationTime"] <= found["LastModifiedTime"])


def _endpoint_awaits(found: Body, request: Body) -> bool:
    """Tell whether the pending deployment has the desired configuration; a new endpoint may show it itself."""
    pending = (found.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
    if found.get("EndpointStatus") == "Creating":
        pending = pending or found.get("EndpointConfigName")
    return bool(found.get("EndpointStatus") in {"Creating", "Updating"} and pending == request["EndpointConfigName"])


def _endpoint_fault(found: Body, reference: str) -> str:
    desired, serves = reference.partition("/")[2], found.get("EndpointConfigName")
    if serves == desired:
        return ""
    why = found.get("FailureReason") or "AWS gives no reason; somebody else may have changed it"
    return f"it is in service with the configuration {serves} instead of {desired}: {why}"


def _component_serves(found: Body, request: Body) -> bool:
    """Tell whether a component has the desired specification and number of copies, and no failed update.

    While a component is being changed, Describe shows what it becomes: by our request, or by another change.
    """
    copies = (request.get("RuntimeConfig") or {}).get("CopyCount")
    runs = found.get("RuntimeConfig") or {}
    return (
        not found.get("FailureReason")
        and all(
            not list(differences(_as_described(request[member]), found.get(member), member))
            for member in ("Specification", "Specifications")
            if member in request
        )
        and copies in (None, runs.get("DesiredCopyCount"))
    )


def _as_described(specification: Body | list[Body]) -> object:
    """Return a specification, or a list of them, as Describe shows it: with the image in ``DeployedImage``."""
    if isinstance(specification, list):
        return [_as_described(one) for one in specification]
    container = dict(specification.get("Container") or {})
    image = container.pop("Image", None)
    if image is None:
        return specification
    return {**specification, "Container": {**container, "DeployedImage": {"SpecifiedImage": image}}}


def _component_fault(found: Body, _reference: str) -> str:
    reason = found.get("FailureReason")
    return f"it is in service as before the update: {reason}" if reason else ""


_DEPLOYMENTS = {
    ENDPOINT.key: _Deployment(
        update="UpdateEndpoint",
        delete="DeleteEndpoint",
        fixed=(),
        reference=lambda request: f"{request['EndpointName']}/{request['EndpointConfigName']}",
        serves=_endpoint_serves,
        awaits=_endpoint_awaits,
        fault=_endpoint_fault,
    ),
    INFERENCE_COMPONENT.key: _Deployment(
        update="UpdateInferenceComponent",
        delete="DeleteInferenceComponent",
        fixed=("EndpointName", "VariantName"),
        reference=lambda request: str(request["InferenceComponentName"]),
        serves=lambda _client, found, request: _component_serves(found, request),
        awaits=_component_serves,
        fault=_component_fault,
    ),
}
