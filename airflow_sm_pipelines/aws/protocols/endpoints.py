"""Endpoints and inference components: created or, if there is one of the name already, updated; never stopped.

Several tries, runs and people may change the same endpoint, since its name is the definition's own. So nothing is
taken for granted: each try looks at what is there, and does what is missing. A reference says what is wanted, not
only of what: ``<EndpointName>/<EndpointConfigName>``, for a component its name alone.

Sources: API reference, CreateEndpoint, UpdateEndpoint, DescribeEndpoint (``EndpointStatus``: on a failed endpoint
DeleteEndpoint is the only operation), and the same for inference components.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_sm_pipelines.aws.calls import call, input_shape
from airflow_sm_pipelines.aws.failures import says_absent, says_present
from airflow_sm_pipelines.aws.kinds.hosting import ENDPOINT, INFERENCE_COMPONENT
from airflow_sm_pipelines.aws.kinds.resource_kind import ResourceKind
from airflow_sm_pipelines.aws.protocols.endpoint_configs import differences
from airflow_sm_pipelines.aws.protocols.observations import Observation, Outcome
from airflow_sm_pipelines.aws.protocols.sagemaker import observation_of, running, stop, tags
from airflow_sm_pipelines.aws.requests.tags import owner_of
from airflow_sm_pipelines.errors import AwsCallError, CallNotMadeError

# That nothing is listed or stopped is in the rows: what is deployed is the wanted product.
__all__ = ["create", "observe", "running", "stop", "tags"]

Description = Mapping[str, Any]

_FAILED = "Failed"
_BUSY = "in-progress"
"""In what AWS answers to a change of an endpoint that moves: "Cannot update in-progress endpoint" (public reports)."""
# Assumed: these are the states in which it answers so, and they pass.
_IN_MOTION = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@dataclass(frozen=True, slots=True)
class _Deployment:
    """How one kind is deployed.

    Attributes:
        update, delete: Operation names.
        fixed: Members of the Create request that no update changes.
        reference: From a Create request to a reference.
        serves: Whether a resource in service serves what a request asks for.
        awaits: Whether a resource in motion is on its way to what a request asks for.
        fault: Why a resource in service is not what a reference asks for; empty if it is.
    """

    update: str
    delete: str
    fixed: tuple[str, ...]
    reference: Callable[[Description], str]
    serves: Callable[[Any, Description, Description], bool]
    awaits: Callable[[Description, Description], bool]
    fault: Callable[[Description, str], str]


def create(client: Any, kind: ResourceKind, request: Mapping[str, Any]) -> tuple[bool, str] | None:
    """Create or update it, unless that is under way already; see `airflow_sm_pipelines.aws.jobs.create`."""
    how = _DEPLOYMENTS[kind.key]
    found, reference = _describe(client, kind, str(request[kind.name_member])), how.reference(request)
    if found is None:
        return (True, reference) if _created(client, kind, request) else None
    status = found.get(kind.status_member)
    if status in _IN_MOTION:
        return (False, reference) if status != "Deleting" and how.awaits(found, request) else None
    if status == _FAILED:
        _delete_own(client, kind, found, request)
        return None
    _require_fixed(kind, found, request)
    if status in kind.succeeded and how.serves(client, found, request):
        return False, reference
    return (True, reference) if _changed(client, how.update, _update_request(client, how, request)) else None


def _created(client: Any, kind: ResourceKind, request: Mapping[str, Any]) -> bool:
    """Create it; false if it has appeared since the look."""
    try:
        call(client, kind.create, request)
    except AwsCallError as error:
        if says_present(error.code, error.message):
            return False
        raise
    return True


def _changed(client: Any, operation: str, request: Mapping[str, Any]) -> bool:
    """Change or delete it; false if it moves already: by a call of ours whose answer was lost, or by somebody else."""
    try:
        call(client, operation, request)
    except AwsCallError as error:
        if _BUSY in error.message:
            return False
        raise
    return True


def _update_request(client: Any, how: _Deployment, request: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what an update does not take: tags, and where a component is."""
    return {name: request[name] for name in input_shape(client, how.update).members if name in request}


