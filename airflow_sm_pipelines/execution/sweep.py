"""One sweep over an AWS account and region: find what no live task owns, stop it, and say so."""

from __future__ import annotations

from collections.abc import Callable

from airflow_sm_pipelines.aws.failures import says_denied
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.requests.tags import Owner
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.identity import Deployment
from airflow_sm_pipelines.execution.orphans import TaskFacts, find_orphans, stop_orphan


class Sweep:
    """Stops orphans and tells what it does; each kind of fault is told once.

    Args:
        say: Takes a line about an orphan.
        warn: Takes a line about what could not be read or stopped, or what should be changed.

    Attributes:
        found: How many orphans there were.
        faults: How many kinds of faults there were.
    """

    def __init__(self, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._say = say
        self._warn = warn
        self._told: set[tuple[str, ...]] = set()
        self.found = 0
        self.faults = 0

    def run(
        self, connection: AwsConnection, deployment: Deployment, facts: TaskFacts, *, dry_run: bool = False
    ) -> None:
        """Stop each orphan; those that cannot be stopped do not keep it from the others.

        Args:
            connection: Which AWS to look at.
            deployment: Resources of others are left alone.
            facts: Tells about tasks.
            dry_run: Only say which orphans there are.

        Raises:
            AwsCallError: There are no credentials, or no region.
        """
        connection.client("sagemaker")  # fails once, instead of once for each kind
        for orphan in find_orphans(connection, deployment, facts, self):
            self.found += 1
            owner, name = orphan.owner, f"{orphan.kind.noun} {orphan.name}"
            self._say(f"{name}: task {owner.task_id} of run {owner.run_id} of {owner.dag_id} is {orphan.state}")
            try:
                if not dry_run and stop_orphan(connection, orphan):
                    self._say("  stopped")
            except AwsCallError as error:
                self._fault(f"cannot stop {name}", orphan.kind, error)
        self._say(f"{self.found} orphan{'' if self.found == 1 else 's'} of deployment {deployment.name}")

    def refused(self, kind: ResourceKind, error: AwsCallError) -> None:
        """Say that not every resource of a kind can be seen."""
        self._fault(f"cannot look at every {kind.noun}", kind, error)

    def of_another_installation(self, kind: ResourceKind, name: str, owner: Owner) -> None:
        """Say that another deployment has the same name."""
        if self._is_new("another installation", owner.installation):
            self._warn(
                f"the {kind.noun} {name} was created by another Airflow installation that is also called "
                f"{owner.deployment}; it is left alone. Give each deployment a name of its own ([sm_pipelines] "
                "deployment)"
            )

    def _fault(self, what: str, kind: ResourceKind, error: AwsCallError) -> None:
        if self._is_new(what, error.operation, error.code):
            self.faults += 1
            self._warn(f"{what}: {error.in_words()}{_remedy(kind, error)}")

    def _is_new(self, *key: str) -> bool:
        is_new = key not in self._told
        self._told.add(key)
        return is_new


def _remedy(kind: ResourceKind, error: AwsCallError) -> str:
    """Return which permission to grant, if one is missing."""
    if not says_denied(error.code):
        return ""
    action = next((one for one in kind.iam_actions if one.endswith(f":{error.operation}")), "")
    return f" (allow {action} to the connection's role or user)" if action else ""
