"""Job runs of Amazon EMR Serverless, in an existing application or in one that is created for the run alone.

StartJobRun and CreateApplication take the attempt's name as their client token, so that sending them twice has no
effect. The service assigns the ids. Both names end with the attempt's, so a reference may contain it instead of an id:

- ``00f1APPLICATION/00g2RUN`` once both ids are known;
- ``00f1APPLICATION/pipelines-…`` before the run's id is known;
- ``pipelines-…`` before the id of the run's own application is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_sm_pipelines.aws.calls import Body, call, find, pages
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.protocols.base import Creation, Observation, ResourceProtocol
from airflow_sm_pipelines.errors import AwsCallError

_PAGE = 50
_CHANGING = frozenset({"CREATING", "STARTING", "STOPPING"})
_DELETABLE = frozenset({"CREATED", "STOPPED"})
_GONE = "TERMINATED"
_LIVE_APPLICATIONS = ["CREATING", "CREATED", "STARTING", "STARTED", "STOPPING", "STOPPED"]


class EmrServerlessProtocol(ResourceProtocol):
    """The protocol of job runs, and of the applications that are created for one run and outlive it."""

    def create(self, request: Body) -> Creation | None:
        """Start a job run; ``None`` as long as its own application is not ready."""
        application = request["applicationId"]
        if self.kind.leaves_behind and self._application_state(application) in _CHANGING:
            return None
        answer = call(self.client, self.kind.create, request)
        return Creation(True, f"{application}/{answer['jobRunId']}", str(answer.get(self.kind.arn_member, "")))

    def observe(self, reference: str) -> Observation | None:
        """Return the state of a job run, ``None`` if it does not exist."""
        application, run = self._ids(reference)
        request = self.key_members(f"{application}/{run}")
        description = find(self.client, self.kind.describe, request) if run else None
        if description is None:
            return None
        found = description[self.kind.status_member]
        state = found["state"]
        reason = "" if state in self.kind.succeeded else str(found.get("stateDetails", ""))
        return Observation(state, self.outcome(state), reason, description, f"{application}/{run}")

    def key_members(self, reference: str) -> dict[str, str]:
        """Return the ids of application and run, of which a reference must consist."""
        application, _, run = reference.partition("/")
        return {"applicationId": application, "jobRunId": run}

    def remove(self, reference: str) -> bool:
        """Advance the clean-up of a run's own application by one step.

        An application can be deleted when it is stopped, and stopped when no run is live (API reference,
        StopApplication and DeleteApplication).
        """
        application = self._application_id(reference) if self.kind.leaves_behind else ""
        state = self._application_state(application) if application else _GONE
        if state == _GONE:
            return False
        if state in _CHANGING:
            return True
        if state in _DELETABLE:
            call(self.client, "DeleteApplication", {"applicationId": application})
            return False
        live = list(self._live_runs(application))
        for run in live:
            self.stop(f"{application}/{run['id']}")
        if not live:
            call(self.client, "StopApplication", {"applicationId": application})
        return True

    def running(self, name_contains: str = "") -> Iterator[tuple[str, str]]:
        """Yield reference and ARN of the live runs, or of the applications that were created for one run.

        A run in an application of its own is left out: it ends with its application.
        """
        for application in list(self._live_applications()):
            attempt = _attempt_of(application)
            if self.kind.leaves_behind:
                if name_contains in attempt and _is_attempt(attempt):
                    yield attempt, str(application["arn"])
                continue
            for run in self._live_runs(application["id"]):
                own = _attempt_of(run)
                if name_contains in own and own != attempt and _is_attempt(own):
                    yield f"{application['id']}/{own}", str(run["arn"])

    def tags(self, arn: str) -> list[Mapping[str, str]]:
        """Return the tags of a run or an application."""
        found = call(self.client, "ListTagsForResource", {"resourceArn": arn}).get("tags", {})
        return [{"Key": key, "Value": value} for key, value in found.items()]

    def _ids(self, reference: str) -> tuple[str, str]:
        """Return the ids of application and run; empty ones for what does not exist."""
        application, run = self._application_id(reference), reference.rpartition("/")[2]
        if not application:
            return "", ""
        if not _is_attempt(run):
            return application, run
        try:
            runs = self._list(self.kind.list, {"applicationId": application}, self.kind.summaries_member)
            return application, next((str(one["id"]) for one in runs if _attempt_of(one) == run), "")
        except AwsCallError as error:
            if says_absent(error.code, error.message):
                return application, ""
            raise

    def _application_id(self, reference: str) -> str:
        first = reference.partition("/")[0]
        if not _is_attempt(first):
            return first
        return next((str(one["id"]) for one in self._live_applications() if _attempt_of(one) == first), "")

    def _application_state(self, application: str) -> str:
        answer = find(self.client, "GetApplication", {"applicationId": application})
        return _GONE if answer is None else str(answer["application"]["state"])

    def _live_applications(self) -> Iterator[Body]:
        return self._list("ListApplications", {"states": _LIVE_APPLICATIONS}, "applications")

    def _live_runs(self, application: str) -> Iterator[Body]:
        request = {"applicationId": application, "states": list(self.kind.running_states)}
        return self._list(self.kind.list, request, self.kind.summaries_member)

    def _list(self, operation: str, request: Body, entries: str) -> Iterator[Body]:
        return pages(self.client, operation, {**request, "maxResults": _PAGE}, entries, "nextToken")


def _attempt_of(entry: Body) -> str:
    """Return the last word of the name of a run or an application: of ours, the attempt's name."""
    return str(entry.get("name", "")).rpartition(" ")[2].rpartition("/")[2]


def _is_attempt(part: str) -> bool:
    """Tell whether a part of a reference or name is the name of an attempt: ids have no hyphens."""
    return "-" in part
