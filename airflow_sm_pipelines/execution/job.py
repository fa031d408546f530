"""One AWS job for one step: claim the attempt, create or adopt the job, wait, tell the outcome.

Runs in the worker. It knows neither Airflow's context nor its exceptions: everything it touches is handed in, so
that crashes between any two calls can be tried against a model of AWS.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.failures import exception_type_of_reason, who_stopped
from airflow_sm_pipelines.aws.job_facts import facts_of, phases_of, state_in_words
from airflow_sm_pipelines.aws.jobs import Observation, Outcome
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.log_events import has_log_of_its_own
from airflow_sm_pipelines.aws.properties import plain_properties
from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.aws.requests.tags import owner_of
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import AwsCallError, StepFailedError, StepTimeoutError
from airflow_sm_pipelines.execution.attempts import AttemptBook
from airflow_sm_pipelines.execution.identity import StepIdentity
from airflow_sm_pipelines.execution.job_log import JobLog
from airflow_sm_pipelines.execution.leftovers import remove_leftovers
from airflow_sm_pipelines.execution.records import Attempt
from airflow_sm_pipelines.semantics.failure_messages import with_log_lines
from airflow_sm_pipelines.semantics.job_summary import error_lines, summary_lines
from airflow_sm_pipelines.semantics.log_lines import LOOK_SECONDS, pause_between_looks

if TYPE_CHECKING:
    from botocore.client import BaseClient


_FIRST_PAUSE = 0.5
_LONGEST_PAUSE_IN_THE_WAY = 15.0
_VISIBLE_WITHIN = timedelta(seconds=60)
_REMOVAL_PATIENCE = 180.0
_PATIENCE_OF_A_KILL = 30.0
_READ_LINES, _LAST_LINES = 100, 20
"""How many lines of a failed job's log are searched for errors, and how many of them are shown in any case."""


