"""The stand-in that a rehearsal hands to the local AWS.

Importing this module is cheap. What a job does is imported when there is a job, since it needs boto3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.requests.tags import TASK_TAG, tags_of_owner_text
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.local.stand_in import Ending
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import (
    COMPLETED,
    NOTE,
    Outcome,
    Refusals,
    StepFiles,
    WrittenObjects,
)

if TYPE_CHECKING:
    from airflow_sm_pipelines.local.documents import Document
    from airflow_sm_pipelines.local.jobs.runner import OwnWork
    from airflow_sm_pipelines.local.services.lambda_functions.execution import InvocationResult
    from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job
    from airflow_sm_pipelines.local.wire.wsgi_call import WsgiApp

_NAME = "rehearsal"
_MISSING_RESOURCES: Mapping[str, Document] = {
    "Cluster": {"Name": _NAME, "Instances": {"KeepJobFlowAliveWhenNoSteps": True}},
    "Application": {"name": _NAME, "type": "SPARK", "releaseLabel": _NAME},
}


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The ends and the outputs of jobs in a rehearsal; see `airflow_sm_pipelines.local.stand_in.StandIn`.

    Attributes:
        outcomes: How the jobs of a step end, by the step's name; those of other steps complete.
        files: JSON documents that the outputs of a step hold beside the label, by the step's name.
        outputs: The outputs that a step declares by itself, where no job has them: those of Lambda and Callback steps,
            by the step's name.
        job_seconds: How long each job takes.
        written: Where it is noted what jobs have written.
        refusals: Where it is noted what AWS would refuse for a value: a pattern, a limit, a rule of the service. The
            rehearsal goes on then. ``None`` refuses it.
    """

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    files: Mapping[str, StepFiles] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    job_seconds: float = 0.2
    written: WrittenObjects = field(default_factory=WrittenObjects, compare=False)
    refusals: Refusals | None = None

    # -- of a step -------------------------------------------------------------------------------------------------

    def outcome_of(self, step: str) -> Outcome:
        """Return how a job of this step ends; ``""`` is no step."""
        return self.outcomes.get(step) or self.outcomes.get(_without_iteration(step), COMPLETED)

    def files_of(self, step: str) -> StepFiles:
        """Return the documents in the outputs of a step."""
        return self.files.get(step, {})

    def outputs_of(self, step: str) -> Mapping[str, Json]:
        """Return the declared outputs of a step."""
        return self.outputs.get(step) or self.outputs.get(_without_iteration(step), {})

    # -- of the local AWS ------------------------------------------------------------------------------------------

    @property
    def accepts_invalid_requests(self) -> bool:
        """Whether a request that AWS would refuse is noted and carried out."""
        return self.refusals is not None

    @property
    def placeholder(self) -> str:
        """The text of required members that a request lacks and that is carried out."""
        return _NAME

    @property
    def ends_jobs_at_once(self) -> bool:
        """Whether a job has ended when the request that starts it is answered."""
        return not self.job_seconds

    def note(self, owner: str, operation: str, reason: str) -> None:
        """Note that AWS would refuse a request."""
        if self.refusals is not None:
            self.refusals.note(owner, operation, reason)

    def owner_of(self, tags: Mapping[str, str], name: str = "") -> str:
        """Return the step that a resource belongs to, from its name or its tags; ``""`` if they do not tell it."""
        return {**tags, **_tags_in_name(name)}.get(TASK_TAG, "")

    def ending_of(self, owner: str) -> Ending:
        """Return how the jobs and deployments of a step end."""
        outcome = self.outcome_of(owner)
        return Ending(self.job_seconds, outcome.failure_reason, outcome.stopped)

    def job_work(self, noun: str, job: Job) -> OwnWork | None:
        """Return what a SageMaker job does; ``None`` for a tuning job, whose trials are jobs of their own."""
        from airflow_sm_pipelines.rehearsal.stand_in.job_outputs import OUTPUTS
        from airflow_sm_pipelines.rehearsal.stand_in.job_work import own_work

        if noun not in OUTPUTS:
            return None
        step = self.owner_of({tag["Key"]: tag["Value"] for tag in job.request.get("Tags", ())})
        seconds = 0.0 if job.origin else self.job_seconds  # the job that launched it takes the time
        work, outcome = OUTPUTS[noun](job, self.files_of(step)), self.outcome_of(step)
        return own_work(work, step, seconds, outcome, self.refusals, self.written)

    def spark_work(self, owner: str, log_group: str, log_stream: str) -> OwnWork:
        """Return what a step or a job run of EMR does: it writes only its log."""
        from airflow_sm_pipelines.rehearsal.stand_in.job_work import (
            SyntheticWork,
            own_work,
        )

        work = SyntheticWork(log_group, log_stream, lambda _: ())
        return own_work(work, owner, self.job_seconds, self.outcome_of(owner))

    def describe_job(self, noun: str, job: Job) -> Document:
        """Return the members that Describe has for a job because of its synthetic results."""
        from airflow_sm_pipelines.rehearsal.stand_in.job_descriptions import DESCRIPTIONS

        return DESCRIPTIONS[noun](job) if noun in DESCRIPTIONS else {}

    def missing_resource(self, noun: str) -> Document:
        """Return the request that would have created a resource that only the definition's author has."""
        return _MISSING_RESOURCES[noun]

    def invoke_missing_function(self, client_context: Document | None) -> InvocationResult:
        """Return the outputs that the step of the invocation declares, or the failure that was chosen for it."""
        from airflow_sm_pipelines.local.services.lambda_functions.execution import InvocationResult

        custom = (client_context or {}).get("custom")
        step = str(custom.get("step", "")) if isinstance(custom, dict) else ""
        outcome, log = self.outcome_of(step), NOTE.encode()
        if outcome.failure_reason is not None or outcome.stopped:
            error = {"errorType": "Rehearsal", "errorMessage": outcome.failure_reason or "stopped"}
            return InvocationResult(json.dumps(error), is_error=True, log_tail=log)
        payload = {"rehearsal": NOTE, **self.outputs_of(step)}
        return InvocationResult(json.dumps(payload), is_error=False, log_tail=log)

    def other_services(self, application: WsgiApp, default_region: str) -> WsgiApp:
        """Return the application with queues that are made on demand."""
        from airflow_sm_pipelines.rehearsal.stand_in.queues import QueuesOnDemand

        return QueuesOnDemand(application, default_region)


def _tags_in_name(name: str) -> dict[str, str]:
    """Return the owner's tags that stand behind the name of an EMR step on a cluster that others use, too."""
    text = name.rpartition(" (")[2].removesuffix(")")
    return {tag["Key"]: tag["Value"] for tag in tags_of_owner_text(text)}


def _without_iteration(step: str) -> str:
    """Return the name of a step; in the body of a ForEach it is ``<step>-<index>``, and nowhere else."""
    return re.sub(r"-[0-9]+$", "", step)
