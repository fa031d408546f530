"""What a principal must be allowed to do, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow_sm_pipelines.aws.authorization import Account, Authorization


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that must be allowed.

    Attributes:
        allows: Action, resources and condition.
        reason: What it is for, as the end of a sentence that begins with "to".
        without: What happens without it, if the step runs all the same; ``""`` if the step fails.
    """

    allows: Authorization
    reason: str
    without: str = ""


@dataclass(frozen=True, slots=True)
class UnknownValue:
    """A value that only a run knows, so that ``*`` stands for it in a resource.

    Attributes:
        text: The expression, e.g. ``Parameters.Bucket``.
        advice: What makes it known; ``""`` if nothing does.
    """

    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class StepPermissions:
    """What one principal needs for one step.

    Attributes:
        step: Name of the step.
        step_type: Its type.
        path: Its JSON path.
        permissions: What must be allowed.
        unknown: Values in it that only a run knows.
        faults: Why not all of its calls could be told.
    """

    step: str
    step_type: str
    path: str
    permissions: tuple[Permission, ...] = ()
    unknown: tuple[UnknownValue, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolePermissions:
    """What a role that the requests name needs.

    Attributes:
        role: ARN or name of the role, as in the requests; ``""`` if only a run knows it.
        principals: The services that assume it.
        steps: What it needs, by step.
        notes: What cannot be told.
    """

    role: str
    principals: tuple[str, ...]
    steps: tuple[StepPermissions, ...]
    notes: tuple[str, ...] = ()

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """What it needs for all steps."""
        return permissions_of(self.steps)


@dataclass(frozen=True, slots=True)
class NeededPermissions:
    """Everything that a definition needs.

    Attributes:
        account: Where its resources are.
        airflow: What the principal of the Airflow connection needs, by step.
        roles: What the roles of the jobs need.
    """

    account: Account
    airflow: tuple[StepPermissions, ...]
    roles: tuple[RolePermissions, ...] = field(default=())

    def role(self, name: str) -> RolePermissions | None:
        """Return what a role needs.

        Args:
            name: Its ARN, or its name.
        """
        return next((one for one in self.roles if name in {one.role, one.role.rpartition("/")[2]}), None)


def permissions_of(steps: Iterable[StepPermissions]) -> tuple[Permission, ...]:
    """Return the permissions of all steps."""
    return tuple(permission for step in steps for permission in step.permissions)
