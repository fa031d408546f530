"""What tasks write down in Airflow's task state store, and the one way to read and to write it.

A running task outlives an upgrade and a downgrade of this package. So a reader drops the members that it does not
know and has a default for those that may be absent, a member never changes its name or its meaning, and a record
without the tag ``type``, or with an unknown one, is read by its shape.

Importing this module loads pydantic: modules that a DAG file loads import it inside functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, PlainSerializer, TypeAdapter
from pydantic.dataclasses import dataclass

from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.execution.identity import Epoch

RECORD_KEY = "sm_pipelines_attempt"
"""The state store's key of a task's last attempt."""

OUTPUTS_KEY = "sm_pipelines_outputs"
"""The state store's key of what a Lambda function has answered."""

COUNTS_KEY = "sm_pipelines_retries"
"""The state store's key of the retries that were granted."""

STORED = ConfigDict(extra="ignore")
"""How records are read: without the members that only another version knows."""

_Record = TypeVar("_Record")


def _epoch(value: object) -> object:
    return Epoch.parse(value) if isinstance(value, str) else value


StoredEpoch = Annotated[Epoch, BeforeValidator(_epoch), PlainSerializer(str, return_type=str)]
"""An epoch as a member of a record, where it is text."""


# -- attempts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, config=STORED)
class _NamedAttempt:
    epoch: StoredEpoch
    token: str = ""
    failures: int = 0
    name: str = ""
    reference: str = ""
    opened_at: str = ""
    closed: bool = False
    submitted_at: str = ""


@dataclass(frozen=True, slots=True, config=STORED)
class Attempt(_NamedAttempt):
    """One attempt to run a step: at most one AWS resource.

    Attributes:
        epoch: The epoch it belongs to.
        token: The epoch's random token.
        failures: How many earlier attempts of the epoch failed.
        name: Name of the resource, or the idempotency token of one that the service names.
        reference: What Describe takes, the name or the ARN; empty until the service has named the resource.
        opened_at: When the epoch's first attempt was opened, ISO 8601 in UTC; retry policies expire from here.
        closed: Whether the resource is known to have ended badly, or to have been refused.
        submitted_at: When the resource was created, ISO 8601 in UTC; empty until AWS has accepted it.
        kind: Key of its row in `airflow_sm_pipelines.aws.kinds`; empty if an older version has written the record.
        connection: Fields of the `AwsConnection` that it was created with; ``None`` if the kind is not known.
        arn: The resource's ARN, for people; empty if the answer of Create did not tell it.
        evaluated_at: The time that ``Execution.CurrentDateTime`` tells, ISO 8601 in UTC: another process that goes on
            with the attempt evaluates to the same. Empty if an older version has written the record.
        signature: Digests of what decides whether later runs may reuse its result; ``None`` if they may not.
        region: AWS region in which it was created; empty if an older version has written the record.
        partition: AWS partition of the region; empty behind a custom endpoint, where there is no console.
        type: The tag.
    """

    kind: str = ""
    evaluated_at: str = ""
    connection: dict[str, JsonValue] | None = None
    arn: str = ""
    signature: dict[str, str] | None = None
    region: str = ""
    partition: str = ""
    type: Literal["job"] = "job"


@dataclass(frozen=True, slots=True, config=STORED)
class InvocationAttempt(_NamedAttempt):
    """One invocation of a Lambda function.

    Attributes:
        epoch: The epoch it belongs to.
        token: The epoch's random token.
        failures: How many earlier invocations there were in the epoch.
        name: Name of the invocation, under which its outputs are stored.
        reference: Always empty: an invocation cannot be looked up.
        opened_at: When the epoch's first invocation began, ISO 8601 in UTC; retry policies expire from here.
        closed: Whether the function is known to have failed or not to have been run.
        submitted_at: When this invocation began, ISO 8601 in UTC.
        type: The tag.
    """

    type: Literal["invocation"] = "invocation"


