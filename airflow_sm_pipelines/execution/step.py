"""The one path of a step that runs an AWS job, from Airflow's side; runs in the worker.

Gate, resolve, shape, attempt, wait, outcome: every job type goes this way. What differs between types is a row of
`airflow_sm_pipelines.aws.kinds` and what an operator adds to its request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, NoReturn, Protocol

from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_sm_pipelines.aws.calls import CallRefusedError, input_shape
from airflow_sm_pipelines.aws.jobs import Observation, Outcome
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.requests.experiments import ensure_trial
from airflow_sm_pipelines.aws.requests.shaping import shape_request
from airflow_sm_pipelines.aws.requests.tags import owner_tags
from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.errors import RequestError, StepError, StepFailedError, StepInterruptedError
from airflow_sm_pipelines.execution.airflow_internals.worker import state_store
from airflow_sm_pipelines.execution.attempts import AttemptBook
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.identity import identify
from airflow_sm_pipelines.execution.job import JobRun, Log
from airflow_sm_pipelines.execution.links import JobReference
from airflow_sm_pipelines.execution.records import Attempt
from airflow_sm_pipelines.execution.scope import TaskScope, step_errors
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.execution.task_states import task_state
from airflow_sm_pipelines.execution.triggers import JobTrigger
from airflow_sm_pipelines.execution.xcoms import publish_properties, publish_status
from airflow_sm_pipelines.semantics.ownership import Verdict, verdict_of_worker_kill
from airflow_sm_pipelines.semantics.readiness import StepStatus

_STATUS = {Outcome.FAILED: StepStatus.FAILED, Outcome.STOPPED: StepStatus.STOPPED}
_SETTLE_INTERVAL = 2.0


class JobTask(Protocol):
    """What a step needs of its operator; `airflow_sm_pipelines.operators.base.JobOperator` says what each means."""

    plan: StepPlan
    settings: PipelineRunSettings
    connection: AwsConnection
    request: Any
    members: Callable[[], Mapping[str, Any]]
    trial: Callable[[], tuple[str, str] | None]
    job: JobReference | None
    killed: threading.Event
    waiting: Waiting
    execution_timeout: timedelta | None

    @property
    def kind(self) -> ResourceKind:
        """The row of the resource that the step creates."""

    @property
    def log(self) -> Log:
        """The task's log."""

    def complete_request(self, request: dict[str, Any], client: Any) -> dict[str, Any]:
        """Return the resolved request as this type of step sends it."""

    def described_request(self, properties: Mapping[str, Any], members: Iterable[str]) -> dict[str, Any]:
        """Return the request that the Describe response shows."""

    def complete_properties(self, properties: dict[str, Any], client: Any) -> dict[str, Any]:
        """Return the properties that this type of step publishes when its job has succeeded."""

    def defer(self, *, trigger: Any, method_name: str, timeout: timedelta | None = None) -> NoReturn:
        """End the process until the trigger fires, then go on in the method."""


