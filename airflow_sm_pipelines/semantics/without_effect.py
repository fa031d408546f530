"""What a definition asks for and a run does not do yet; nothing of it is dropped without a word.

``sm-pipelines check`` warns of it, the documentation of the DAG lists it, and the logs of the tasks say it: of a step
its own, of the pipeline those of the steps that it starts with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.definition.models import Pipeline, Step, StepPlan


class WithoutEffect(NamedTuple):
    """A member that a run does not follow.

    Attributes:
        path: Its JSON path.
        message: What does not happen.
        hint: What to do about it.
    """

    path: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message} ({self.hint})"


def without_effect(pipeline: Pipeline) -> Iterator[WithoutEffect]:
    """Yield what a run of a pipeline does not follow."""
    yield from _of_pipeline(pipeline)
    for plan in pipeline.plans:
        yield from _of_step(plan.step)


def without_effect_in_task(plan: StepPlan, pipeline: Pipeline) -> Iterator[WithoutEffect]:
    """Yield what the log of a step's task has to say.

    Args:
        plan: The step and its edges.
        pipeline: Its pipeline.
    """
    if not plan.edges and plan.step.body_of is None:
        yield from _of_pipeline(pipeline)
    yield from _of_step(plan.step)


def _of_step(step: Step) -> Iterator[WithoutEffect]:
    if step.cache_config is None or not step.cache_config.enabled:
        return
    from airflow_sm_pipelines.semantics.cache_keys import (
        never_reused,  # most steps have no CacheConfig, and all load this
    )

    why = never_reused(step)
    if why:
        message = f"no result of {step.name} is reused: {why}"
        yield WithoutEffect(f"{step.path}.CacheConfig", message, "remove CacheConfig")


def _of_mlflow(pipeline: Pipeline) -> Iterator[WithoutEffect]:
    from airflow_sm_pipelines.semantics.mlflow import STEP_TYPES_WITH_MLFLOW  # few pipelines use it, and all load this

    if not any(step.type in STEP_TYPES_WITH_MLFLOW for step in pipeline.steps):
        types = list_names(sorted(STEP_TYPES_WITH_MLFLOW))
        message = f"no step is of a type whose job is told of it: {types}"
        yield WithoutEffect("MlflowConfig", message, "set MLFLOW_TRACKING_URI where your code runs")


def _of_pipeline(pipeline: Pipeline) -> Iterator[WithoutEffect]:
    if pipeline.mlflow_config is not None:
        yield from _of_mlflow(pipeline)
    resource = pipeline.resource
    for path in resource.unresolved:
        yield WithoutEffect(
            path,
            "a CloudFormation function is resolved only when the stack is deployed: the member does not count",
            "load the deployed pipeline, as DescribePipeline returns it, or give the value to pipeline_dag",
        )
