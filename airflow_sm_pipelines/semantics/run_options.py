"""The options that a run may be given, beside its parameters: what people and programs ask for when they start one.

They are DAG params whose names begin with ``sm_``, and so also members of a run's conf. In the service they are members
of StartPipelineExecution (API reference): ``SelectiveExecutionConfig``, ``ParallelismConfiguration``,
``PipelineExecutionDisplayName`` and ``MlflowExperimentName``; the service has none for the cache, and lets only Studio
replace the MLflow app of one execution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

SELECT_STEPS = "sm_select_steps"
SOURCE_RUN = "sm_source_run"
MAX_PARALLEL_STEPS = "sm_max_parallel_steps"
DISPLAY_NAME = "sm_display_name"
CACHE = "sm_cache"
MLFLOW_RESOURCE_ARN = "sm_mlflow_resource_arn"
MLFLOW_EXPERIMENT_NAME = "sm_mlflow_experiment_name"
MLFLOW_OPTIONS = (MLFLOW_RESOURCE_ARN, MLFLOW_EXPERIMENT_NAME)
"""The names of those that only a pipeline with an ``MlflowConfig`` has."""
RUN_OPTIONS = (SELECT_STEPS, SOURCE_RUN, MAX_PARALLEL_STEPS, DISPLAY_NAME, CACHE)
"""The names of those that every pipeline has."""
ALL_OPTIONS = (*RUN_OPTIONS, *MLFLOW_OPTIONS)
"""The names of all options."""

LATEST_RUN, NO_RUN = "latest", "none"
"""Values of `SOURCE_RUN` that do not name a run."""


class CacheUse(StrEnum):
    """What a run does with the results of earlier runs, for steps whose ``CacheConfig`` is enabled."""

    ON = "on"
    """Reuse them, and keep the new ones."""
    REFRESH = "refresh"
    """Run every step, and keep the results."""
    OFF = "off"
    """Run every step, and keep nothing."""


def conf_of_selection(
    source_conf: Mapping[str, Any], source_run: str, select_steps: Sequence[str], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the conf of a run that takes the parameters of its source run (SDK, ``build_parameters_from_execution``).

    Args:
        source_conf: What the source run was started with; its options are left out.
        source_run: The id of the source run, or the ARN of an execution.
        select_steps: The steps to execute; empty for all, with the parameters alone taken over.
        parameters: Values of parameters that replace those of the source run.
    """
    taken = {name: value for name, value in source_conf.items() if name not in ALL_OPTIONS}
    selection = {SELECT_STEPS: [*select_steps], SOURCE_RUN: source_run} if select_steps else {}
    return {**taken, **parameters, **selection}
