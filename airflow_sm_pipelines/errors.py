"""Every error this package raises, in one tree.

::

    SageMakerPipelinesError
    x DefinitionError                 one fault of a pipeline definition, at a JSON path
      + UnsupportedStepTypeError      the definition is valid, but this version cannot run the step
    x StepError                       a step cannot go on; names the step
      + UndefinedReferenceError       a reference of the step resolves to nothing
      + ConditionTypeError            a condition compares values that have no order or no common type
      + RequestError                  the resolved request does not fit the API's own types or limits
      + StepFailedError               the step's AWS job ended Failed or Stopped, or a call for it was refused
      + StepTimeoutError              the step ran longer than its ``execution_timeout``; its job was stopped
      + StepInterruptedError          the worker was told to end; the job goes on, the next try finds it
      + StepOutcomeUnknownError       the step's work may have been done, and must not be done twice
      + PipelineFailStepError         a Fail step was reached; the message is the definition's own
    x RehearsalError                  a rehearsal could not be carried out

    x UnfitRequestError               no request can be made of what a step says; becomes a `RequestError`

    ExceptionGroup
    x InvalidDefinitionError          all `DefinitionError` of one definition, raised once

Definition errors appear when a DAG file is parsed or ``sm-pipelines check`` runs; step errors in a task. A
step's message starts with the step and the reason, so that the first line of an alert says what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class SageMakerPipelinesError(Exception):
    """Base of everything that this package raises by itself (`InvalidDefinitionError` groups such errors)."""


class DefinitionError(SageMakerPipelinesError):
    """One fault of a pipeline definition.

    Args:
        path: JSON path of the faulty place, e.g. ``Steps[2].Arguments.RoleArn``; empty for the document.
        message: What was found there and what is allowed.
        hint: What to do about it, e.g. a near miss; empty when there is nothing to add.
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
    """The step is part of the definition language, but this version has no operator for its type."""


class InvalidDefinitionError(ExceptionGroup[DefinitionError]):
    """All faults of one definition at once.

    Attributes:
        source: Where the definition came from (a file name, or ``"<dict>"``/``"<text>"``).
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
        return "\n".join([self.message, *(f"  - {error}" for error in self.exceptions)])


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
    """A condition compares values of types that cannot be compared; the service fails the step then, too."""


class RequestError(StepError):
    """The resolved request does not fit the API: an unknown member, a wrong type, a value too long."""

    @classmethod
    def of_faults(cls, step: str, message: str, faults: Sequence[str]) -> RequestError:
        """Return the error that lists all faults of a request, each in a line of its own."""
        return cls(step, "\n".join([f"{message}:", *(f"    {fault}" for fault in faults)]))


class UnfitRequestError(SageMakerPipelinesError, ValueError):
    """No request can be made of what a step says; becomes the `RequestError` of the step."""


class StepFailedError(StepError):
    """The step's AWS job ended in a state that is not success, or AWS refused a call for it.

    Args:
        step: Name of the step.
        message: The reason first, then where to look.
        exception_type: SageMaker's retry exception type that the reason stands for, e.g.
            ``SageMaker.CAPACITY_ERROR`` (developer guide, "Retry Policy for Pipeline Steps"), or ``None`` when
            the failure is of no retryable type.
        job: Name of the AWS resource, or ``None`` if none was created.
        properties: What the step publishes all the same, for steps that run after a failure; ``None`` for the Describe
            response of its resource, if there is one.
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
        error: Any,
        *,
        purpose: str = "",
        advice: str = "",
        then: str = "",
        job: str | None = None,
    ) -> StepFailedError:
        """Return the error of a step for which AWS refused a call, or did not answer one.

        Args:
            step: Name of the step.
            error: What AWS said, an `airflow_sm_pipelines.aws.calls.CallRefusedError`.
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
    """The step's work may have been done, and the step is not to do it twice; never retried, only cleared."""


class PipelineFailStepError(StepError):
    """A Fail step was reached: the pipeline's author wants the run to fail with this message."""


class RehearsalError(SageMakerPipelinesError):
    """A rehearsal could not be carried out; the message says what is missing or where the log is.

    The definition cannot become a DAG, the ``[local]`` extra is not installed, the local AWS cannot start, or Airflow
    broke. That the pipeline fails in the rehearsal is no error: see the report.
    """
