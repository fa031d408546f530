"""What a step asks of AWS to start its work: calls in their order, made by nobody yet.

A builder is a generator: it yields each `AwsCall`, is sent the answer, or is thrown the refusal, and goes on. Whoever
drives it decides what a call means: a running task makes it, ``sm-pipelines plan`` writes it down and answers with
placeholders. So both get the same calls, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

from airflow_sm_pipelines.aws.kinds.resource_kind import ResourceKind
from airflow_sm_pipelines.aws.s3_objects import split_uri
from airflow_sm_pipelines.errors import AwsCallError

Body: TypeAlias = Mapping[str, Any]
"""Members of a request or an answer, in the API's own names."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One AWS call.

    Attributes:
        service: Name of the boto3 client.
        operation: Name of the operation in the service's model.
        request: Its members.
        purpose: What it is for, so that "cannot <purpose>" makes a sentence; ``""`` if the operation says it all.
        advice: What to do when AWS refuses it for good.
    """

    service: str
    operation: str
    request: Body
    purpose: str = ""
    advice: str = ""


Calls: TypeAlias = Generator[AwsCall, Body, _Result]
"""A builder at work: yields calls, is sent their answers, returns what they were made for."""


class Log(Protocol):
    """What builders use of a logger."""

    def info(self, message: str, /, *arguments: Any) -> Any:
        """Log a message with ``%``-arguments."""

    def warning(self, message: str, /, *arguments: Any) -> Any:
        """Log a warning with ``%``-arguments."""


@dataclass(frozen=True, slots=True)
class StepStart:
    """A step that is about to start.

    Attributes:
        step: Name of the step; in a ForEach with the iteration.
        attempt: Name of the attempt: that of the resource, or its idempotency token.
        arguments: The step's Arguments as the definition has them.
        resolve: Returns a value of the definition with its expressions replaced. Takes the value, its place for
            messages, and whether it is the payload of a Lambda or Callback step. Raises `UndefinedReferenceError`.
        members: Returns the resolved members at step level, such as ``SkipCheck``.
        trial: Returns the names of the execution's experiment and trial, ``None`` if experiments are switched off.
        shape: Returns a call's request in the API's own types, and one message for each fault.
        tags: The tags that say whose the resource is.
        log: Where to say what is found on the way.
        kind: The row of the resource that the step creates; ``None`` if it creates none.
        role_arn: The pipeline's role, for requests without one; ``None`` to send them as they are.
        execution_id: The 12 characters of the execution.
        token: The random part of the attempt's name.
        try_number: Number of the task's try, from 1.
        step_types: Type of each step of the pipeline, by name.
        object_of: Returns bucket and key of an S3 URI.
    """

    step: str
    attempt: str
    arguments: Body
    resolve: Callable[[Any, str, bool], Any]
    members: Callable[[], Body]
    trial: Callable[[], tuple[str, str] | None]
    shape: Callable[[AwsCall], tuple[dict[str, Any], list[str]]]
    tags: Sequence[dict[str, str]]
    log: Log
    kind: ResourceKind | None = None
    role_arn: str | None = None
    execution_id: str = ""
    token: str = ""
    try_number: str = "1"
    step_types: Mapping[str, str] = field(default_factory=dict)
    object_of: Callable[[str], tuple[str, str]] = split_uri

    def resolved_arguments(self, *, payload: bool = False) -> Any:
        """Return the step's Arguments with every expression replaced.

        Raises:
            UndefinedReferenceError: A reference has no value.
        """
        return self.resolve(self.arguments, "Arguments", payload)


def unless(refusal: Callable[[str, str], bool], call: AwsCall) -> Calls[Body | None]:
    """Make a call that may be refused for a reason that is as good as success.

    Args:
        refusal: Tells from code and message whether it is that reason.
        call: The call.

    Returns:
        The answer, ``None`` if the call was refused for that reason.

    Raises:
        AwsCallError: It was refused for another one.
    """
    try:
        return (yield call)
    except AwsCallError as error:
        if refusal(error.code, error.message):
            return None
        raise


def only_call(call: AwsCall) -> Calls[AwsCall]:
    """Return a call as a builder does before which nothing is asked of AWS."""
    yield from ()
    return call
