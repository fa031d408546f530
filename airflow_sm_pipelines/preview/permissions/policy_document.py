"""Permissions as an IAM policy that can be pasted as it is.

Source: IAM user guide, "IAM JSON policy elements reference", "IAM and AWS STS quotas".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from airflow_sm_pipelines.aws.authorization import Authorization
from airflow_sm_pipelines.preview.permissions.permission import Permission

LARGEST_MANAGED_POLICY = 6144
"""Characters of a managed policy, white space not counted."""

_VERSION = "2012-10-17"


def policy_document(permissions: Iterable[Permission]) -> dict[str, Any]:
    """Return an IAM policy that allows all of these, and nothing else, in as few statements as that takes.

    Args:
        permissions: What must be allowed.
    """
    by_place: dict[tuple[str, str, tuple[str, ...]], dict[str, None]] = {}
    for resource, operator, key, value, action in sorted(_triples(permissions)):
        by_place.setdefault((action, resource, (operator, key)), {})[value] = None
    by_action: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (action, resource, condition), values in by_place.items():
        by_action.setdefault((action, (*condition, *values) if condition[0] else ()), []).append(resource)
    statements: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (action, condition), resources in by_action.items():
        statements.setdefault((_without_covered(resources), condition), []).append(action)
    made = (_statement(actions, resources, condition) for (resources, condition), actions in statements.items())
    return {"Version": _VERSION, "Statement": sorted(made, key=lambda one: json.dumps(one["Action"]))}


def _triples(permissions: Iterable[Permission]) -> set[tuple[str, str, str, str, str]]:
    found = set()
    for permission in permissions:
        allows = permission.allows
        operator, key, *values = allows.condition or ("", "", "")
        found |= {(resource, operator, key, value, allows.action) for resource in allows.resources for value in values}
    return found


def _without_covered(resources: Iterable[str]) -> tuple[str, ...]:
    """Return the resources without those that another of them covers."""
    all_of_them = list(dict.fromkeys(resources))
    return tuple(one for one in all_of_them if not any(covers(other, one) for other in all_of_them if other != one))


def covers(pattern: str, resource: str) -> bool:
    """Tell whether a resource with ``*`` covers another, which may have some, too."""
    return fnmatchcase(resource, pattern.replace("[", "[[]"))


def _statement(actions: list[str], resources: tuple[str, ...], condition: tuple[str, ...]) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": resources[0] if len(resources) == 1 else list(resources),
    }
    if condition:
        operator, key, *values = condition
        statement["Condition"] = {operator: {key: values[0] if len(values) == 1 else values}}
    return statement


def size(document: Mapping[str, Any]) -> int:
    """Return the size of a policy as IAM counts it: characters without white space."""
    return len(json.dumps(document, separators=(",", ":")))


def is_allowed(document: Mapping[str, Any], wanted: Authorization) -> bool:
    """Tell whether a policy of `policy_document` allows an action on all of its resources, conditions left aside."""
    return all(
        any(
            any(covers(action, wanted.action) for action in statement["Action"])
            and any(covers(one, resource) for one in _listed(statement["Resource"]))
            for statement in document["Statement"]
        )
        for resource in wanted.resources
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
