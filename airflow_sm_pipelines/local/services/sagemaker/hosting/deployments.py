"""The life cycle of endpoints and inference components: created, updated, rolled back, deleted.

A deployment takes time. Its state is computed from the clock whenever it is read, so that a restart does not stop it.

::

    Creating -> InService | Failed
    Updating -> InService | RollingBack -> InService as before, with a reason | UpdateRollbackFailed
    Deleting -> gone
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import Listing, sortable, utc
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource, ResourceKey, ResourceTable

CREATING, UPDATING, DELETING = "Creating", "Updating", "Deleting"
IN_SERVICE, FAILED, ROLLING_BACK, ROLLBACK_FAILED = "InService", "Failed", "RollingBack", "UpdateRollbackFailed"

OWNER_MEMBER = "step"
"""Where a deployment's owner is kept; the name stands in state files."""

Members = Document


@dataclass(frozen=True, slots=True)
class Pace:
    """The duration and the end of one deployment.

    Attributes:
        seconds: How long it takes.
        failure_reason: Why it fails; ``None`` if it does not. An update whose reason begins with
            ``UpdateRollbackFailed`` cannot be rolled back, either.
    """

    seconds: float
    failure_reason: str | None = None


@dataclass(frozen=True, slots=True)
class DeploymentKind:
    """The differences between endpoints and inference components.

    Attributes:
        resource_type: In ARNs.
        noun: In refusals.
        rolls_back_as: The status in which an update is rolled back.
    """

    resource_type: str
    noun: str
    rolls_back_as: str


