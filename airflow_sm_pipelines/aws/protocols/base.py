"""How AWS creates, observes and stops resources: what all services have in common, as SageMaker's resources do it.

Here "protocol" means the calls that one service understands. A row of `airflow_sm_pipelines.aws.kinds` names the
protocol of its resources; `airflow_sm_pipelines.aws.jobs` has the table of the names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.calls import Body, call, find, pages
from airflow_sm_pipelines.aws.failures import says_present
from airflow_sm_pipelines.aws.kinds.resource_kind import ResourceKind
from airflow_sm_pipelines.errors import AwsCallError

if TYPE_CHECKING:
    from botocore.client import BaseClient


class Outcome(Enum):
    """What a resource's state means for its step."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Creation:
    """What came of a Create call.

    Attributes:
        is_new: Whether the resource is new, as far as AWS tells.
        reference: What `ResourceProtocol.observe` takes.
        arn: The resource's ARN; empty if the answer did not tell it.
    """

    is_new: bool
    reference: str
    arn: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """The state of a resource at one moment.

    Attributes:
        status: The state in the API's own words.
        outcome: What it means.
        reason: Why the resource failed, in the API's words; empty if the API gives no reason.
        description: The whole Describe response.
        reference: A reference that finds the resource faster than the one that was asked for; empty if there is none.
    """

    status: str
    outcome: Outcome
    reason: str
    description: Body
    reference: str = ""


@dataclass(frozen=True)
class ResourceProtocol:
    """The protocol of SageMaker's resources, and the base of all others, which override what differs.

    No method waits: each makes the calls that it needs and returns.

    Attributes:
        client: A boto3 client of the kind's service.
        kind: The row of the resources.
    """

    client: BaseClient
    kind: ResourceKind

    def create(self, request: Body) -> Creation | None:
        """Create the resource that a request names, or that its idempotency token identifies.

        botocore repeats calls by itself, so a Create whose answer was lost can come back as "already exists". Nobody
        else can know the names that we make, so the resource is ours then.

        Args:
            request: The Create request.

        Returns:
            What came of it; ``None`` if an earlier change of the same resource must end first: ask again later.

        Raises:
            AwsCallError: The call failed.
        """
        try:
            answer = call(self.client, self.kind.create, request)
        except AwsCallError as error:
            if not self.kind.named_by_service and says_present(error.code, error.message):
                return Creation(False, str(request[self.kind.name_member]))
            raise
        arn = str(answer.get(self.kind.arn_member, ""))
        return Creation(True, arn if self.kind.named_by_service else str(request[self.kind.name_member]), arn)

    def observe(self, reference: str) -> Observation | None:
        """Return the state of a resource, ``None`` if it does not exist.

        Raises:
            AwsCallError: A call failed.
        """
        description = find(self.client, self.kind.describe, self.key_members(reference))
        return None if description is None else self.observation(description)

    def observation(self, description: Body) -> Observation:
        """Return what a Describe response means by the kind's row."""
        if not self.kind.status_member:
            return Observation("Created", Outcome.SUCCEEDED, "", description)
        status = str(description.get(self.kind.status_member, ""))
        return Observation(status, self.outcome(status), self._reason(description), description)

    def outcome(self, status: str) -> Outcome:
        """Return what a state means by the kind's row; an unknown one means that the resource still runs."""
        terminal = (
            (Outcome.SUCCEEDED, self.kind.succeeded),
            (Outcome.FAILED, self.kind.failed),
            (Outcome.STOPPED, self.kind.stopped),
        )
        return next((outcome for outcome, states in terminal if status in states), Outcome.RUNNING)

    def _reason(self, description: Body) -> str:
        reasons = [next((str(description[m]) for m in self.kind.reason_members if description.get(m)), "")]
        for member in self.kind.detail_members:
            reasons += [str(text) for entry in description.get(member) or () for text in entry.values()]
        return "; ".join(reason for reason in reasons if reason)

    def stop(self, reference: str) -> bool:
        """Stop a resource.

        Args:
            reference: Its reference; empty for a resource that nobody has asked for yet.

        Returns:
            False if there was nothing to stop: the resource does not exist, has ended, or is of a kind that cannot be
            stopped. True also if it was being stopped already.

        Raises:
            AwsCallError: A call failed, and the resource still runs.
        """
        seen = self._observe_running(reference) if self.kind.stop and reference else None
        if seen is None:
            return False
        if seen.status in self.kind.stopping_states:
            return True
        reference = seen.reference or reference
        try:
            self.send_stop(reference)
        except AwsCallError:
            # It may have ended, or begun to stop, since we looked; APIs differ in how they say so.
            seen = self._observe_running(reference)
            if seen is None:
                return False
            if seen.status not in self.kind.stopping_states:
                raise
        return True

    def _observe_running(self, reference: str) -> Observation | None:
        seen = self.observe(reference)
        return seen if seen is not None and seen.outcome is Outcome.RUNNING else None

    def send_stop(self, reference: str) -> None:
        """Call the Stop operation.

        Raises:
            AwsCallError: The call failed.
        """
        call(self.client, self.kind.stop, self.key_members(reference))

    def key_members(self, reference: str) -> dict[str, str]:
        """Return the members of the Describe and Stop requests that identify a resource."""
        return {self.kind.name_member: reference}

    def remove(self, reference: str) -> bool:
        """Advance the clean-up of a resource's leftovers by one AWS call; see `ResourceKind.leaves_behind`.

        Returns:
            Whether some are left, so that it must be called again.

        Raises:
            AwsCallError: A call failed.
        """
        return False

    def running(self, name_contains: str = "") -> Iterator[tuple[str, str]]:
        """Yield reference and ARN of every running resource, or of those whose name contains a text.

        The last part of a reference, after the last slash, is the name in the attempt's record. A kind without a List
        operation has no running resources: they cost nothing.

        Args:
            name_contains: The text; empty for all.

        Raises:
            AwsCallError: A call failed.
        """
        if self.kind.list:
            for summary in self.summaries(name_contains):
                yield str(summary[self.kind.name_member]), str(summary[self.kind.arn_member])

    def summaries(self, name_contains: str, query: Mapping[str, str] | None = None) -> Iterator[Body]:
        """Yield the List operation's summaries of the running resources whose name contains a text.

        Args:
            name_contains: The text; empty for all.
            query: Further members of the List request.

        Raises:
            AwsCallError: A call failed.
        """
        query = {**(query or {}), **({"NameContains": name_contains} if name_contains else {})}
        for status in self.kind.running_states:
            request = {"StatusEquals": status, "MaxResults": 100, **query}
            yield from pages(self.client, self.kind.list, request, self.kind.summaries_member)

    def tags(self, arn: str) -> list[Mapping[str, str]]:
        """Return the tags of a resource.

        Args:
            arn: What `running` yields as its ARN.

        Raises:
            AwsCallError: The call failed.
        """
        return list(call(self.client, "ListTags", {"ResourceArn": arn}).get("Tags", ()))
