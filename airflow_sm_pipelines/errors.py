"""Every error of this package, in one tree.

::

    SageMakerPipelinesError
    x DefinitionError                 one error in a pipeline definition, at a JSON path
      + UnsupportedStepTypeError      the definition is valid, but this version does not support the step type
    x PathSyntaxError                 a path does not follow the grammar
    x ExpressionSyntaxError           an expression is malformed
    x MissingMemberError              a path leads to nothing
    x EvaluationError                 an expression has no value
    x IncomparableError               a condition compares values that have no order or no common type
    x ParameterValueError             a value does not fit a pipeline parameter
    x OutputParametersError           a Lambda function or callback did not return the declared outputs
    x IterableItemsError              the items of a ForEach step are not a list
    x SelectorValueError              the selector of a ForEach step compares something other than numbers
    x AwsCallError                    a call to AWS did not bring what it was made for
      + CallRefusedError              AWS answered it with an error
      + CallUnansweredError           AWS did not answer it, or could not be reached
      + CallNotMadeError              AWS was not asked
      + LostAnswerError               aws: the function may have been run, and its answer will never come
    x StepError                       a step cannot go on; names the step
      + UndefinedReferenceError       a reference of the step has no value
      + ConditionTypeError            a condition compares values that have no order or no common type
      + RequestError                  the resolved request does not fit the types or limits of the API
      + StepFailedError               the step's AWS job ended Failed or Stopped, or a call for it was refused
      + StepTimeoutError              the step ran longer than its ``execution_timeout``; its job was stopped
      + StepInterruptedError          the worker was told to end; the job goes on, the next try finds it
      + StepOutcomeUnknownError       the step's work may have been done, and must not be done twice
      + PipelineFailStepError         a Fail step was reached; the message is the definition's own
    x UnfitRequestError               no request can be made from what a step says; becomes a `RequestError`
      + NoObjectUriError              aws: a text is not the URI of an S3 object
    x RunOptionError                  semantics: an option of a run has a value that it cannot have
    x ScheduleError                   semantics: a schedule is not valid, or can be read in two ways
    x EventValueError                 semantics: a parameter cannot get its value from an event
    x EventStartError                 operators: messages of a queue started no run
    x SelectionError                  semantics: a run cannot execute the steps that were selected for it
    x NoSourceRunError                execution: there is no such run to take parameters from
    x SweepError                      a sweep could not find or stop every orphan
    x PackageFaultError               definition: this package has a fault that a definition brings to light
    x UnreadableReportError           aws: the report of a check step is malformed
    x NothingToldError                execution: a task has told no value for a parameter of a task group
    x KilledError                     execution: the task was killed while it waited
    x NotReusableError                execution: the result of an earlier run cannot stand for a step
    x NoSealError                     callbacks: the Fernet key is missing or has changed
    x RefusedRequestError             aws_json: an endpoint does not accept the request
    x NoAnswerError                   executions: Airflow did not answer, or refused a request
    x SourceSyntaxError               preview: the source of a definition has none of the known forms
    x SourceError                     preview: the source does not provide a definition
    x RehearsalError                  a rehearsal could not be carried out
    x ChosenValueError                rehearsal: a value was chosen that the definition does not read
    x OutcomeError                    rehearsal: an outcome cannot be chosen, or is misspelt
    x StoreError                      bundle: the store of versions cannot be read or written
    x AirflowStartError               demo: Airflow did not become healthy
    x AirflowApiError                 demo: Airflow's API refused a request
    x DemoError                       demo: the demo cannot go on

    ExceptionGroup
    x InvalidDefinitionError          all `DefinitionError` of one definition, raised once

An error that names a room lives there, beside the code that raises it; all others are defined here. The local AWS has
errors of its own, since it imports nothing of the other rooms.

Definition errors appear when a DAG file is parsed or ``sm-pipelines check`` runs; step errors in a task. What a
definition cannot evaluate becomes a step error, too. A step's message starts with the step and the reason, so that the
first line of an alert says what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_MOST_ERRORS_SHOWN = 100


class SageMakerPipelinesError(Exception):
    """Base of every error of this package, except `InvalidDefinitionError`, which is a group of such errors."""


class DefinitionError(SageMakerPipelinesError):
    """An error in a pipeline definition.

    Args:
        path: JSON path of the error, e.g. ``Steps[2].Arguments.RoleArn``; empty for the whole document.
        message: What was found there and what is allowed.
        hint: What to do about it, e.g. the nearest name that exists; may be empty.
    """

    def __init__(self, path: str, message: str, hint: str = "") -> None:
        self.path = path
        self.message = message
        self.hint = hint
        super().__init__(path, message, hint)

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        return f"{place}{self.message}" + (f" ({self.hint})" if self.hint else "")


class UnsupportedStepTypeError(DefinitionError):
    """The definition is valid, but this version does not support the type of the step."""


class InvalidDefinitionError(ExceptionGroup[DefinitionError]):
    """All errors of one definition at once.

    Attributes:
        source: Where the definition came from: a file name, ``<dict>`` or ``<text>``.
    """

    source: str

    def __new__(cls, source: str, errors: Sequence[DefinitionError]) -> InvalidDefinitionError:
        """Group the errors of the definition that came from ``source``."""
        noun = "error" if len(errors) == 1 else "errors"
        group = super().__new__(cls, f"{source}: {len(errors)} {noun} in the pipeline definition", list(errors))
        group.source = source
        return group

    def derive(self, excs: Sequence[DefinitionError]) -> InvalidDefinitionError:  # type: ignore[override]
        """Keep the class and the source when Python splits the group."""
        return InvalidDefinitionError(self.source, excs)

    def __str__(self) -> str:
        shown = self.exceptions[:_MOST_ERRORS_SHOWN]
        lines = [self.message, *("  - " + str(error).replace("\n", "\n    ") for error in shown)]
        more = len(self.exceptions) - len(shown)
        return "\n".join([*lines, f"  - and {more} more"] if more else lines)


class PathSyntaxError(SageMakerPipelinesError, ValueError):
    """A path does not follow the grammar."""


class ExpressionSyntaxError(SageMakerPipelinesError, ValueError):
    """An expression is malformed: an object has the key of an expression but not its form.

    Args:
        message: What was found and what is allowed.
        hint: The nearest valid spelling, or ``""``.
        member: Path of the faulty member inside the expression.
    """

    def __init__(self, message: str, hint: str = "", member: tuple[str | int, ...] = ()) -> None:
        self.message = message
        self.hint = hint
        self.member = member
        super().__init__(message, hint, member)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class MissingMemberError(SageMakerPipelinesError, LookupError):
    """A path leads to nothing.

    Args:
        message: Which member is missing and what was there instead.
        hint: The nearest name that exists, or ``""``.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message, hint)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class EvaluationError(SageMakerPipelinesError):
    """An expression has no value in this scope.

    Args:
        reference: The reference, or the expression, as written.
        reason: What was there instead.
        path: JSON path of the expression, relative to what is evaluated.
    """

    def __init__(self, reference: str, reason: str, path: str = "") -> None:
        self.reference = reference
        self.reason = reason
        self.path = path
        super().__init__(reference, reason, path)

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        return f"{place}{self.reference}: {self.reason}"