class Deployments:
    """All deployments of one kind.

    Args:
        kind: Which kind.
        resources: All resources.
        now: The present time.
    """

    def __init__(
        self,
        kind: DeploymentKind,
        resources: ResourceTable,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._kind = kind
        self._resources = resources
        self._now = now

    def key(self, region: str, name: str) -> ResourceKey:
        """Return the key of a deployment, by its name."""
        return ResourceKey(self._kind.resource_type, region, name)

    def get(self, key: ResourceKey) -> Resource:
        """Return one deployment as it is now.

        Raises:
            AwsError: ``ValidationException``, AWS's own text for endpoints (public reports).
        """
        refusal = validation_error(f'Could not find {self._kind.noun} "{key.arn}".')
        found = self._resources.get(key, refusal)
        if self._is_gone(found.members):
            self._resources.delete(key, refusal)
            raise refusal
        if found.members["phase"] != IN_SERVICE and self._ends(found.members) <= self._now():
            return self._resources.change(key, self._settled)
        return found

    def all(self, region: str) -> list[Resource]:
        """Return all deployments in a region as they are now."""
        found = []
        for one in self._resources.resources(self._kind.resource_type, region):
            try:
                found.append(self.get(one.key))
            except AwsError:  # it is gone since
                continue
        return found

    def create(self, key: ResourceKey, wanted: Members, owner: str, pace: Pace) -> None:
        """Begin to create one.

        Raises:
            AwsError: There is one, also a failed one.
        """
        refusal = validation_error(f'Cannot create already existing {self._kind.noun} "{key.arn}".')
        try:
            self.get(key)
        except AwsError:
            begun = {"served": None, "outcome": None, "reason": None, OWNER_MEMBER: owner}
            self._resources.create(key, self._begun(begun, CREATING, wanted, pace), refusal)
        else:
            raise refusal

    def update(self, key: ResourceKey, wanted: Callable[[Members], Members], pace: Pace) -> None:
        """Begin to update one to what ``wanted`` makes of what it serves.

        Raises:
            AwsError: There is none, it is in motion, or it is failed.
        """
        self.get(key)

        def edit(members: Members) -> Members:
            self._require_rest(key, members)
            if members["outcome"] == FAILED:  # the text is assumed
                raise validation_error(f'Cannot update {self._kind.noun} "{key.arn}" in status Failed; delete it.')
            return self._begun(members, UPDATING, wanted(members["served"]), pace)

        self._resources.change(key, edit)

    def delete(self, key: ResourceKey, pace: Pace) -> None:
        """Begin to delete one.

        Raises:
            AwsError: There is none, or it is in motion.
        """
        self.get(key)

        def edit(members: Members) -> Members:
            self._require_rest(key, members)
            return self._begun(members, DELETING, None, pace)

        self._resources.change(key, edit)

    def status(self, members: Members) -> str:
        """Return the status of a deployment that `get` has returned, in Describe's words."""
        if members["phase"] == IN_SERVICE:
            return str(members["outcome"])
        if members["phase"] == UPDATING and members["failure"] and self._turns(members) <= self._now():
            return self._kind.rolls_back_as
        return str(members["phase"])

    def _require_rest(self, key: ResourceKey, members: Members) -> None:
        if members["phase"] != IN_SERVICE:  # AWS's own text for endpoints (public reports)
            raise validation_error(f'Cannot update in-progress {self._kind.noun} "{key.arn}".')

    def _begun(self, members: Members, phase: str, wanted: Members | None, pace: Pace) -> Members:
        begun = self._now()
        return {
            **members,
            "phase": phase,
            "wanted": wanted,
            "failure": pace.failure_reason,
            "begun": begun.isoformat(),
            "turns": (begun + timedelta(seconds=pace.seconds)).isoformat(),
        }

    def _settled(self, members: Members) -> Members:
        """Return the outcome of a deployment whose time is over."""
        if self._ends(members) > self._now():
            return members
        done = {**members, "phase": IN_SERVICE, "wanted": None, "failure": None}
        failure = members["failure"]
        if failure is None:
            return {**done, "served": members["wanted"], "outcome": IN_SERVICE, "reason": None}
        if members["phase"] == CREATING:
            return {**done, "served": members["wanted"], "outcome": FAILED, "reason": failure}
        outcome = ROLLBACK_FAILED if failure.startswith(ROLLBACK_FAILED) else IN_SERVICE
        return {**done, "outcome": outcome, "reason": failure}

    def _is_gone(self, members: Members) -> bool:
        return members["phase"] == DELETING and self._ends(members) <= self._now()

    def _turns(self, members: Members) -> datetime:
        return datetime.fromisoformat(members["turns"])

    def _ends(self, members: Members) -> datetime:
        """Return when a deployment ends; a roll-back takes as long again."""
        turns = self._turns(members)
        if members["phase"] == UPDATING and members["failure"]:
            return turns + (turns - datetime.fromisoformat(members["begun"]))
        return turns


def deployment_listing(
    noun: str, filters: Mapping[str, Callable[[Members, Any], bool]] | None = None
) -> Listing[Members]:
    """Return how deployments are listed: by name, time or status, filtered by these and by filters of their own.

    Args:
        noun: Beginning of the members with name and status, e.g. ``Endpoint``.
        filters: Further ones, as for `Listing`.
    """
    name, status = f"{noun}Name", f"{noun}Status"
    return Listing(
        name=lambda row: str(row[name]),
        filters={
            "NameContains": lambda row, text: text in row[name],
            "StatusEquals": lambda row, wanted: row[status] == wanted,
            "CreationTimeAfter": lambda row, moment: row["CreationTime"] > utc(moment),
            "CreationTimeBefore": lambda row, moment: row["CreationTime"] < utc(moment),
            "LastModifiedTimeAfter": lambda row, moment: row["LastModifiedTime"] > utc(moment),
            "LastModifiedTimeBefore": lambda row, moment: row["LastModifiedTime"] < utc(moment),
            **(filters or {}),
        },
        sort_keys={
            "Name": lambda row: str(row[name]),
            "CreationTime": lambda row: sortable(row["CreationTime"]),
            "Status": lambda row: str(row[status]),
        },
        default_order="Descending",  # API reference, SortOrder of both List operations
    )
