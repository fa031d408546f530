"""The QualityCheck and ClarifyCheck steps.

What they share: a processing job that calculates a baseline and, if asked to, checks the data against the previous one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.check_reports import UnreadableReportError, in_words, read_violations
from airflow_sm_pipelines.aws.check_types import CHECK_TYPES, VIOLATIONS_FILE, Baseline
from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.aws.requests.check_jobs import (
    checked_against,
    flag,
    output_folder,
    previous_baseline,
    rule_of,
)
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import AwsCallError, RequestError, StepFailedError, UnfitRequestError
from airflow_sm_pipelines.operators.base import JobOperator

if TYPE_CHECKING:
    from airflow_sm_pipelines.execution.step_run import StepRun


class CheckOperator(JobOperator):
    """Runs the processing job of a check and judges what it has found.

    What the job was told to check against is read from the job itself when it has ended: another version may have been
    approved meanwhile.
    """

    ui_color = "#e1dcf0"

    def complete_properties(self, run: StepRun, properties: JsonObject) -> JsonObject:
        """Return the S3 URIs of the baselines, when the check has found no violation or may find some.

        Raises:
            StepFailedError: There are violations, and the step is to fail then; or AWS refused a call.
        """
        with _outcome_errors(run.step):
            members = run.members()
            folder, checked, rule = output_folder(properties), checked_against(properties), rule_of(members)
            previous = run.perform(previous_baseline(run.start(), members)) if rule.carries_over else checked
            if rule.carries_over and not previous:
                self.log.warning(
                    "There is no previous baseline to carry over: BaselineUsedForDriftCheck… has no value in this run"
                )
            calculated = CHECK_TYPES[str(members["CheckType"])].calculated_baseline(folder)
            published: JsonObject = {
                **_named("CalculatedBaseline", calculated),
                **_named("BaselineUsedForDriftCheck", rule.published_baseline(previous, calculated)),
            }
            if checked:
                report = f"{folder.rstrip('/')}/{VIOLATIONS_FILE}"
                self._judge(
                    run,
                    report,
                    fails=flag(members, "FailOnViolation", default=True),
                    job=properties,
                    published=published,
                )
            return published

    def _judge(self, run: StepRun, report: str, *, fails: bool, job: Mapping[str, Json], published: JsonObject) -> None:
        created = datetime.fromisoformat(str(job["CreationTime"]))
        violations = read_violations(run.client("s3"), report, created)
        if violations is None:
            # AWS documents the report for violations only, and ExitMessage as the job's own verdict.
            verdict = str(job.get("ExitMessage", ""))
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
        if not fails:
            self.log.warning("%s\nThe step succeeds, since its FailOnViolation is false", message)
            return
        name = job.get(PROCESSING_JOB.name_member)
        raise StepFailedError(run.step, message, job=None if name is None else str(name), properties=published)


class QualityCheckOperator(CheckOperator):
    """Checks the quality of data, or of a model's answers, with a processing job of Model Monitor.

    Its properties are the S3 URIs of constraints and statistics: those calculated, and those used for the drift check.
    """


class ClarifyCheckOperator(CheckOperator):
    """Checks bias or explainability with a processing job of SageMaker Clarify.

    Its properties are the S3 URIs of the constraints: those calculated, and those used for the drift check.
    """


@contextmanager
def _outcome_errors(step: str) -> Iterator[None]:
    """Turn what goes wrong with the files of a check into the failure of its step: its job has run."""
    purpose = "tell the outcome of its job"
    try:
        yield
    except AwsCallError as error:
        raise StepFailedError.of_refusal(step, error, purpose=purpose) from error
    except (UnfitRequestError, RequestError, UnreadableReportError) as error:
        raise StepFailedError(step, f"cannot {purpose}: {getattr(error, 'message', error)}") from error


def _named(prefix: str, baseline: Baseline) -> dict[str, str]:
    """Return the properties of a baseline: a file that it lacks has none, so that a reference to it says so."""
    files = {"Constraints": baseline.constraints, "Statistics": baseline.statistics}
    return {f"{prefix}{name}": uri for name, uri in files.items() if uri}
