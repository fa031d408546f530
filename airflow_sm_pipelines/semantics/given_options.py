"""The options that one run was given: read from the params of the run, with the defaults of those it was not given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_sm_pipelines.errors import SageMakerPipelinesError
from airflow_sm_pipelines.semantics.run_options import (
    ALL_OPTIONS,
    CACHE,
    DISPLAY_NAME,
    LATEST_RUN,
    MAX_PARALLEL_STEPS,
    MLFLOW_EXPERIMENT_NAME,
    MLFLOW_RESOURCE_ARN,
    SELECT_STEPS,
    SOURCE_RUN,
    CacheUse,
)


class RunOptionError(SageMakerPipelinesError, ValueError):
    """An option of a run has a value that it cannot have.

    Args:
        option: Name of the option, e.g. ``sm_cache``.
        reason: What is wrong with its value, and what is allowed.
    """

    def __init__(self, option: str, reason: str) -> None:
        self.option = option
        self.reason = reason
        super().__init__(option, reason)

    def __str__(self) -> str:
        return f"{self.option} {self.reason}"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of one run.

    Attributes:
        select_steps: The only steps to run; empty for all.
        source_run: The run whose results a selection reuses: `LATEST_RUN`, `NO_RUN`, the id of a run of the same DAG,
            or the ARN of an execution in SageMaker.
        max_parallel_steps: How many steps may be in progress at once; ``None`` for what the pipeline says.
        display_name: A name of the run for people; empty for none.
        cache: What the run does with the results of earlier runs.
        mlflow_resource_arn: The MLflow tracking server or app that its jobs log to; empty for what the pipeline says.
        mlflow_experiment_name: The MLflow experiment, likewise.
    """

    select_steps: tuple[str, ...] = ()
    source_run: str = LATEST_RUN
    max_parallel_steps: int | None = None
    display_name: str = ""
    cache: CacheUse = CacheUse.ON
    mlflow_resource_arn: str = ""
    mlflow_experiment_name: str = ""


def read_run_options(params: Mapping[str, object]) -> RunOptions:
    """Return the options of a run from its params; those that are absent or null have their defaults.

    Args:
        params: The run's params, by name; others than the options do not matter.

    Raises:
        RunOptionError: An option has a value that it cannot have. Airflow checks the params of a run that is started
            through the form or the API; a DAG author's own ``params=`` may have replaced their schema.
    """
    given = {name: params[name] for name in ALL_OPTIONS if params.get(name) not in (None, "")}
    return RunOptions(
        select_steps=_step_names(given.get(SELECT_STEPS, [])),
        source_run=_text(SOURCE_RUN, given.get(SOURCE_RUN, LATEST_RUN)),
        max_parallel_steps=_positive(given[MAX_PARALLEL_STEPS]) if MAX_PARALLEL_STEPS in given else None,
        display_name=_text(DISPLAY_NAME, given.get(DISPLAY_NAME, "")),
        cache=_cache_use(given.get(CACHE, CacheUse.ON)),
        mlflow_resource_arn=_text(MLFLOW_RESOURCE_ARN, given.get(MLFLOW_RESOURCE_ARN, "")),
        mlflow_experiment_name=_text(MLFLOW_EXPERIMENT_NAME, given.get(MLFLOW_EXPERIMENT_NAME, "")),
    )


def _step_names(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(dict.fromkeys(value))
    raise RunOptionError(SELECT_STEPS, f"must be a list of step names, not {value!r}")


def _positive(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise RunOptionError(MAX_PARALLEL_STEPS, f"must be a whole number from 1, not {value!r}")


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    raise RunOptionError(name, f"must be text, not {value!r}")


def _cache_use(value: object) -> CacheUse:
    if isinstance(value, str) and value in set(CacheUse):
        return CacheUse(value)
    raise RunOptionError(CACHE, f"must be one of {', '.join(CacheUse)}, not {value!r}")