class JobRun:
    """The job of one step in one try.

    Args:
        identity: Which step, execution and epoch.
        kind: The row of its resource.
        client: boto3 client of the kind's service.
        logs_client: Returns a boto3 client for CloudWatch Logs; called only when a log is to be read.
        book: The attempt record.
        pause: Waits some seconds, or raises if the process is told to end.
        log: Where to say what happens.
        end_former: Stops the job of the last attempt, if the step was of another type then; returns what became of it.
        timeout: How long a job may take from its creation; ``None`` for no limit.
        logs: Whether to log what the job writes to CloudWatch while this process waits for it.
        now: The present time in UTC.
    """

    def __init__(
        self,
        *,
        identity: StepIdentity,
        kind: ResourceKind,
        client: BaseClient,
        logs_client: Callable[[], BaseClient],
        book: AttemptBook,
        pause: Callable[[float], None],
        log: Log,
        end_former: Callable[[], str] = lambda: "",
        timeout: timedelta | None = None,
        logs: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._identity = identity
        self._kind = kind
        self._client = client
        self._logs_client = logs_client
        self._book = book
        self._pause = pause
        self._log = log
        self._end_former = end_former
        self._timeout = timeout
        self._logs = logs
        self._now = now
        self._last_status = ""
        self._log_due = LOOK_SECONDS

    # -- claim -----------------------------------------------------------------------------------------------------

    def claim(self) -> tuple[Attempt, Observation | None]:
        """Take the attempt this try works on, written down; stop what an earlier attempt left running.

        Returns:
            The attempt, and its job if a try before this one has created it already.
        """
        last = self._book.read_former()
        if last is not None and not self._book.is_of_this_kind(last):
            self._log.info("The step had another type when its last attempt was made; %s", self._end_former())
            return self._book.open_next(None, self._now()), None
        if last is not None and self._book.is_current(last):
            seen = self._look(last.reference) if last.reference and not self._book.is_followed(last) else None
            if not last.closed:
                return (replace(last, reference=seen.reference) if seen and seen.reference else last), seen
            if seen is not None:
                # Airflow did not hear of its failure: its API server was away, or the worker died.
                return last, seen
        # A closed attempt's job has ended, or was told to stop and takes its time.
        if last is not None and last.reference and (last.closed or not self._book.is_current(last)):
            self._stop_leftover(last.reference)
        if self._book.may_have_lost_record(last):
            for name in list(self._lost_jobs()):
                self._stop_leftover(name)
        return self._book.open_next(last, self._now()), None

    def _stop_leftover(self, name: str) -> None:
        """Stop the job of an earlier attempt and wait for its end: until then it may write the same outputs."""
        if self._ask(jobs.stop, name):
            self._log.info("Stopping %s %s, left by an earlier attempt", self._kind.noun, name)
            pauses = _growing_pauses(10.0)
            while (seen := self._look(name)) is not None and seen.outcome is Outcome.RUNNING:
                self._pause(next(pauses))
        self._remove_leftovers(name)

    def _lost_jobs(self) -> Iterator[str]:
        """Find running jobs of this very task whose record Airflow discarded."""
        stem = self._book.leftover_stem()
        for name, arn in self._listed(stem):
            owner = owner_of(self._tags(arn))
            if owner is not None and owner.is_same_task(self._identity.owner):
                yield name

    def _listed(self, stem: str) -> list[tuple[str, str]]:
        try:
            return list(jobs.running(self._client, self._kind, stem))
        except AwsCallError as error:
            raise self._refused(error) from error

    # -- submit ----------------------------------------------------------------------------------------------------

    def submit(self, attempt: Attempt, request: Body) -> Attempt:
        """Create the attempt's job; one that exists already is ours.

        Raises:
            StepFailedError: AWS refused the request. The attempt stays open, since botocore may have sent the
                request more than once: the next try looks for the job before it creates it.
        """
        expected = jobs.expected_reference(self._kind, request, attempt.name)
        if expected != attempt.reference:
            attempt = self._book.write(replace(attempt, reference=expected))
        pauses = _growing_pauses(_LONGEST_PAUSE_IN_THE_WAY)
        while (answer := self._ask(jobs.create, request)) is None:
            self._log.info("Waiting for an earlier change of the same %s to end", self._kind.noun)
            self._pause(next(pauses))
        self._log.info("%s %s %s", self._kind.made if answer.is_new else "Found", self._kind.noun, answer.reference)
        return self.submitted(replace(attempt, reference=answer.reference, arn=answer.arn))

    def submitted(self, attempt: Attempt) -> Attempt:
        """Write down that AWS has the job, and since when."""
        if attempt.submitted_at:
            return attempt
        return self._book.write(replace(attempt, submitted_at=self._now().isoformat()))

    # -- wait ------------------------------------------------------------------------------------------------------

    def wait(self, attempt: Attempt, seconds: float | None, interval: float) -> Observation | None:
        """Poll until the job has ended.

        Args:
            attempt: A submitted attempt.
            seconds: How long at most; ``None`` for as long as it takes.
            interval: Longest pause between two looks, in seconds.

        Returns:
            The last look at the ended job, ``None`` if it still ran when the time was over.

        Raises:
            StepTimeoutError: The job took longer than the timeout, and was stopped.
        """
        pauses, waited = _growing_pauses(interval), 0.0
        log = self._log_of(attempt)
        while True:
            seen = self.look(attempt)
            if seen is not None and seen.outcome is not Outcome.RUNNING:
                if waited and seen.outcome is Outcome.SUCCEEDED:  # the log of one that has failed is read anew
                    self._tell_new_lines(log)
                return seen
            if self.remaining(attempt) == timedelta(0):
                self.time_out(attempt)
            pause = next(pauses)
            if seconds is not None and waited + pause > seconds:
                return None
            if waited >= self._log_due:
                self._tell_new_lines(log)
                self._log_due = waited + pause_between_looks(interval)
            self._pause(pause)
            waited += pause

    def _log_of(self, attempt: Attempt) -> JobLog | None:
        follows = self._logs and has_log_of_its_own(self._kind)
        return JobLog(self._logs_client, self._kind, attempt.reference) if follows else None

    def _tell_new_lines(self, log: JobLog | None) -> None:
        for line in log.new_lines() if log else ():
            self._log.info("%s", line)

    def tell_last_lines(self, lines: Json) -> None:
        """Log again the last lines that the trigger has logged: its own log may be lost.

        Args:
            lines: What the trigger's event holds of them; an older version's holds nothing.
        """
        told = [str(line) for line in lines] if isinstance(lines, list) else []
        for line in ("The last lines that the job wrote while this task was deferred:", *told) if told else ():
            self._log.info("%s", line)

    def look(self, attempt: Attempt) -> Observation | None:
        """Look once; ``None`` if there is nothing to see yet, or AWS is busy.

        Raises:
            StepFailedError: The job does not exist any more, or AWS refuses to tell.
        """
        try:
            seen = jobs.observe(self._client, self._kind, attempt.reference)
        except AwsCallError as error:
            if error.exception_type is None:
                raise self._refused(error, attempt.reference) from error
            self._say(f"{error.code}, will look again")
            return None
        if seen is None and self.age(attempt) > _VISIBLE_WITHIN:
            self._book.close(attempt)
            raise self._failure(f"the {self._kind.noun} {attempt.reference} does not exist any more", attempt.reference)
        self._say(state_in_words(self._kind, seen.status, seen.description) if seen else "not visible yet")
        return seen

    def _say(self, status: str) -> None:
        if status != self._last_status:
            self._last_status = status
            noun = self._kind.noun
            self._log.info("%s: %s", f"{noun[0].upper()}{noun[1:]}", status)

    def remaining(self, attempt: Attempt) -> timedelta | None:
        """Return how long the job may still take; zero when its time is over, ``None`` without a limit."""
        if self._timeout is None:
            return None
        return max(self._timeout - self.age(attempt), timedelta(0))

    def age(self, attempt: Attempt) -> timedelta:
        """Return the time since the job was created."""
        return self._now() - datetime.fromisoformat(attempt.submitted_at)

    # -- outcome ---------------------------------------------------------------------------------------------------

    def time_out(self, attempt: Attempt) -> NoReturn:
        """Stop a job that took too long.

        Raises:
            StepTimeoutError: Always.
        """
        self._ask(jobs.stop, attempt.reference)
        self._book.close(attempt)
        self._remove_leftovers(attempt.reference)
        what = attempt.reference or attempt.name
        raise StepTimeoutError(
            self._identity.step,
            f"the {self._kind.noun} {what} took longer than execution_timeout ({self._timeout}) "
            f"and {'was stopped' if self._kind.stop else 'goes on: it cannot be stopped'}",
        )

    def stop(self, attempt: Attempt) -> bool:
        """Stop the job because nobody wants it any more; tell whether there was something to stop."""
        stopped = bool(self._ask(jobs.stop, attempt.reference))
        # The process was told to end: `pause` would only say so again.
        self._remove_leftovers(attempt.reference, time.sleep, _PATIENCE_OF_A_KILL)
        return stopped

    def release(self, attempt: Attempt) -> None:
        """Remove what the ended job leaves behind."""
        self._remove_leftovers(attempt.reference)

    def abandon(self) -> None:
        """Give up an attempt whose job was not created, if something has been made for it already; remove that."""
        attempt = self._book.read() if self._kind.leaves_behind else None
        if attempt is not None:
            self._book.close(attempt)
            self._remove_leftovers(attempt.reference, time.sleep, _PATIENCE_OF_A_KILL)

    def _remove_leftovers(
        self, reference: str, pause: Callable[[float], None] | None = None, patience: float = _REMOVAL_PATIENCE
    ) -> None:
        why = remove_leftovers(self._client, self._kind, reference, pause or self._pause, patience)
        if why:  # the job's outcome is the news
            self._log.warning("%s; `sm-pipelines stop-orphans` removes it later", why)

    def close(self, attempt: Attempt) -> None:
        """Give the attempt up: the next try makes a new job."""
        self._book.close(attempt)

    def properties(self, seen: Observation) -> JsonObject:
        """Return the step's properties from the last look at its job."""
        return plain_properties(seen.description)

    def conclude_failure(self, attempt: Attempt, seen: Observation) -> StepFailedError:
        """Close the attempt of a job that ended badly, and return the error that says why."""
        self._book.close(attempt)
        stopped = who_stopped(seen.description, self._kind.stop) if seen.outcome is Outcome.STOPPED else ""
        reason = seen.reason or stopped or "AWS gives no reason"
        read = self._last_log_lines(attempt.reference)
        wrong, last = error_lines(read), read[-_LAST_LINES:]
        for line in (f"Errors in the log of {attempt.reference}:", *wrong) if wrong else ():
            self._log.error("%s", line)
        self.tell_summary(attempt, seen)
        ended = f"the {self._kind.noun} {attempt.reference} ended {seen.status}: {reason}"
        message = with_log_lines(ended, last, () if set(wrong) <= set(last) else wrong)
        exception_type = exception_type_of_reason(seen.reason)
        return self._failure(
            message, attempt.reference, None if exception_type in self._kind.unretried else exception_type
        )

    def tell_summary(self, attempt: Attempt, seen: Observation) -> None:
        """Log what people ask about an ended job; makes no call to AWS."""
        facts, phases = facts_of(self._kind, seen.description), phases_of(self._kind, seen.description)
        for line in summary_lines(self._kind.noun, attempt.reference, seen.status, facts, phases):
            self._log.info("%s", line)

    def _last_log_lines(self, name: str) -> list[str]:
        try:
            return jobs.last_log_lines(self._logs_client(), self._kind, name, _READ_LINES)
        except AwsCallError as error:  # the failure of the job is the news, not that of its log
            return [f"(cannot read the log: {error})"]

    # -- calls -----------------------------------------------------------------------------------------------------

    def _look(self, name: str) -> Observation | None:
        seen: Observation | None = self._ask(jobs.observe, name)
        return seen

    def _ask(self, question: Callable[[Any, ResourceKind, Any], Any], subject: Any) -> Any:
        try:
            return question(self._client, self._kind, subject)
        except AwsCallError as error:
            raise self._refused(error) from error

    def _tags(self, arn: str) -> list[Mapping[str, str]]:
        tags: list[Mapping[str, str]] = self._ask(jobs.tags, arn)
        return tags

    def _refused(self, error: AwsCallError, job: str | None = None) -> StepFailedError:
        then = f"{job} may still run, a new try will find it" if job else ""
        return StepFailedError.of_refusal(self._identity.step, error, then=then, job=job)

    def _failure(self, message: str, job: str | None, exception_type: str | None = None) -> StepFailedError:
        return StepFailedError(self._identity.step, message, exception_type=exception_type, job=job)


def _growing_pauses(longest: float) -> Iterator[float]:
    pause = _FIRST_PAUSE
    while True:
        yield min(pause, longest)
        pause *= 1.5
