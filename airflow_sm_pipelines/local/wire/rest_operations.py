"""The names of operations in REST protocols, from method, path and query.

The rules come from the ``http`` traits in botocore's service models, so that a fault rule or an assertion can say
``PutObject`` although no request carries that word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qs, unquote

from botocore.model import ServiceModel

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.wire.service_models import service_model


@dataclass(frozen=True, slots=True)
class _Route:
    operation: str
    method: str
    path: re.Pattern[str]
    query: frozenset[tuple[str, str]]
    required: frozenset[str]
    headers: frozenset[str]

    def matches(self, request: _Request) -> re.Match[str] | None:
        fits = (
            request.method == self.method
            and self.query <= request.query.items()
            and self.required <= request.query.keys()
            and self.headers <= request.headers
        )
        return self.path.fullmatch(request.path) if fits else None


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Set[str]


def find_rest_operation(
    service: str, method: str, path: str, query_string: str, headers: Set[str] = frozenset()
) -> tuple[str, Mapping[str, str]] | None:
    """Return the name and path members of the operation that a REST request calls, or ``None``.

    Args:
        service: Name of the service in botocore.
        method: HTTP method.
        path: Decoded path, starting with a slash.
        query_string: Undecoded query.
        headers: Names of the request's headers, in lower case.
    """
    query = {name: values[0] for name, values in parse_qs(query_string, keep_blank_values=True).items()}
    request = _Request(method, path, query, headers)
    for route in _routes(service):
        if found := route.matches(request):
            return route.operation, found.groupdict()
    return None


@cache
def _routes(service: str) -> tuple[_Route, ...]:
    """Return all routes of a service, the most specific first."""
    model = service_model(service)
    routes = [_route(model, name) for name in model.operation_names]
    return tuple(sorted(routes, key=_generality))


def _generality(route: _Route) -> tuple[int, int, int, int, str]:
    literal = len(re.sub(r"\(\?P<.*?\)", "", route.path.pattern))
    return -len(route.query), -len(route.required), -len(route.headers), -literal, route.operation


def _route(model: ServiceModel, name: str) -> _Route:
    operation = model.operation_model(name)
    template, _, query = operation.http["requestUri"].partition("?")
    members = operation.input_shape.members if operation.input_shape else {}
    required = operation.input_shape.required_members if operation.input_shape else []
    return _Route(
        operation=name,
        method=operation.http["method"],
        path=_path_pattern(template),
        query=frozenset((key, values[0]) for key, values in parse_qs(query, keep_blank_values=True).items()),
        required=frozenset(_names_at("querystring", members, required)),
        headers=frozenset(header.lower() for header in _names_at("header", members, required)),
    )


def _names_at(location: str, members: Document, required: Iterable[str]) -> Iterator[str]:
    """Yield wire names of the required members that stand at a location of the request."""
    for member in required:
        serialization = members[member].serialization
        if serialization.get("location") == location:
            yield serialization.get("name", member)


def _path_pattern(template: str) -> re.Pattern[str]:
    """Return a path template such as ``/{Bucket}/{Key+}`` as a pattern; a final slash is optional."""
    pattern = ""
    for piece in re.split(r"(\{[^}]+\})", unquote(template).rstrip("/")):
        if piece.startswith("{"):
            label = piece.strip("{}")
            # An ARN may hold slashes; they come encoded, but the path that we are given is decoded.
            value = ".+" if label.endswith(("+", "Arn")) else "[^/]+"
            pattern += f"(?P<{re.sub(r'[^A-Za-z0-9_]', '', label)}>{value})"
        else:
            pattern += re.escape(piece)
    return re.compile(pattern + "/?", re.DOTALL)
