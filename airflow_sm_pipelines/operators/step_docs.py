"""The documentation of a step's task: what it does, when, how often it is tried, and what it asks of AWS.

Runs where Airflow serializes the DAG, i.e. in the DAG processor; a worker that runs the task never asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from airflow_sm_pipelines.definition.graph import Edge, StepPlan
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import CacheConfig, Pipeline
from airflow_sm_pipelines.execution.airflow_internals.authoring import is_name_of_a_secret
from airflow_sm_pipelines.preview.graph import outcome_text
from airflow_sm_pipelines.preview.markdown import code, code_block, plain
from airflow_sm_pipelines.preview.shown_json import is_short, laid_out, masked
from airflow_sm_pipelines.semantics.retry import RetryRule

_MOST_NAMED = 20


def purpose(operator: type) -> str:
    """Return what an operator is for, in Markdown: the first line of its docstring."""
    return (operator.__doc__ or "").strip().partition("\n")[0].replace("``", "`")


def step_documentation(
    operator: type, plan: StepPlan, rules: Sequence[RetryRule], request: Json, pipeline: Pipeline
) -> str:
    """Return the documentation of a step's task, in Markdown.

    Args:
        operator: Its class.
        plan: The step and its edges.
        rules: When failures are retried.
        request: What the UI shows as its request before it has run.
        pipeline: Its pipeline.
    """
    step = plan.step
    facts = [f"- {fact}" for fact in _facts(plan, rules)]
    parts = [plain(step.description or ""), f"**{step.type}** step. {purpose(operator)}", "\n".join(facts)]
    if request and is_short(pipeline.length):
        parts += [
            "Its request in the definition. A run shows what was sent under *Rendered Templates*:",
            code_block(laid_out(masked(request, is_name_of_a_secret)), "json"),
        ]
    return "\n\n".join(filter(None, parts))


def waits_text(edges: Iterable[Edge]) -> str:
    """Return what a step waits for, in Markdown: with the names as code: ``Train, Check (if)``."""
    named = [f"{code(edge.upstream)}{outcome_text(edge)}" for edge in edges]
    more = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _facts(plan: StepPlan, rules: Sequence[RetryRule]) -> Iterator[str]:
    step = plan.step
    if step.body_of:
        yield f"Runs once for each item of {code(step.body_of)}"
    yield f"Waits for {waits_text(plan.edges)}" if plan.edges else "Waits for no other step"
    if step.cache_config is not None and step.cache_config.enabled:
        yield _cache_text(step.cache_config)
    if step.retry_policies:
        yield "\n".join(("Retries:", *(f"  - {plain(rule.in_words())}" for rule in rules)))
    yield f"In the definition: {code(step.path)}"


def _cache_text(config: CacheConfig) -> str:
    age = f" that is at most {code(config.expire_after)} old" if config.expire_after else ""
    return f"Reuses the result of an earlier run{age}, if nothing that decides it has changed"