class IncomparableError(SageMakerPipelinesError):
    """A condition compares values that have no common type, or no order.

    Args:
        reason: What it compares.
        path: JSON path of the condition in the Arguments.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason = reason
        self.path = path
        super().__init__(reason, path)

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class ParameterValueError(SageMakerPipelinesError, ValueError):
    """A value does not fit a parameter's type or its enumeration."""


class OutputParametersError(SageMakerPipelinesError, ValueError):
    """A Lambda function or callback did not return the outputs that the step declares; the message names each."""


class IterableItemsError(SageMakerPipelinesError, ValueError):
    """``IterableItems`` is not a list."""


class SelectorValueError(SageMakerPipelinesError, ValueError):
    """A value by which a ``Selector`` compares the iterations is not a number."""


class AwsCallError(SageMakerPipelinesError):
    """A call to AWS did not bring what it was made for.

    Args:
        operation: The operation, e.g. ``CreateProcessingJob``.
        code: The code of AWS's error, or the name of the connection error.
        message: What AWS, or botocore, says.
        exception_type: SageMaker's retry exception type, ``None`` if the fault is the caller's.
    """

    def __init__(self, operation: str, code: str, message: str, exception_type: str | None) -> None:
        self.operation = operation
        self.code = code
        self.message = message
        self.exception_type = exception_type
        super().__init__(operation, code, message, exception_type)

    def __str__(self) -> str:
        return f"{self.operation}: {self.code}: {self.message}"

    def in_words(self) -> str:
        """Return a sentence that says what AWS did."""
        return str(self)


