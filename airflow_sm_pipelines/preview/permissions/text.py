"""Permissions as text for people: a table of actions and reasons for each step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from airflow_sm_pipelines.preview.permissions.permission import (
    NeededPermissions,
    Permission,
    RolePermissions,
    StepPermissions,
    UnknownValue,
    permissions_of,
)
from airflow_sm_pipelines.preview.permissions.policy_document import (
    LARGEST_MANAGED_POLICY,
    policy_document,
    size,
)

AIRFLOW = "the principal of the Airflow connection"


def as_text(needed: NeededPermissions) -> str:
    """Return what every principal needs, step by step, with the reasons."""
    where = ", ".join(
        f"{name} {value}"
        for name, value in zip(("partition", "region", "account"), needed.account, strict=True)
        if value != "*"
    )
    parts = [f"In {where}" if where else "In any account (--account, --region)"]
    parts.append(_principal_text(AIRFLOW, needed.airflow, ()))
    for role in needed.roles:
        parts.append(_principal_text(role_title(role), role.steps, role.notes))
    return "\n\n".join(parts)


def role_title(role: RolePermissions) -> str:
    """Return what a role is called in texts."""
    by = f", assumed by {' and '.join(role.principals)}" if role.principals else ""
    return f"the role {role.role or 'that only a run knows'}{by}"


def _principal_text(title: str, steps: Sequence[StepPermissions], notes: Iterable[str]) -> str:
    characters = size(policy_document(permissions_of(steps)))
    lines = [f"{title[0].upper()}{title[1:]} ({characters} of {LARGEST_MANAGED_POLICY} characters of a managed policy)"]
    for step in steps:
        lines += ["", f"  {step.step}  {step.step_type}", *_table(step.permissions)]
        lines += [f"    fault: {fault}" for fault in step.faults]
        lines += [f"    unknown: {in_words(one)}" for one in step.unknown]
    return "\n".join([*lines, *(f"  note: {note}" for note in notes)])


def in_words(value: UnknownValue) -> str:
    """Return an unknown value in words."""
    return f"{value.text} ({value.advice})" if value.advice else f"{value.text} (known in a run only)"


def _table(permissions: Sequence[Permission]) -> Iterator[str]:
    """Yield one row for each action, and below it the resources that it shares with those before it."""
    if not permissions:
        yield "    nothing"
    width = max((len(one.allows.action) for one in permissions), default=0)
    rows: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Permission]] = {}
    for one in permissions:
        rows.setdefault((one.allows.resources, one.allows.condition), []).append(one)
    for (resources, condition), allowed in rows.items():
        for one in allowed:
            less = f" (without it: {one.without})" if one.without else ""
            yield f"    {one.allows.action:{width}}  to {one.reason}{less}"
        on = f" if {condition[1]} is {' or '.join(condition[2:])}" if condition else ""
        yield from (f"        on {resource}{on}" for resource in resources)
