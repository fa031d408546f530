"""The start of a step as a sequence of AWS calls, separate from making them.

A builder is a generator. It yields an `AwsCall` and receives the answer, or the error, before it goes on. Its caller
decides what happens with a call: a running task makes it; ``sm-pipelines plan`` records it and answers with
placeholders. So both get the same calls in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.kinds.resource_kind import ResourceKind
from airflow_sm_pipelines.aws.requests.mlflow import MlflowTarget
from airflow_sm_pipelines.aws.s3_objects import split_uri
from airflow_sm_pipelines.errors import AwsCallError

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class AwsCall:
    """A call that is to be made.

    Attributes:
        service: Name of the boto3 client.
        operation: Name of the operation in the service model.
        request: The request's members.
        purpose: What the call is for, as the end of a sentence that begins with "cannot"; ``""`` if the operation says
            enough.
        advice: What the user can do if AWS refuses the call; ``""`` if there is nothing special.
        only_if: What a look before it must have shown, such as "it does not exist"; ``""`` if the call is always made.
    """

    service: str
    operation: str
    request: Body
    purpose: str = ""
    advice: str = ""
    only_if: str = ""


Calls: TypeAlias = Generator[AwsCall, Body, _Result]
"""A builder at work: yields calls, receives their answers, and returns the result."""


class Log(Protocol):
    """What the package uses of a logger: Airflow's, or one of the standard library."""

    def info(self, message: str, /, *arguments: object) -> object:
        """Log a message with ``%``-arguments."""

    def warning(self, message: str, /, *arguments: object) -> object:
        """Log a warning with ``%``-arguments."""

    def error(self, message: str, /, *arguments: object) -> object:
        """Log an error with ``%``-arguments."""


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class StepStart:
    """A step that is about to start: what builders may know of it, and the functions that they need.

    Attributes:
        step: Name of the step, with the iteration if it is in a ForEach.
        attempt: Name of the attempt: becomes the resource's name, or its idempotency token.
        arguments: The step's Arguments, as in the definition.
        resolve: Returns a value of the definition with every expression replaced. Takes the value, its place (for
            messages), and whether it is the payload of a Lambda or Callback step. Raises `UndefinedReferenceError`.
        members: Returns the resolved members at step level, such as ``SkipCheck``.
        trial: Returns the names of the execution's experiment and trial, ``None`` if the definition has no
            ``PipelineExperimentConfig``.
        shape: Returns a call's request in the API's own types, and one message for each fault.
        tags: The tags to add: those that identify the task that owns the resource, then those for people.
        log: The task's log.
        kind: The row of the resource that the step creates; ``None`` if it creates none.
        role_arn: The pipeline's role, for requests without a role; ``None`` to add no role.
        execution_id: Id of the execution, 12 characters.
        token: The random part of the attempt's name.
        try_number: Number of the task's try, from 1.
        step_types: Types of the pipeline's steps, by step name.
        object_of: Returns bucket and key of an S3 URI.
        members_of: Returns members in the place of an object that only a run knows, and any other value as it is.
        trial_is_created: Tells whether another step of the run has seen to experiment and trial of these names.
        note_trial: Notes for the other steps that this one has.
        mlflow: Returns where the jobs of the run log to with MLflow, ``None`` if nobody says so.
        display_name: The run's name for people; empty if it has none.
    """

    step: str
    attempt: str
    arguments: Body
    resolve: Callable[[Any, str, bool], Any]
    members: Callable[[], Body]
    trial: Callable[[], tuple[str, str] | None]
    shape: Callable[[AwsCall], tuple[dict[str, Any], Sequence[str]]]
    tags: Sequence[dict[str, str]]
    log: Log
    kind: ResourceKind | None = None
    role_arn: str | None = None
    execution_id: str = ""
    token: str = ""
    try_number: str = "1"
    step_types: Mapping[str, str] = field(default_factory=dict)
    object_of: Callable[[str], tuple[str, str]] = split_uri
    members_of: Callable[[Any], Any] = _as_it_is
    trial_is_created: Callable[[tuple[str, str]], bool] = lambda _: False
    note_trial: Callable[[tuple[str, str]], None] = lambda _: None
    mlflow: Callable[[], MlflowTarget | None] = lambda: None
    display_name: str = ""

    def resolved_arguments(self, *, payload: bool = False) -> Any:
        """Return the step's Arguments with every expression replaced.

        Raises:
            UndefinedReferenceError: A reference has no value.
        """
        return self.resolve(self.arguments, "Arguments", payload)


def unless(refusal: Callable[[str, str], bool], call: AwsCall) -> Calls[Body | None]:
    """Make a call that AWS may refuse for one acceptable reason.

    Args:
        refusal: Tells from code and message of an error whether that is the reason.
        call: The call.

    Returns:
        The answer, ``None`` if AWS refused the call for that reason.

    Raises:
        AwsCallError: The call failed for another reason.
    """
    try:
        return (yield call)
    except AwsCallError as error:
        if refusal(error.code, error.message):
            return None
        raise


def only_call(call: AwsCall) -> Calls[AwsCall]:
    """Return a call as the result of a builder that makes no other calls."""
    yield from ()
    return call