def _require_fixed(kind: ResourceKind, found: Description, request: Mapping[str, Any]) -> None:
    how = _DEPLOYMENTS[kind.key]
    others = [name for name in how.fixed if name in request and found.get(name) != request[name]]
    if others:
        name = request[kind.name_member]
        places = ", ".join(f"{other} {found.get(other)!r}, not {request[other]!r}" for other in others)
        raise CallNotMadeError(
            f"the {kind.noun} {name} exists with {places}, which no update can change; give it another name"
        )


def _delete_own(client: Any, kind: ResourceKind, found: Description, request: Mapping[str, Any]) -> None:
    """Delete what an earlier try of the same task has created, and AWS could not bring into service."""
    how, name = _DEPLOYMENTS[kind.key], request[kind.name_member]
    owner = owner_of(tags(client, kind, str(found[kind.arn_member])))
    if owner is None or owner != owner_of(list(request.get("Tags") or [])):
        reason = found.get("FailureReason") or "AWS gives no reason"
        raise CallNotMadeError(
            f"the {kind.noun} {name} is {_FAILED} ({reason}), and this task did not create it in this run; AWS can "
            "only delete it: do so, then clear the task",
        )
    try:
        _changed(client, how.delete, {kind.name_member: name})
    except AwsCallError as error:
        if not says_absent(error.code, error.message):
            raise


def observe(client: Any, kind: ResourceKind, reference: str) -> Observation | None:
    """Look at it; see `airflow_sm_pipelines.aws.jobs.observe`.

    One in service that does not serve what was asked for has been rolled back, or changed by somebody else.
    """
    description = _describe(client, kind, reference.partition("/")[0])
    if description is None:
        return None
    seen = observation_of(kind, description)
    if seen.outcome is Outcome.SUCCEEDED and (fault := _DEPLOYMENTS[kind.key].fault(description, reference)):
        return replace(seen, outcome=Outcome.FAILED, reason=fault)
    return seen


def _describe(client: Any, kind: ResourceKind, name: str) -> Description | None:
    try:
        return call(client, kind.describe, {kind.name_member: name})
    except AwsCallError as error:
        if says_absent(error.code, error.message):
            return None
        raise


# -- endpoints ---------------------------------------------------------------------------------------------------------


def _endpoint_serves(client: Any, found: Description, request: Description) -> bool:
    """It has the wanted configuration, and no newer one of the same name has been made since."""
    if found.get("EndpointConfigName") != request["EndpointConfigName"]:
        return False
    config = call(client, "DescribeEndpointConfig", {"EndpointConfigName": request["EndpointConfigName"]})
    return bool(config["CreationTime"] <= found["LastModifiedTime"])


def _endpoint_awaits(found: Description, request: Description) -> bool:
    """The pending deployment names its configuration; a new endpoint may show it itself."""
    pending = (found.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
    if found.get("EndpointStatus") == "Creating":
        pending = pending or found.get("EndpointConfigName")
    return bool(found.get("EndpointStatus") in {"Creating", "Updating"} and pending == request["EndpointConfigName"])


def _endpoint_fault(found: Description, reference: str) -> str:
    wanted, serves = reference.partition("/")[2], found.get("EndpointConfigName")
    if serves == wanted:
        return ""
    why = found.get("FailureReason") or "AWS gives no reason; somebody else may have changed it"
    return f"it is in service with the configuration {serves} instead of {wanted}: {why}"


# -- inference components ----------------------------------------------------------------------------------------------


def _component_serves(_client: Any, found: Description, request: Description) -> bool:
    copies = (request.get("RuntimeConfig") or {}).get("CopyCount")
    runs = found.get("RuntimeConfig") or {}
    return (
        not found.get("FailureReason")
        and all(
            not list(differences(_described(request[member]), found.get(member), member))
            for member in ("Specification", "Specifications")
            if member in request
        )
        and copies in (None, runs.get("DesiredCopyCount"))
    )


def _described(specification: Any) -> Any:
    """Return a specification as Describe shows it: an image is in ``DeployedImage`` there."""
    if isinstance(specification, list):
        return [_described(one) for one in specification]
    container = dict(specification.get("Container") or {})
    image = container.pop("Image", None)
    if image is None:
        return specification
    return {**specification, "Container": {**container, "DeployedImage": {"SpecifiedImage": image}}}


def _component_fault(found: Description, _reference: str) -> str:
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
        serves=_component_serves,
        # A component in motion shows what it is moving to: that of the request, or of another change.
        awaits=lambda found, request: _component_serves(None, found, request),
        fault=_component_fault,
    ),
}
