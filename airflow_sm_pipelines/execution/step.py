"""The one path of a step that runs an AWS job, from Airflow's side; runs in the worker.

Gate, resolve, shape, attempt, wait, outcome: every job type goes this way. What differs between types is a row of
`airflow_sm_pipelines.aws.kinds`, the builder of its calls, and what an operator adds to its properties.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NoReturn

from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_sm_pipelines.aws.calls import input_shape
from airflow_sm_pipelines.aws.console import AwsPlace
from airflow_sm_pipelines.aws.jobs import Observation, Outcome
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.requests.names import check_prefix
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, StepStart
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import (
    AwsCallError,
    RequestError,
    StepError,
    StepFailedError,
    StepInterruptedError,
    UnfitRequestError,
)
from airflow_sm_pipelines.execution.airflow_internals.worker import state_store
from airflow_sm_pipelines.execution.attempts import AttemptBook
from airflow_sm_pipelines.execution.job import JobRun
from airflow_sm_pipelines.execution.kill_switch import KilledError
from airflow_sm_pipelines.execution.metrics import count_created, count_ended
from airflow_sm_pipelines.execution.recorded_job import end_recorded_job, superseded_step_error
from airflow_sm_pipelines.execution.records import Attempt
from airflow_sm_pipelines.execution.reused_job import NotReusableError, completed_again, described_again
from airflow_sm_pipelines.execution.step_run import AttemptName, StepRun, WaitingTask
from airflow_sm_pipelines.execution.triggers import JobTrigger
from airflow_sm_pipelines.execution.xcoms import publish_attempt, publish_properties, publish_status
from airflow_sm_pipelines.semantics.cache import CacheEntry
from airflow_sm_pipelines.semantics.readiness import StepStatus
from airflow_sm_pipelines.semantics.settling import settle_seconds

_STATUS = {Outcome.FAILED: StepStatus.FAILED, Outcome.STOPPED: StepStatus.STOPPED}
_SETTLE_INTERVAL = 2.0


def as_described(properties: Mapping[str, Json], members: Iterable[str]) -> JsonObject:
    """Return the request as a Describe response repeats it; right for most types.

    Args:
        properties: The Describe response as plain JSON.
        members: The members of the Create request.
    """
    return {name: properties[name] for name in members if name in properties}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTask(WaitingTask):
    """What the path needs of the operator whose task it runs.

    Attributes:
        kind: The row of the resource that the step creates.
        calls: The builder of the calls that create it.
        described_request: Returns the request that the Describe response shows, when another process has sent it.
            Takes the properties and the members of the Create request.
        complete_properties: Returns what the step publishes when its job has succeeded; may raise `StepFailedError` if
            the step has not. Takes the try and the Describe response as plain JSON.
        tell_success: Called when the step has succeeded with a job of its own. Takes the Describe response.
    """

    kind: ResourceKind
    calls: Callable[[StepStart], Calls[AwsCall | None]]
    described_request: Callable[[Mapping[str, Json], Iterable[str]], JsonObject] = as_described
    complete_properties: Callable[[StepRun, JsonObject], JsonObject] = lambda _, properties: properties
    tell_success: Callable[[JsonObject], None] = lambda _: None


class JobStep:
    """One try of a step's task.

    Args:
        task: The task.
        run: The try.
    """

    def __init__(self, task: JobTask, run: StepRun) -> None:
        self._task = task
        self._run = run
        self._client = run.client(task.kind.service)
        self._store = state_store(run.context)
        how, where = run.connection.as_arguments(), AwsPlace.of(self._client)
        self._book = AttemptBook(self._store, run.identity, task.kind, self._name_prefix, how, where)
        self._attempt: Attempt | None = None
        self._published = ""
        self._request_is_shown = False
        self._cache = run.cache()
        self._job = JobRun(
            identity=run.identity,
            kind=task.kind,
            client=self._client,
            logs_client=lambda: run.connection.client("logs"),
            book=self._book,
            end_former=lambda: end_recorded_job(self._store, run.step, run.log, self._pause),
            pause=self._pause,
            log=run.log,
            timeout=task.timeout,
            logs=task.waiting.logs,
        )

    def start(self) -> JsonObject:
        """Create the step's job, or find the one that an earlier try has created, and follow it to its end."""
        with self._ending_as_told():
            attempt, seen = self._job.claim()
            self._publish(attempt)
            self._run.go_on_with(attempt)
            if seen is None:
                with self._given_up_if_it_fails():
                    attempt, reused = self._reuse(attempt)
                    if reused is not None:
                        return reused
                    attempt = self._create(attempt)
            else:
                self._run.log.info("Found %s, created by an earlier try of this task", attempt.reference)
                attempt = self._job.submitted(attempt)
                self._show_described(self._job.properties(seen))
            self._take(attempt)
            waiting = self._task.waiting
            if waiting.deferrable:
                return self._follow(attempt, self._settle_seconds(), _SETTLE_INTERVAL)
            return self._follow(attempt, None, waiting.poll_interval)

    def _settle_seconds(self) -> float:
        return settle_seconds(
            self._task.waiting.settle,
            ends_within_seconds=self._task.kind.ends_within_seconds,
            endpoint_url=self._client.meta.endpoint_url,
        )

    def _reuse(self, attempt: Attempt) -> tuple[Attempt, JsonObject | None]:
        """Look for an earlier run's job whose result stands for the step.

        Returns:
            The attempt, which from now on says what its own job would be reused for; and what the step publishes if
            it needs no job.
        """
        if self._cache is None:
            return attempt, None
        signature = self._cache.signature_of_job(self._start_of(attempt))
        entry = self._cache.find(signature)
        if entry is not None:
            try:
                return attempt, self._reused(entry)
            except NotReusableError as error:
                self._cache.miss(str(error))
        return self._book.write(replace(attempt, signature=dict(signature))), None

    def _reused(self, entry: CacheEntry) -> JsonObject:
        kind = self._task.kind
        described = described_again(self._client, kind, entry, self._run)
        properties = completed_again(self._task.complete_properties, entry, self._run, described)
        self._show_request(self._task.described_request(described, self._create_members()))
        self._task.tell_reuse()
        if self._cache is not None:
            self._cache.hit(entry)
        return properties

    def _create(self, attempt: Attempt) -> Attempt:
        request = self._request(attempt)
        self._show_request(request)
        if self._run.kill_switch.is_flipped:  # since the gate: nothing has waited, so nothing has noticed
            raise KilledError
        submitted = self._job.submit(attempt, request)
        count_created(self._run.context, self._run.plan.step.type)
        return submitted

    @contextmanager
    def _given_up_if_it_fails(self) -> Iterator[None]:
        """End the attempt if its job cannot be created."""
        try:
            yield
        except AirflowTaskTimeout:  # the call may have reached AWS
            self._job.time_out(self._recorded())
        except StepError:
            self._job.abandon()
            raise
        except KilledError as killed:
            given_up = self._ended()
            if not isinstance(given_up, StepInterruptedError):
                self._job.abandon()
            raise given_up from killed

    def resume(self, event: Mapping[str, Json]) -> JsonObject:
        """Go on after a deferral; the trigger only wakes, what counts is what AWS says now.

        Args:
            event: What the trigger sent.
        """
        attempt = self._take(self._recorded())
        if "error" in event:
            self._run.log.warning("The triggerer could not look at %s: %s", attempt.reference, event["error"])
        with self._ending_as_told():
            seen = self._job.look(attempt)
            if seen is None or seen.outcome is Outcome.RUNNING:
                self._defer(attempt)
            if seen.outcome is Outcome.SUCCEEDED:  # the log of one that has failed is read anew
                self._job.tell_last_lines(event.get("log"))
            return self._conclude(attempt, seen)

    def time_out(self) -> JsonObject:
        """Stop the job of a deferral that took longer than ``execution_timeout``, unless it has ended meanwhile."""
        attempt = self._take(self._recorded())
        with self._ending_as_told():
            seen = self._job.look(attempt)
            if seen is None or seen.outcome is Outcome.RUNNING:
                self._job.time_out(attempt)
            return self._conclude(attempt, seen)

    def _publish(self, attempt: Attempt) -> None:
        if self._published != attempt.name:
            publish_attempt(self._run.context, attempt.name)
            self._published = attempt.name

    # -- the request -----------------------------------------------------------------------------------------------

    def _name_prefix(self) -> str | None:
        kind = self._task.kind
        named = None if kind.token_member else self._run.plan.step.arguments.get(kind.name_member)
        if named is None:
            return None
        place = f"Arguments.{kind.name_member}"
        prefix = str(self._run.resolve(named, place))
        try:
            if not kind.verbatim_name:
                check_prefix(prefix, kind.name_limit)
        except UnfitRequestError as error:
            raise RequestError(self._run.step, f"{place}: {error}") from error
        return prefix

    def _start_of(self, attempt: Attempt) -> StepStart:
        return self._run.start(AttemptName(attempt.name, attempt.token), self._task.kind)

    def _request(self, attempt: Attempt) -> JsonObject:
        creation = self._run.perform(self._task.calls(self._start_of(attempt)))
        if creation is None:
            raise TypeError(f"the calls of a {self._run.plan.step.type} step create nothing")
        return self._run.shaped(creation)

    def _show_request(self, request: JsonObject) -> None:
        self._request_is_shown = True
        self._task.show_request(request)

    def _show_described(self, properties: JsonObject) -> None:
        """Show what AWS says that it was given: another process has resolved the request."""
        self._show_request(self._task.described_request(properties, self._create_members()))

    # -- the wait --------------------------------------------------------------------------------------------------

    def _follow(self, attempt: Attempt, seconds: float | None, interval: float) -> JsonObject:
        try:
            seen = self._job.wait(attempt, seconds, interval)
        except AirflowTaskTimeout:
            self._job.time_out(attempt)
        if seen is None:
            self._defer(attempt)
        return self._conclude(attempt, seen)

    def _defer(self, attempt: Attempt) -> NoReturn:
        remaining = self._job.remaining(attempt)
        if remaining == timedelta(0):
            self._job.time_out(attempt)
        # Airflow refuses the deferral of a task that it has ended so, and tells nobody of it.
        if self._run.kill_switch.is_flipped or (self._run.is_fail_fast and self._run.is_given_up()[0]):
            raise KilledError
        self._publish(attempt)
        self._task.defer(
            trigger=JobTrigger(
                kind=self._task.kind.key,
                name=attempt.reference,
                connection=self._run.connection.as_arguments(),
                poll_interval=self._task.waiting.poll_interval,
                attempt=attempt.name,
                logs=self._task.waiting.logs,
            ),
            method_name="resume",
            timeout=remaining,
        )

    def _pause(self, seconds: float) -> None:
        if self._run.kill_switch.wait(seconds):
            raise KilledError

    @contextmanager
    def _ending_as_told(self) -> Iterator[None]:
        try:
            yield
        except KilledError as killed:
            raise self._ended() from killed

    def _ended(self) -> StepError:
        """Return the error with which a process ends that Airflow tells to: its task's state says what of the job."""
        given_up, state = self._run.is_given_up()
        if not given_up:
            goes_on = "" if self._attempt is None else "; the job goes on"
            return StepInterruptedError(self._run.step, f"the worker was told to end{goes_on}")
        if self._attempt is not None:
            self._job.stop(self._attempt)
        return StepError(self._run.step, f"its task was ended ({state}); {self._left()}")

    def _left(self) -> str:
        if self._attempt is None:
            return "it had created nothing"
        kind = self._task.kind
        return "its job was stopped" if kind.stop else f"its {kind.noun} is left as it is: it cannot be stopped"

    # -- the outcome -----------------------------------------------------------------------------------------------

    def _conclude(self, attempt: Attempt, seen: Observation) -> JsonObject:
        self._job.release(attempt)
        count_ended(self._run.context, self._run.plan.step.type, seen.outcome, self._job.age(attempt))
        properties = self._job.properties(seen)
        if not self._request_is_shown:
            self._show_described(properties)
        if seen.outcome is Outcome.SUCCEEDED:
            self._job.tell_summary(attempt, seen)
            succeeded = self._succeed(attempt, properties)
            self._keep(attempt, seen)
            self._task.tell_success(properties)
            return succeeded
        publish_properties(self._run.context, properties)
        publish_status(self._run.context, _STATUS[seen.outcome])
        raise self._job.conclude_failure(attempt, seen)

    def _create_members(self) -> Iterable[str]:
        try:
            members: Iterable[str] = input_shape(self._client, self._task.kind.create).members
        except AwsCallError as error:
            raise StepError(self._run.step, error.message) from error
        return members

    def _succeed(self, attempt: Attempt, properties: JsonObject) -> JsonObject:
        try:
            return self._task.complete_properties(self._run, properties)
        except StepFailedError as error:
            if error.exception_type is None:  # the step's own verdict; a busy AWS is asked again about the same job
                self._job.close(attempt)
            publish_properties(self._run.context, properties if error.properties is None else error.properties)
            publish_status(self._run.context, StepStatus.FAILED)
            raise

    def _keep(self, attempt: Attempt, seen: Observation) -> None:
        """Let later runs reuse the result."""
        if self._cache is not None and attempt.signature is not None:
            reference = seen.reference or attempt.reference
            self._cache.keep(attempt.signature, kind=self._task.kind.key, reference=reference)

    def _recorded(self) -> Attempt:
        attempt = self._book.read_parked()
        if attempt is not None and self._book.is_of_this_kind(attempt):
            return attempt
        if attempt is not None or self._book.is_of_another_step():
            raise superseded_step_error(self._store, self._run.step, self._run.log, self._pause)
        raise StepError(
            self._run.step,
            "its attempt record is gone from the task state store, so its job cannot be found; clear the task to "
            "start it afresh, and run `sm-pipelines stop-orphans` for the job that may be left",
        )

    def _take(self, attempt: Attempt) -> Attempt:
        self._attempt = attempt
        self._run.go_on_with(attempt)
        return attempt
