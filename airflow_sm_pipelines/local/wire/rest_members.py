"""The members of a request in the AWS REST-JSON protocol: from path, query, headers and body, as the model tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from botocore.model import Shape

from airflow_sm_pipelines.local.documents import Document, read_json
from airflow_sm_pipelines.local.wire.service_models import service_model


@dataclass(frozen=True, slots=True)
class RestRequest:
    """A request as it came.

    Attributes:
        path_members: Values in the path, by their names there.
        query_string: Undecoded query.
        headers: Values by name, in lower case.
        body: The whole body.
    """

    path_members: Mapping[str, str]
    query_string: str
    headers: Mapping[str, str]
    body: bytes


def read_rest_members(service: str, operation: str, request: RestRequest) -> Document | None:
    """Return the members of a request, or ``None`` if its body is no JSON object.

    A body that is one member as a whole comes as text. A member that the model does not know stays under its name.

    Args:
        service: Name of the service in botocore.
        operation: Name of the operation.
        request: The request.
    """
    shape = service_model(service).operation_model(operation).input_shape
    if shape is None:
        return {}
    members = dict(_outside_of_the_body(shape, request))
    payload = shape.serialization.get("payload")
    if payload is not None and shape.members[payload].type_name != "structure":
        return {**members, payload: request.body.decode(errors="replace")} if request.body else members
    document = _object(request.body)
    if document is None:
        return None
    if payload is not None:
        return {**members, payload: document} if request.body else members
    names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    return {**members, **{names.get(name, name): value for name, value in document.items()}}


def _outside_of_the_body(shape: Shape, request: RestRequest) -> Iterator[tuple[str, Any]]:
    query = parse_qs(request.query_string, keep_blank_values=True)
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri" if wire_name in request.path_members:
                yield name, _typed(member, request.path_members[wire_name])
            case "querystring" if wire_name in query:
                yield name, _of_query(member, query[wire_name])
            case "header" if wire_name.lower() in request.headers:
                yield name, _typed(member, request.headers[wire_name.lower()])


def _of_query(shape: Shape, values: Sequence[str]) -> Any:
    return [_typed(shape.member, value) for value in values] if shape.type_name == "list" else _typed(shape, values[0])


def _typed(shape: Shape, text: str) -> Any:
    """Return a value of a query or header in its own type, or as text if it has another (refused later)."""
    match shape.type_name:
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case "integer" | "long" if text.removeprefix("-").isdecimal():
            return int(text)
    return text


def _object(body: bytes) -> Document | None:
    try:
        document = read_json(body or b"{}")
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
