"""The report of ``iam-policy``: what it prints with ``--format json``.

It needs pydantic, which takes time to import: import this module inside functions.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import JsonValue

from airflow_sm_pipelines.preview.permissions.job_roles import trust_policy
from airflow_sm_pipelines.preview.permissions.permission import (
    NeededPermissions,
    Permission,
    RolePermissions,
    StepPermissions,
    permissions_of,
)
from airflow_sm_pipelines.preview.permissions.policy_document import policy_document, size
from airflow_sm_pipelines.preview.reports import Report


class NeededAction(Report):
    """An action that must be allowed for a step."""

    action: str
    """The action, such as ``sagemaker:CreateTrainingJob``."""
    resources: list[str]
    """ARNs; ``*`` stands for what only a run knows."""
    condition: dict[str, dict[str, list[str]]]
    """The condition under which it is enough; empty for none."""
    reason: str
    """What it is for, as the end of a sentence that begins with "to"."""
    without: str
    """What happens without it; empty if the step fails."""

    @classmethod
    def of(cls, permission: Permission) -> NeededAction:
        """Return a permission as part of the report."""
        allows = permission.allows
        operator, key, *values = allows.condition or ("", "")
        return cls(
            action=allows.action,
            resources=list(allows.resources),
            condition={operator: {key: values}} if operator else {},
            reason=permission.reason,
            without=permission.without,
        )


class UnknownExpression(Report):
    """A value that only a run knows, so that ``*`` stands for it."""

    expression: str
    advice: str
    """What makes it known; empty if nothing does."""


class StepNeeds(Report):
    """What one step needs."""

    step: str
    type: str
    path: str
    """JSON path of the step."""
    permissions: list[NeededAction]
    unknown: list[UnknownExpression]
    faults: list[str]
    """Why not all of its calls can be told."""

    @classmethod
    def of(cls, needs: StepPermissions) -> StepNeeds:
        """Return what a step needs as part of the report."""
        return cls(
            step=needs.step,
            type=needs.step_type,
            path=needs.path,
            permissions=[NeededAction.of(one) for one in needs.permissions],
            unknown=[UnknownExpression(expression=one.text, advice=one.advice) for one in needs.unknown],
            faults=list(needs.faults),
        )


class PrincipalNeeds(Report):
    """What one principal needs."""

    role: str | None
    """ARN or name of a job role; null for the principal of the Airflow connection, or a role that only a run knows."""
    policy: dict[str, JsonValue]
    """The IAM policy."""
    trust_policy: dict[str, JsonValue] | None
    """Who may assume it; null for the principal of the connection, and for a role that no service assumes."""
    characters: int
    """Size of the policy, white space not counted; a managed policy has at most 6144."""
    steps: list[StepNeeds]
    notes: list[str]
    """What cannot be told from the definition."""

    @classmethod
    def of(cls, role: RolePermissions | None, steps: Iterable[StepPermissions]) -> PrincipalNeeds:
        """Return what a principal needs as part of the report."""
        steps = [*steps]
        policy = policy_document(permissions_of(steps))
        return cls(
            role=(role.role or None) if role else None,
            policy=policy,
            trust_policy=trust_policy(role) if role else None,  # type: ignore[arg-type]
            characters=size(policy),
            steps=[StepNeeds.of(one) for one in steps],
            notes=list(role.notes) if role else [],
        )


class IamPolicyReport(Report):
    """What a definition must be allowed to do in AWS."""

    partition: str
    """``*`` if it is not known."""
    region: str
    """``*`` if it is not known."""
    account: str
    """``*`` if it is not known."""
    airflow: PrincipalNeeds
    """What the principal of the Airflow connection needs."""
    roles: list[PrincipalNeeds]
    """What the roles of the jobs need."""

    @classmethod
    def of(cls, needed: NeededPermissions) -> IamPolicyReport:
        """Return everything that a definition needs as a report."""
        return cls(
            partition=needed.account.partition,
            region=needed.account.region,
            account=needed.account.account,
            airflow=PrincipalNeeds.of(None, needed.airflow),
            roles=[PrincipalNeeds.of(role, role.steps) for role in needed.roles],
        )
