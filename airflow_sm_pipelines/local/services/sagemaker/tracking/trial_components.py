"""Trial components: what a job is in an experiment. AWS makes one for each job; so they are read from the jobs here.

A job belongs to the trial of its ExperimentConfig, and to those that it was associated with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, JobTable
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import Listing, sortable, utc
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceKey, ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.tracking.experiments import Experiments
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_KINDS: Mapping[str, str] = {
    "processing-job": "SageMakerProcessingJob",
    "training-job": "SageMakerTrainingJob",
    "transform-job": "SageMakerTransformJob",
}
"""Kinds of jobs that have a trial component, with the type of its source."""

_COMPONENT, _ASSOCIATION = "experiment-trial-component", "experiment-trial-association"


@dataclass(frozen=True, slots=True)
class _Component:
    """A job as a trial component.

    Attributes:
        job: The job.
        trials: Names of the trials that it belongs to.
    """

    job: Job
    trials: frozenset[str]

    @property
    def key(self) -> ResourceKey:
        """The component; its name is the job's with an ending that tells the job's kind."""
        return ResourceKey(_COMPONENT, self.job.key.region, f"{self.job.key.name}-aws-{self.job.key.kind}")

    def summary(self) -> Document:
        """Return an entry of ListTrialComponents."""
        config = self.job.request.get("ExperimentConfig", {})
        return {
            "TrialComponentName": self.key.name,
            "TrialComponentArn": self.key.arn,
            "DisplayName": config.get("TrialComponentDisplayName", self.key.name),
            "TrialComponentSource": {"SourceArn": self.job.key.arn, "SourceType": _KINDS[self.job.key.kind]},
            "Status": {"PrimaryStatus": self.job.status.value, "Message": self.job.failure_reason},
            "StartTime": self.job.start_time,
            "EndTime": self.job.end_time,
            "CreationTime": self.job.creation_time,
            "LastModifiedTime": self.job.last_modified_time,
        }


class TrialComponents:
    """The operations of trial components.

    Args:
        jobs: All jobs.
        resources: All resources; associations are kept there.
        experiments: All experiments and trials.
    """

    def __init__(self, jobs: JobTable, resources: ResourceTable, experiments: Experiments) -> None:
        self._jobs = jobs
        self._resources = resources
        self._experiments = experiments

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {"AssociateTrialComponent": self._associate, "ListTrialComponents": self._list}

    def _associate(self, context: RequestContext, request: Document) -> Document:
        trial, component = request["TrialName"], request["TrialComponentName"]
        self._experiments.check(context.region, {"TrialName": trial})
        found = {one.key.name.lower(): one.key for one in self._components(context.region)}  # API reference, names
        if component.lower() not in found:
            raise AwsError("ResourceNotFound", f"Trial component '{component}' does not exist.")
        key = found[component.lower()]
        association = ResourceKey(_ASSOCIATION, context.region, f"{trial}/{key.name}")
        if self._resources.find(association) is None:
            taken = AwsError("ResourceInUse", f"{association.name} exists already")
            self._resources.create(association, {"TrialName": trial, "TrialComponentName": key.name}, taken)
        return {"TrialComponentArn": key.arn, "TrialArn": ResourceKey("experiment-trial", context.region, trial).arn}

    def _list(self, context: RequestContext, request: Document) -> Document:
        components = list(self._components(context.region))
        if experiment := request.get("ExperimentName"):
            trials = self._experiments.trials_of(context.region, experiment)
            components = [one for one in components if one.trials & trials]
        page, token = _COMPONENTS.page(components, request)
        return {"TrialComponentSummaries": [one.summary() for one in page], "NextToken": token}

    def _components(self, region: str) -> Iterator[_Component]:
        pairs = [one.members for one in self._resources.resources(_ASSOCIATION, region)]
        for kind in _KINDS:
            for job in self._jobs.jobs(kind, region):
                name = _Component(job, frozenset()).key.name
                trials = {pair["TrialName"] for pair in pairs if pair["TrialComponentName"] == name}
                own = job.request.get("ExperimentConfig", {}).get("TrialName")
                yield _Component(job, frozenset(trials | ({own} if own else set())))


_COMPONENTS: Listing[_Component] = Listing(
    name=lambda one: one.key.name,
    filters={
        "TrialName": lambda one, trial: trial in one.trials,
        "SourceArn": lambda one, arn: one.job.key.arn == arn,
        "CreatedAfter": lambda one, moment: one.job.creation_time > utc(moment),
        "CreatedBefore": lambda one, moment: one.job.creation_time < utc(moment),
    },
    sort_keys={
        "Name": lambda one: one.key.name,
        "CreationTime": lambda one: sortable(one.job.creation_time),
    },
    default_order="Descending",  # API reference, SortOrder
)
