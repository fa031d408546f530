"""Applications and job runs, and their states."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.settings import ACCOUNT_ID

_ID_ALPHABET = string.ascii_lowercase + string.digits
_ID_LENGTH = 16
_TRANSITION = timedelta(seconds=0.2)
"""How long an application takes to be created, to start and to stop."""

_SETTLES: Mapping[str, str] = {"CREATING": "CREATED", "STARTING": "STARTED", "STOPPING": "STOPPED"}
LIVE_RUNS = frozenset({"SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "CANCELLING", "QUEUED"})


@dataclass(frozen=True, slots=True)
class ServerlessApplication:
    """One application at one moment; times are in UTC.

    Attributes:
        id: Its id.
        region: Its region.
        request: The CreateApplication request.
        entered: The state that it entered last; ``state`` is where it is now.
        created: When it was created.
        updated: When it entered that state.
        tags: Its tags.
    """

    id: str
    region: str
    request: Document
    entered: str
    created: datetime
    updated: datetime
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """The application's ARN."""
        return f"arn:aws:emr-serverless:{self.region}:{ACCOUNT_ID}:/applications/{self.id}"

    @property
    def state(self) -> str:
        """Its state now: what it was on its way to, after a moment."""
        if self.entered in _SETTLES and datetime.now(UTC) - self.updated >= _TRANSITION:
            return _SETTLES[self.entered]
        return self.entered


@dataclass(frozen=True, slots=True)
class ServerlessRun:
    """One job run at one moment; times are in UTC.

    Attributes:
        id: Its id.
        application: Its application's id.
        region: Its region.
        request: The StartJobRun request.
        state: Its state.
        created: When it was created.
        updated: When its state changed last.
        details: ``stateDetails``.
        tags: Its tags.
        ended: When it ended.
    """

    id: str
    application: str
    region: str
    request: Document
    state: str
    created: datetime
    updated: datetime
    details: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    ended: datetime | None = None

    @property
    def arn(self) -> str:
        """The job run's ARN."""
        place = f"/applications/{self.application}/jobruns/{self.id}"
        return f"arn:aws:emr-serverless:{self.region}:{ACCOUNT_ID}:{place}"


