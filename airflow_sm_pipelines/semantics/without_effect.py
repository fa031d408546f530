"""What a definition asks for and a run does not do yet; nothing of it is dropped without a word.

``sm-pipelines check`` warns of it, the documentation of the DAG lists it, and the logs of the tasks say it: of a step
its own, of the pipeline those of the steps that it starts with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.definition.models import Pipeline, StepPlan


@dataclass(frozen=True, slots=True)
class WithoutEffect:
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
    """Yield what a run of a pipeline does not follow; the caches of all its steps at once."""
    yield from _of_pipeline(pipeline)
    cached = [plan.step for plan in pipeline.plans if _is_cached(plan)]
    if cached:
        steps = list_names(step.name for step in cached)
        message = f"caching is enabled but not supported yet: no result is reused, every run runs {steps}"
        yield WithoutEffect(f"{cached[0].path}.CacheConfig", message, _CACHE_HINT)


def without_effect_in_task(plan: StepPlan, pipeline: Pipeline) -> Iterator[WithoutEffect]:
    """Yield what the log of a step's task has to say.

    Args:
        plan: The step and its edges.
        pipeline: Its pipeline.
    """
    if not plan.edges and plan.step.body_of is None:
        yield from _of_pipeline(pipeline)
    if _is_cached(plan):
        message = "caching is enabled but not supported yet: no result is reused"
        yield WithoutEffect(f"{plan.step.path}.CacheConfig", message, _CACHE_HINT)


_CACHE_HINT = "set Enabled to false if that is what you want"


def _is_cached(plan: StepPlan) -> bool:
    return plan.step.cache_config is not None and plan.step.cache_config.enabled


def _of_pipeline(pipeline: Pipeline) -> Iterator[WithoutEffect]:
    if pipeline.mlflow_config is not None:
        yield WithoutEffect(
            "MlflowConfig",
            "MLflow integration is not supported yet: jobs are told neither the MLflow app nor the experiment",
            "set them in the steps' own code or Environment",
        )
    resource = pipeline.resource
    for path in resource.unresolved:
        yield WithoutEffect(
            path,
            "a CloudFormation function is resolved only when the stack is deployed: the member does not count",
            "load the deployed pipeline, as DescribePipeline returns it, or give the value to pipeline_dag",
        )
