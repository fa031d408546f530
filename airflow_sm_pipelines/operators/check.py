"""What the QualityCheck and ClarifyCheck steps share; runs in the worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from airflow_sm_pipelines.aws.baselines import latest_approved, registered_baseline
from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.aws.check_reports import UnreadableReportError, in_words, read_violations
from airflow_sm_pipelines.aws.check_types import CHECK_TYPES, VIOLATIONS_FILE, Baseline, CheckType
from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.aws.requests.check_jobs import (
    CheckRequestError,
    checked_against,
    output_folder,
    with_baseline,
)
from airflow_sm_pipelines.aws.s3_objects import NoObjectUriError
from airflow_sm_pipelines.errors import RequestError, StepError, StepFailedError
from airflow_sm_pipelines.operators.base import JobOperator
from airflow_sm_pipelines.semantics.baselines import CheckRule, check_rule


class CheckOperator(JobOperator):
    """Runs the processing job that calculates a baseline and, if asked to, checks the data against the previous one.

    What the job was told to check against is read from the job itself when it has ended: another version may have been
    approved meanwhile.
    """

    kind = PROCESSING_JOB
    ui_color = "#e1dcf0"

    def complete_request(self, request: dict[str, Any], client: Any) -> dict[str, Any]:
        """Add the baseline to check against.

        Raises:
            StepFailedError: There is none, or AWS refused a call.
            RequestError: The request has no place for it, or a flag is no boolean.
        """
        members = self.members()
        with self._faults("cannot prepare its job"):
            output_folder(request)  # where its results will be: to be known before the job costs anything
            request = self.complete_inputs(request, members)
            if not self._rule(members).checks_drift:
                return request
            previous = self._previous(members, client)
            if not previous.constraints:
                raise StepFailedError(self.plan.step.name, self._missing_baseline(members))
            self.log.info("Checks against %s", previous.constraints)
            return with_baseline(request, previous)

    def complete_inputs(self, request: dict[str, Any], members: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request with what this type of check adds to its inputs.

        Args:
            request: The resolved request.
            members: The type's own members at step level, resolved.
        """
        return request

    def complete_properties(self, properties: dict[str, Any], client: Any) -> dict[str, Any]:
        """Return the S3 URIs of the baselines, when the check has found no violation or may find some.

        Raises:
            StepFailedError: There are violations, and the step is to fail then; or AWS refused a call.
        """
        members = self.members()
        with self._faults("cannot tell the outcome of its job", StepFailedError):
            folder = output_folder(properties)
            checked = checked_against(properties)
            rule = self._rule(members)
            previous = self._previous(members, client) if rule.carries_over else checked
            if rule.carries_over and not previous:
                self.log.warning(
                    "There is no previous baseline to carry over: BaselineUsedForDriftCheck… has no value in this run"
                )
            calculated = self._check_type.calculated_baseline(folder)
            published = {
                **_named("CalculatedBaseline", calculated),
                **_named("BaselineUsedForDriftCheck", rule.published_baseline(previous, calculated)),
            }
            if checked:
                self._judge(f"{folder.rstrip('/')}/{VIOLATIONS_FILE}", members, properties, published)
            return published

    # -- the check -------------------------------------------------------------------------------------------------

    @property
    def _check_type(self) -> CheckType:
        return CHECK_TYPES[str(self.plan.step.members["CheckType"])]

    def _rule(self, members: Mapping[str, Any]) -> CheckRule:
        return check_rule(
            skip_check=self._flag(members, "SkipCheck", default=False),
            register_new_baseline=self._flag(members, "RegisterNewBaseline", default=False),
        )

    def _flag(self, members: Mapping[str, Any], name: str, *, default: bool) -> bool:
        value = members.get(name)
        if value is None:
            return default
        flags = {"true": True, "false": False}
        known = value if isinstance(value, bool) else flags.get(str(value).strip().casefold())
        if known is None:
            raise RequestError(self.plan.step.name, f"{name} is true or false, not {value!r}")
        return known

    def _previous(self, members: Mapping[str, Any], client: Any) -> Baseline:
        """Return the baseline given with the step, else that of the group's latest approved version; or an empty one.

        A baseline is taken as a whole: a file of the one is never paired with a file of the other.
        """
        supplied = _supplied(members)
        group = members.get("ModelPackageGroupName")
        if supplied or not group:
            return supplied
        package = latest_approved(client, str(group))
        if package is None:
            return Baseline()
        self.log.info("The latest approved version of %s is %s", group, package)
        return registered_baseline(client, package, self._check_type)

    def _missing_baseline(self, members: Mapping[str, Any]) -> str:
        group = members.get("ModelPackageGroupName")
        if _supplied(members):
            where = "SuppliedBaselineStatistics is given without SuppliedBaselineConstraints"
        elif group:
            place = f"DriftCheckBaselines.{self._check_type.section}.{self._check_type.constraints_member}"
            where = f"none is supplied, and model package group {group} has no approved version whose {place} names one"
        else:
            where = "neither SuppliedBaselineConstraints nor a ModelPackageGroupName is given"
        return (
            f"there is no previous baseline to check against ({where}); no job was started. A first run has none: set "
            "SkipCheck and RegisterNewBaseline to true for it, and approve the version that it registers"
        )

    def _judge(
        self, report: str, members: Mapping[str, Any], description: Mapping[str, Any], published: dict[str, Any]
    ) -> None:
        created = datetime.fromisoformat(str(description["CreationTime"]))
        violations = read_violations(self.connection.client("s3"), report, created)
        if violations is None:
            # AWS documents the report for violations only, and ExitMessage as the job's own verdict.
            verdict = str(description.get("ExitMessage", ""))
            if not verdict.startswith("CompletedWithViolations"):
                self.log.warning("The job has written no %s: taken as no violations. %s", report, verdict)
                return
            lines = [verdict]
        elif violations:
            lines = in_words(violations)
        else:
            self.log.info("No violations of the previous baseline: %s", report)
            return
        found = f"violations of the previous baseline: {len(violations) if violations else 'not counted'}, see {report}"
        message = "\n".join([found, *(f"    {line}" for line in lines)])
        if not self._flag(members, "FailOnViolation", default=True):
            self.log.warning("%s\nThe step succeeds, since its FailOnViolation is false", message)
            return
        raise StepFailedError(self.plan.step.name, message, job=_job_name(description), properties=published)

    @contextmanager
    def _faults(self, what: str, error_of_files: type[StepError] = RequestError) -> Iterator[None]:
        """Turn what goes wrong with the check's files and the registry into an error of the step."""
        step = self.plan.step.name
        try:
            yield
        except CallRefusedError as error:
            raise StepFailedError(step, f"{what}: {error.in_words()}", exception_type=error.exception_type) from error
        except (CheckRequestError, NoObjectUriError) as error:
            raise error_of_files(step, f"{what}: {error}") from error
        except UnreadableReportError as error:
            raise StepFailedError(step, f"{what}: {error}") from error


def _supplied(members: Mapping[str, Any]) -> Baseline:
    """The baseline given with the step; a null or an empty text is none."""
    constraints, statistics = (members.get(f"SuppliedBaseline{name}") or "" for name in ("Constraints", "Statistics"))
    return Baseline(str(constraints), str(statistics))


def _named(prefix: str, baseline: Baseline) -> dict[str, str]:
    """The properties of a baseline: a file that it lacks has none, so that a reference to it says so."""
    files = {"Constraints": baseline.constraints, "Statistics": baseline.statistics}
    return {f"{prefix}{name}": uri for name, uri in files.items() if uri}


def _job_name(description: Mapping[str, Any]) -> str | None:
    name = description.get(PROCESSING_JOB.name_member)
    return None if name is None else str(name)