class ServerlessTable:
    """All applications and job runs. Safe for use by many threads; what it hands out never changes."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._applications: dict[str, ServerlessApplication] = {}
        self._runs: dict[str, ServerlessRun] = {}
        self._tokens: dict[tuple[str, ...], tuple[Document, str]] = {}

    def count(self) -> dict[str, int]:
        """Return how many job runs there are in each state."""
        with self._lock:
            states = [run.state for run in self._runs.values()]
        return {state: states.count(state) for state in sorted(set(states))}

    # -- applications ----------------------------------------------------------------------------------------------

    def create_application(
        self, region: str, request: Document, state: str = "CREATING", application_id: str = ""
    ) -> ServerlessApplication:
        """Add an application, or return the one that was made for the same token.

        Raises:
            AwsError: ``ConflictException``: the token was used for another request.
        """
        with self._lock:
            token = ("application", region, request["clientToken"])
            if known := self._known(token, request):
                return self._applications[known]
            now = datetime.now(UTC)
            name = application_id or _new_id()
            application = ServerlessApplication(name, region, request, state, now, now, tags=request.get("tags", {}))
            self._applications[name] = application
            self._tokens[token] = (request, name)
            return application

    def application(self, region: str, application_id: str) -> ServerlessApplication:
        """Return an application as it is now.

        Raises:
            AwsError: ``ResourceNotFoundException``: there is none.
        """
        with self._lock:
            found = self._applications.get(application_id)
        if found is None or found.region != region:
            raise _not_found(f"Application {application_id} does not exist")
        return found

    def has_application(self, region: str, application_id: str) -> bool:
        """Tell whether there is such an application."""
        with self._lock:
            return application_id in self._applications and self._applications[application_id].region == region

    def applications(self, region: str) -> list[ServerlessApplication]:
        """Return all applications of a region, the newest first."""
        with self._lock:
            found = [one for one in self._applications.values() if one.region == region]
        return found[::-1]

    def move(self, region: str, application_id: str, allowed: frozenset[str], state: str) -> None:
        """Let an application enter a state.

        Raises:
            AwsError: ``ValidationException``: it is in a state from which it cannot.
        """
        with self._lock:
            application = self.application(region, application_id)
            if application.state not in allowed:  # the text is assumed
                raise validation_error(f"Application {application_id} is in state {application.state}")
            if state in ("STOPPING", "TERMINATED") and self.runs(region, application_id, LIVE_RUNS):
                raise validation_error(f"Application {application_id} has job runs that have not ended")
            moved = replace(application, entered=state, updated=datetime.now(UTC))
            self._applications[application_id] = moved

    # -- job runs --------------------------------------------------------------------------------------------------

    def start_run(self, region: str, request: Document) -> tuple[bool, ServerlessRun]:
        """Add a job run, or return the one that was started for the same token; whether it is new.

        Raises:
            AwsError: The application is not there or cannot run anything, or the token was used for another request.
        """
        with self._lock:
            application = self.application(region, request["applicationId"])
            token = ("run", region, application.id, request["clientToken"])
            if known := self._known(token, request):
                return False, self._runs[known]
            if application.state not in ("CREATED", "STARTING", "STARTED", "STOPPED"):
                raise validation_error(f"Application {application.id} is in state {application.state}")
            if application.state in ("CREATED", "STOPPED"):
                self.move(region, application.id, frozenset({"CREATED", "STOPPED"}), "STARTING")
            now, tags = datetime.now(UTC), request.get("tags", {})
            run = ServerlessRun(_new_id(), application.id, region, request, "SUBMITTED", now, now, tags=tags)
            self._runs[run.id] = run
            self._tokens[token] = (request, run.id)
            return True, run

    def run(self, region: str, application_id: str, run_id: str) -> ServerlessRun:
        """Return a job run as it is now.

        Raises:
            AwsError: ``ResourceNotFoundException``: there is none.
        """
        with self._lock:
            found = self._runs.get(run_id)
        if found is None or (found.region, found.application) != (region, application_id):
            raise _not_found(f"Job run {run_id} of application {application_id} does not exist")
        return found

    def runs(self, region: str, application_id: str, states: frozenset[str] = frozenset()) -> list[ServerlessRun]:
        """Return the job runs of an application, the newest first, all or those in some states."""
        with self._lock:
            found = [
                run
                for run in self._runs.values()
                if (run.region, run.application) == (region, application_id) and (not states or run.state in states)
            ]
        return found[::-1]

    def change_run(self, run_id: str, state: str, details: str = "") -> None:
        """Let a job run enter a state; one that is being cancelled ends CANCELLED, and one that has ended stays so."""
        with self._lock:
            run = self._runs[run_id]
            if run.state not in LIVE_RUNS or (run.state == "CANCELLING" and state in LIVE_RUNS):
                return
            if run.state == "CANCELLING":
                state, details = "CANCELLED", "The job run was cancelled"
            now = datetime.now(UTC)
            ended = now if state not in LIVE_RUNS else None
            self._runs[run_id] = replace(run, state=state, details=details, updated=now, ended=ended)
            application = self._applications[run.application]
            if state == "RUNNING" and application.state == "STARTING":  # nothing runs on what has not started
                self._applications[application.id] = replace(application, entered="STARTED", updated=now)

    # -- tags ------------------------------------------------------------------------------------------------------

    def tags(self, arn: str) -> Mapping[str, str]:
        """Return the tags of an application or a job run.

        Raises:
            AwsError: ``ResourceNotFoundException``: there is neither.
        """
        return self._tagged(arn).tags

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Replace the tags of an application or a job run."""
        with self._lock:
            found = self._tagged(arn)
            if isinstance(found, ServerlessApplication):
                self._applications[found.id] = replace(found, tags=tags)
            else:
                self._runs[found.id] = replace(found, tags=tags)

    def _tagged(self, arn: str) -> ServerlessApplication | ServerlessRun:
        with self._lock:
            everything: list[ServerlessApplication | ServerlessRun] = [
                *self._applications.values(),
                *self._runs.values(),
            ]
        found = next((one for one in everything if one.arn == arn), None)
        if found is None:
            raise _not_found(f"Resource {arn} does not exist")
        return found

    def _known(self, token: tuple[str, ...], request: Document) -> str:
        before, name = self._tokens.get(token, (request, ""))
        if before != request:
            raise AwsError("ConflictException", "The client token was used for a different request", 409)
        return name


def _not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, 404)


def _new_id() -> str:
    return "00" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH - 2))