@dataclass(frozen=True, slots=True, config=STORED)
class CallbackAttempt:
    """One attempt of a Callback step: at most one live token.

    Attributes:
        epoch: The epoch it belongs to.
        digest: Digest of its token.
        sealed: The message with the token, encrypted.
        opened_at: When the epoch's first attempt was opened, ISO 8601 in UTC; retry policies expire from here.
        sent_at: When SQS accepted the message, ISO 8601 in UTC; empty until then.
        closed: Whether the attempt is over and has failed.
        signature: Digests of what decides whether later runs may reuse the answer; ``None`` if they may not.
        type: The tag.
    """

    epoch: StoredEpoch
    digest: str
    sealed: str = ""
    opened_at: str = ""
    sent_at: str = ""
    closed: bool = False
    signature: dict[str, str] | None = None
    type: Literal["callback"] = "callback"


@dataclass(frozen=True, slots=True, config=STORED)
class UnknownAttempt:
    """What this version understands of an attempt that another version has written.

    Attributes:
        epoch: The epoch it belongs to.
        opened_at: When the epoch's first attempt was opened, ISO 8601 in UTC; retry policies expire from here.
        type: The tag; never stored.
    """

    epoch: StoredEpoch
    opened_at: str = ""
    type: Literal["unknown"] = "unknown"


AnyAttempt: TypeAlias = Attempt | InvocationAttempt | CallbackAttempt | UnknownAttempt

_TAGGED = Annotated[AnyAttempt, Field(discriminator="type")]
_TAGS = frozenset({"job", "invocation", "callback"})


def _tag_of(stored: Mapping[str, object]) -> object:
    """Return the tag of a stored attempt, or the one that its shape stands for."""
    if stored.get("type") in _TAGS:
        return stored["type"]
    if "digest" in stored:
        return "callback"
    if "name" not in stored:
        return "unknown"
    # A job that AWS has accepted has a reference, an invocation never has.
    return "invocation" if stored.get("submitted_at") and not stored.get("reference") else "job"


# -- beside the attempts -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, config=STORED)
class InvocationOutputs:
    """What a Lambda function has answered.

    Attributes:
        attempt: Name of the invocation.
        outputs: The step's typed outputs.
    """

    attempt: str
    outputs: dict[str, JsonValue]


@dataclass(frozen=True, slots=True, config=STORED)
class RetryCounts:
    """How many retries were granted since the task was started or cleared.

    Attributes:
        epoch: The epoch they were granted in.
        granted: Number of each of the step's retry policies.
        unmatched: Number of failures that no policy matched.
        after: The attempt after which the last retry was granted, by its number of earlier failures; ``None`` if an
            older version has granted it, and did not write that down.
    """

    epoch: StoredEpoch
    granted: tuple[int, ...] = ()
    unmatched: int = 0
    after: int | None = None


# -- reading and writing -----------------------------------------------------------------------------------------------


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def read_record(record_type: type[_Record], stored: object) -> _Record:
    """Return a record from its stored JSON value.

    Args:
        record_type: A pydantic dataclass.
        stored: What this or another version has stored.

    Raises:
        pydantic.ValidationError: A member that has no default is absent, or a member is of another type.
    """
    record: _Record = _adapter(record_type).validate_python(stored)
    return record


def read_attempt(stored: object) -> AnyAttempt | None:
    """Return the attempt from the value stored under `RECORD_KEY`.

    Args:
        stored: The value, as JSON.

    Returns:
        The attempt; ``None`` if there is none, or if a state store backend of the deployment keeps it elsewhere and
        only a reference to it is at hand.

    Raises:
        pydantic.ValidationError: A member that has no default is absent, or a member is of another type.
    """
    if not isinstance(stored, Mapping):
        return None
    attempt: AnyAttempt = _adapter(_TAGGED).validate_python({**stored, "type": _tag_of(stored)})
    return attempt


def as_stored(record: object) -> JsonObject:
    """Return a record as the JSON value to store.

    Args:
        record: An instance of a pydantic dataclass.
    """
    stored: JsonObject = _adapter(type(record)).dump_python(record, mode="json", by_alias=True)
    return stored
