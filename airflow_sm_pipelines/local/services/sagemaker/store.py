"""Where SageMaker's jobs and resources are kept: in memory, or in a state file, too."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job
from airflow_sm_pipelines.local.services.sagemaker.resources.key import ResourceKey
from airflow_sm_pipelines.local.services.sagemaker.resources.table import Resource
from airflow_sm_pipelines.local.services.sagemaker.stored_forms import DOCUMENTS, JOBS, RESOURCES
from airflow_sm_pipelines.local.state.state_file import StateFile, StoredRecords


@dataclass(frozen=True, slots=True)
class Store:
    """The collections; in memory by default.

    Args:
        jobs: Jobs of all kinds.
        resources: Models, model packages, groups, experiments, trials.
        tags: Tags by ARN.
        client_tokens: What was created for a ClientToken.
    """

    jobs: MutableMapping[ResourceKey, Job] = field(default_factory=dict)
    resources: MutableMapping[ResourceKey, Resource] = field(default_factory=dict)
    tags: MutableMapping[str, Mapping[str, str]] = field(default_factory=dict)
    client_tokens: MutableMapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of_file(cls, file: StateFile) -> Store:
        """The collections of a file."""
        return cls(
            jobs=StoredRecords(file, "jobs", JOBS),
            resources=StoredRecords(file, "resources", RESOURCES),
            tags=StoredRecords(file, "tags", DOCUMENTS),
            client_tokens=StoredRecords(file, "client_tokens", DOCUMENTS),
        )