class CallRefusedError(AwsCallError):
    """AWS answered a call with an error."""

    def in_words(self) -> str:
        """Return a sentence that says what AWS refused."""
        return f"AWS refused {self}"


class CallUnansweredError(AwsCallError):
    """AWS did not answer a call, or could not be reached."""

    def in_words(self) -> str:
        """Return a sentence that says what AWS did not answer."""
        return f"AWS did not answer {self}"


class CallNotMadeError(AwsCallError):
    """AWS was not asked: a call, or the client for it, cannot be made.

    Args:
        message: Why, and what to do.
        code: The name of botocore's error; empty if it has none.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__("", code, message, None)
        self.args = (message, code)

    def __str__(self) -> str:
        return self.message


class StepError(SageMakerPipelinesError):
    """A step cannot go on.

    Args:
        step: Name of the step.
        message: What happened, what was expected, what to do.
    """

    def __init__(self, step: str, message: str) -> None:
        self.step = step
        self.message = message
        super().__init__(step, message)

    def __str__(self) -> str:
        return f"Step {self.step}: {self.message}"


class UndefinedReferenceError(StepError):
    """A reference of the step resolves to nothing: a missing member, file, or output of a step that did not run."""


class ConditionTypeError(StepError):
    """A condition compares values of types that cannot be compared; the service fails such a step, too."""


class RequestError(StepError):
    """The resolved request does not fit the API: an unknown member, a wrong type, a value too long."""

    @classmethod
    def of_faults(cls, step: str, message: str, faults: Sequence[str]) -> RequestError:
        """Return the error that lists all faults of a request, each in a line of its own."""
        return cls(step, "\n".join([f"{message}:", *(f"    {fault}" for fault in faults)]))


class UnfitRequestError(SageMakerPipelinesError, ValueError):
    """No request can be made of what a step says; becomes the `RequestError` of the step."""


class StepFailedError(StepError):
    """The step's AWS job did not succeed, or AWS refused a call for it.

    Args:
        step: Name of the step.
        message: The reason first, then where to look.
        exception_type: SageMaker's retry exception type of the failure, e.g. ``SageMaker.CAPACITY_ERROR`` (developer
            guide, "Retry Policy for Pipeline Steps"); ``None`` if it has none.
        job: Name of the AWS resource, or ``None`` if none was created.
        properties: What the step publishes in spite of the failure, for steps that run after it; ``None`` for the
            Describe response of its resource, if there is one.
    """

    def __init__(
        self,
        step: str,
        message: str,
        *,
        exception_type: str | None = None,
        job: str | None = None,
        properties: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(step, message)
        self.exception_type = exception_type
        self.job = job
        self.properties = properties

    @classmethod
    def of_refusal(
        cls,
        step: str,
        error: AwsCallError,
        *,
        purpose: str = "",
        advice: str = "",
        then: str = "",
        job: str | None = None,
    ) -> StepFailedError:
        """Return the error of a step for which AWS refused a call, or did not answer one.

        Args:
            step: Name of the step.
            error: What became of the call.
            purpose: What the call was for, so that "cannot <purpose>" makes a sentence; ``""`` if the call says it all.
            advice: What to do if it is refused for good.
            then: What is so all the same.
            job: As for `StepFailedError`.
        """
        said = error.in_words()
        parts = [f"cannot {purpose}: {said}" if purpose else said]
        parts += [advice] if advice and error.exception_type is None else []
        parts += [then] if then else []
        return cls(step, "; ".join(parts), exception_type=error.exception_type, job=job)


class StepTimeoutError(StepError):
    """The step ran longer than its ``execution_timeout``; its job was stopped."""


class StepInterruptedError(StepError):
    """The worker process was told to end while the step's job runs on; the next try of the task adopts the job."""


class StepOutcomeUnknownError(StepError):
    """The step's work may have been done and must not be done twice; never retried, until a user clears the task."""


class PipelineFailStepError(StepError):
    """A Fail step was reached; the message is the definition's own."""


class SweepError(SageMakerPipelinesError):
    """A sweep could not find or stop every resource that no live task owns."""


class RehearsalError(SageMakerPipelinesError):
    """A rehearsal could not be carried out; the message says what is missing or where the log is.

    Either the definition cannot become a DAG, the ``[local]`` extra is not installed, the local AWS cannot start, or
    Airflow itself failed. A pipeline that fails in the rehearsal is not an error: see the report.
    """