class JobStep:
    """One try of a step's task.

    Args:
        operator: The task's operator.
        context: Airflow's task context.
    """

    def __init__(self, operator: JobTask, context: Any) -> None:
        self._operator = operator
        self._context = context
        self._identity = identify(operator.plan.step.name, context)
        operator.members = self._members
        operator.trial = self._trial
        self._client = self._new_client()
        self._book = AttemptBook(state_store(context), self._identity, operator.kind, self._name_prefix)
        self._attempt: Attempt | None = None
        self._run = JobRun(
            identity=self._identity,
            kind=operator.kind,
            client=self._client,
            logs_client=lambda: operator.connection.client("logs"),
            book=self._book,
            pause=self._pause,
            log=operator.log,
            timeout=operator.execution_timeout,
        )

    def _new_client(self) -> Any:
        try:
            return self._operator.connection.client(self._operator.kind.service)
        except CallRefusedError as error:
            raise StepFailedError(self._identity.step, str(error), exception_type=error.exception_type) from error

    def start(self) -> dict[str, Any]:
        """Create the step's job, or find the one that an earlier try has created, and follow it to its end."""
        attempt, seen = self._run.claim()
        if seen is None:
            attempt = self._create(attempt)
        else:
            self._operator.log.info("Found %s, created by an earlier try of this task", attempt.reference)
            attempt = self._run.submitted(attempt)
        self._take(attempt)
        waiting = self._operator.waiting
        if waiting.deferrable:
            return self._follow(attempt, waiting.settle, _SETTLE_INTERVAL)
        return self._follow(attempt, None, waiting.poll_interval)

    def _create(self, attempt: Attempt) -> Attempt:
        try:
            request = self._request(attempt.name)
            self._operator.request = request
            if self._operator.killed.is_set():  # since the gate: nothing has waited, so nothing has noticed
                self._pause(0)
            return self._run.submit(attempt, request)
        except AirflowTaskTimeout:  # the call may have reached AWS
            self._run.time_out(self._recorded())
        except StepInterruptedError:
            raise
        except StepError:
            self._run.abandon()
            raise

    def resume(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on after a deferral; the trigger only wakes, what counts is what AWS says now."""
        attempt = self._take(self._recorded())
        if "error" in event:
            self._operator.log.warning("The triggerer could not look at %s: %s", attempt.reference, event["error"])
        seen = self._run.look(attempt)
        if seen is None or seen.outcome is Outcome.RUNNING:
            self._defer(attempt)
        return self._conclude(attempt, seen)

    def time_out(self) -> dict[str, Any]:
        """Stop the job of a deferral that took longer than ``execution_timeout``, unless it has ended meanwhile."""
        attempt = self._take(self._recorded())
        seen = self._run.look(attempt)
        if seen is None or seen.outcome is Outcome.RUNNING:
            self._run.time_out(attempt)
        return self._conclude(attempt, seen)

    # -- the request -----------------------------------------------------------------------------------------------

    def _name_prefix(self) -> str | None:
        if self._operator.kind.token_member:
            return None
        named = self._operator.plan.step.arguments.get(self._operator.kind.name_member)
        return None if named is None else str(self._resolve(named, {}))

    def _request(self, name: str) -> dict[str, Any]:
        kind = self._operator.kind
        body = self._resolve(self._operator.plan.step.arguments, {kind.name_member: name})
        body[kind.token_member or kind.name_member] = name
        if kind.role_member and self._operator.settings.role_arn:
            body.setdefault(kind.role_member, self._operator.settings.role_arn)
        members = self._input_shape().members
        if "ExperimentConfig" in members:
            body.update(self._experiment(body.get("ExperimentConfig") or {}))
        if "Tags" in members or kind.tags_elsewhere:
            body["Tags"] = [*(body.get("Tags") or []), *owner_tags(self._identity.owner)]
        body = self._operator.complete_request(body, self._client)
        shaped, faults = shape_request(body, self._input_shape())
        if faults:
            places = "\n".join(f"    {fault}" for fault in faults)
            raise RequestError(self._identity.step, f"the resolved request does not fit {kind.create}:\n{places}")
        return shaped

    def _experiment(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request's ``ExperimentConfig``: the pipeline's experiment and trial, the step's display name."""
        found = self._trial()
        if found is None:
            return {"ExperimentConfig": own} if own else {}
        names = dict(zip(("ExperimentName", "TrialName"), found, strict=True))
        return {"ExperimentConfig": {"TrialComponentDisplayName": self._identity.step, **own, **names}}

    def _trial(self) -> tuple[str, str] | None:
        """Make the pipeline's experiment and trial and return their names; ``None`` if they are switched off."""
        if self._operator.settings.pipeline.experiment_config is None:
            return None
        scope, step = self._scope({}), self._identity.step
        with step_errors(step, "PipelineExperimentConfig"):
            experiment, trial = str(scope.experiment("ExperimentName")), str(scope.experiment("TrialName"))
        try:
            ensure_trial(self._client, experiment, trial)
        except CallRefusedError as error:
            advice = (
                "; allow sagemaker:CreateExperiment and sagemaker:CreateTrial, or set PipelineExperimentConfig to null "
                "in the definition"
            )
            raise StepFailedError(
                step,
                f"cannot make experiment {experiment} and trial {trial}: {error.in_words()}"
                f"{'' if error.exception_type else advice}",
                exception_type=error.exception_type,
            ) from error
        return experiment, trial

    def _scope(self, job_names: Mapping[str, str]) -> TaskScope:
        return TaskScope(
            self._operator.settings,
            self._context,
            self._operator.connection,
            self._identity.execution_id,
            job_names,
        )

    def _resolve(self, value: Any, job_names: Mapping[str, str]) -> Any:
        with step_errors(self._identity.step, "Arguments"):
            return evaluate(value, self._scope(job_names))

    def _members(self) -> dict[str, Any]:
        """Resolve the type's own members at step level, such as ``SkipCheck``; when an operator asks for them."""
        members: dict[str, Any] = {}
        for name, value in self._operator.plan.step.members.items():
            with step_errors(self._identity.step, name):
                members[name] = evaluate(value, self._scope({}))
        return members

    def _input_shape(self) -> Any:
        try:
            return input_shape(self._client, self._operator.kind.create)
        except CallRefusedError as error:
            raise StepError(self._identity.step, error.message) from error

    # -- the wait --------------------------------------------------------------------------------------------------

    def _follow(self, attempt: Attempt, seconds: float | None, interval: float) -> dict[str, Any]:
        try:
            seen = self._run.wait(attempt, seconds, interval)
        except AirflowTaskTimeout:
            self._run.time_out(attempt)
        if seen is None:
            self._defer(attempt)
        return self._conclude(attempt, seen)

    def _defer(self, attempt: Attempt) -> NoReturn:
        remaining = self._run.remaining(attempt)
        if remaining == timedelta(0):
            self._run.time_out(attempt)
        self._operator.defer(
            trigger=JobTrigger(
                kind=self._operator.kind.key,
                name=attempt.reference,
                connection=self._operator.connection.as_arguments(),
                poll_interval=self._operator.waiting.poll_interval,
            ),
            method_name="resume",
            timeout=remaining,
        )

    def _pause(self, seconds: float) -> None:
        """Wait, unless Airflow tells the process to end: then its task's state says what becomes of the job."""
        killed: threading.Event = self._operator.killed
        if not killed.wait(seconds):
            return
        owner = self._identity.owner
        state = task_state(owner.dag_id, owner.run_id, owner.task_id, owner.map_index)
        if verdict_of_worker_kill(state) is Verdict.STOP:
            if self._attempt is not None:
                self._run.stop(self._attempt)
            raise StepError(self._identity.step, f"its task was ended ({state}); {self._left()}")
        goes_on = "" if self._attempt is None else "; the job goes on"
        raise StepInterruptedError(self._identity.step, f"the worker was told to end{goes_on}")

    def _left(self) -> str:
        if self._attempt is None:
            return "it had created nothing"
        kind = self._operator.kind
        return "its job was stopped" if kind.stop else f"its {kind.noun} is left as it is: it cannot be stopped"

    # -- the outcome -----------------------------------------------------------------------------------------------

    def _conclude(self, attempt: Attempt, seen: Observation) -> dict[str, Any]:
        self._run.release(attempt)
        properties = self._run.properties(seen)
        if not isinstance(self._operator.request, dict):
            # Another process resolved the request: show what AWS says that it was given.
            self._operator.request = self._operator.described_request(properties, self._input_shape().members)
        if seen.outcome is Outcome.SUCCEEDED:
            return self._succeed(attempt, properties)
        publish_properties(self._context, properties)
        publish_status(self._context, _STATUS[seen.outcome])
        raise self._run.conclude_failure(attempt, seen)

    def _succeed(self, attempt: Attempt, properties: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._operator.complete_properties(properties, self._client)
        except StepFailedError as error:
            if error.exception_type is None:  # the step's own verdict; a busy AWS is asked again about the same job
                self._run.close(attempt)
            publish_properties(self._context, properties if error.properties is None else error.properties)
            publish_status(self._context, StepStatus.FAILED)
            raise

    def _recorded(self) -> Attempt:
        attempt = self._book.read_parked()
        if attempt is None:
            raise StepError(
                self._identity.step,
                "its attempt record is gone from the task state store, so its job cannot be found; clear the task to "
                "start it afresh, and run `sm-pipelines stop-orphans` for the job that may be left",
            )
        return attempt

    def _take(self, attempt: Attempt) -> Attempt:
        self._attempt = attempt
        self._operator.job = JobReference.of(self._client, self._operator.kind, attempt.reference)
        return attempt
