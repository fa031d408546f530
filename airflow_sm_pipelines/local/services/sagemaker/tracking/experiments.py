"""Experiments and trials, as far as jobs refer to them: create, describe, list the trials.

What belongs to a trial is told by `airflow_sm_pipelines.local.services.sagemaker.tracking.trial_components`.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError, validation_error
from airflow_sm_pipelines.local.services.sagemaker.resources.creation import create_as_requested
from airflow_sm_pipelines.local.services.sagemaker.resources.listing import Listing, sortable, utc
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource, ResourceKey, ResourceTable
from airflow_sm_pipelines.local.services.sagemaker.resources.tags import Tags
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext

_EXPERIMENT, _TRIAL = "experiment", "experiment-trial"


class Experiments:
    """The operations of experiments and trials.

    Args:
        resources: All resources.
        tags: All tags.
    """

    def __init__(self, resources: ResourceTable, tags: Tags) -> None:
        self._resources = resources
        self._tags = tags

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""
        return {
            "CreateExperiment": self._create_experiment,
            "DescribeExperiment": self._describe_experiment,
            "CreateTrial": self._create_trial,
            "DescribeTrial": self._describe_trial,
            "ListTrials": self._list_trials,
        }

    def check(self, region: str, config: Document) -> None:
        """Refuse a job's ExperimentConfig that names what is not there.

        Raises:
            AwsError: ``ResourceNotFound``, which the model documents for it; the text is assumed.
        """
        for member, kind in (("ExperimentName", _EXPERIMENT), ("TrialName", _TRIAL)):
            if member in config:
                self._get(ResourceKey(kind, region, config[member]))

    def trials_of(self, region: str, experiment: str) -> set[str]:
        """Return the names of the trials of an experiment.

        Raises:
            AwsError: ``ResourceNotFound``, because there is no such experiment.
        """
        self._get(ResourceKey(_EXPERIMENT, region, experiment))
        trials = self._resources.resources(_TRIAL, region)
        return {trial.key.name for trial in trials if trial.members["ExperimentName"] == experiment}

    def _create_experiment(self, context: RequestContext, request: Document) -> Document:
        name = request["ExperimentName"]
        return {"ExperimentArn": self._create(ResourceKey(_EXPERIMENT, context.region, name), request)}

    def _create_trial(self, context: RequestContext, request: Document) -> Document:
        self._get(ResourceKey(_EXPERIMENT, context.region, request["ExperimentName"]))
        return {"TrialArn": self._create(ResourceKey(_TRIAL, context.region, request["TrialName"]), request)}

    def _create(self, key: ResourceKey, request: Document) -> str:
        noun = _NOUNS[key.kind]
        # The text is the one that the Python SDK looks for ("already exists") when it creates or finds a run.
        refusal = validation_error(
            f"{noun} names must be unique within an AWS account and region. {noun} with name ({key.name}) already "
            "exists."
        )
        create_as_requested(self._resources, self._tags, key, request, refusal)
        return key.arn

    def _describe_experiment(self, context: RequestContext, request: Document) -> Document:
        resource = self._get(ResourceKey(_EXPERIMENT, context.region, request["ExperimentName"]))
        return {"ExperimentArn": resource.key.arn, **resource.members, **_times(resource)}

    def _describe_trial(self, context: RequestContext, request: Document) -> Document:
        resource = self._get(ResourceKey(_TRIAL, context.region, request["TrialName"]))
        return {"TrialArn": resource.key.arn, **resource.members, **_times(resource)}

    def _list_trials(self, context: RequestContext, request: Document) -> Document:
        if "TrialComponentName" in request:
            raise validation_error("The local AWS does not list the trials of a TrialComponentName")
        if "ExperimentName" in request:
            self._get(ResourceKey(_EXPERIMENT, context.region, request["ExperimentName"]))
        page, token = _TRIALS.page(self._resources.resources(_TRIAL, context.region), request)
        return {"TrialSummaries": [_trial_summary(trial) for trial in page], "NextToken": token}

    def _get(self, key: ResourceKey) -> Resource:
        noun = _NOUNS[key.kind]
        return self._resources.get(key, AwsError("ResourceNotFound", f"{noun} '{key.name}' does not exist."))


_NOUNS: Mapping[str, str] = {_EXPERIMENT: "Experiment", _TRIAL: "Trial"}

_TRIALS: Listing[Resource] = Listing(
    name=lambda trial: trial.key.name,
    filters={
        "ExperimentName": lambda trial, name: trial.members["ExperimentName"] == name,
        "CreatedAfter": lambda trial, moment: trial.creation_time > utc(moment),
        "CreatedBefore": lambda trial, moment: trial.creation_time < utc(moment),
    },
    sort_keys={"Name": lambda trial: trial.key.name, "CreationTime": lambda trial: sortable(trial.creation_time)},
    default_order="Descending",  # API reference, SortOrder of ListTrials
)


def _times(resource: Resource) -> Document:
    return {"CreationTime": resource.creation_time, "LastModifiedTime": resource.last_modified_time}


def _trial_summary(trial: Resource) -> Document:
    name = trial.key.name
    shown = {"TrialArn": trial.key.arn, "TrialName": name, "DisplayName": trial.members.get("DisplayName", name)}
    return {**shown, **_times(trial)}
