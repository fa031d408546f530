"""The part of a DAG's documentation that shows its pipeline: steps, graph, parameters, the definition itself.

Runs in the DAG processor, where people's view of a DAG is made; the process of a task does without. What grows with the
pipeline is bounded: Airflow stores and sends the documentation with the DAG.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.graph import Edge
from airflow_sm_pipelines.definition.models import MISSING, Parameter, Pipeline
from airflow_sm_pipelines.execution.airflow_internals.authoring import is_name_of_a_secret
from airflow_sm_pipelines.operators.step_docs import purpose, waits_text
from airflow_sm_pipelines.preview.graph import as_text, drawn_edges
from airflow_sm_pipelines.preview.markdown import cell, code, code_block, plain, table
from airflow_sm_pipelines.preview.shown_json import MASK, is_short, laid_out, masked

if TYPE_CHECKING:
    from airflow_sm_pipelines.translation.schedules import DagSchedule

_MOST_STEPS_LISTED = 100
_MOST_PARAMETERS_LISTED = 100
_LONGEST_PURPOSE = 200
_LONGEST_VALUE = 80


def pipeline_sections(pipeline: Pipeline, schedule: DagSchedule, values: Mapping[str, object]) -> Iterator[str]:
    """Yield the paragraphs of the documentation, in Markdown.

    Args:
        pipeline: The pipeline.
        schedule: The DAG's schedule.
        values: Values that replace defaults of parameters.
    """
    yield "\n".join(f"- {fact}" for fact in _facts(pipeline, schedule))
    drawn = drawn_edges(pipeline.plans)
    yield "### Steps"
    yield _steps(pipeline, drawn)
    hidden = len(pipeline.steps) - _MOST_STEPS_LISTED
    if hidden > 0:
        yield f"{hidden} more steps are not listed here."
    else:
        yield "### Graph"
        yield "Dependencies that follow from others are left out. Airflow's graph has them all."
        yield code_block(as_text(pipeline.plans, drawn))
    if pipeline.parameters:
        yield "### Parameters"
        yield _parameters(pipeline, values)
    yield "### Definition"
    if is_short(pipeline.length):
        yield code_block(laid_out(masked(pipeline.document, is_name_of_a_secret)), "json")
    else:
        yield f"It is too long to be shown here: {pipeline.length:,} characters. See the file."


def _facts(pipeline: Pipeline, schedule: DagSchedule) -> Iterator[str]:
    if schedule.argument is None:
        yield "Schedule: none. Runs are started by hand, through the API or by other DAGs"
    elif isinstance(schedule.argument, str):
        yield f"Schedule: {code(schedule.argument)}"
    elif isinstance(schedule.argument, timedelta):
        yield f"Schedule: every {schedule.argument}"
    resource = pipeline.resource
    if resource.arn:
        yield f"Pipeline in SageMaker: {code(resource.arn)}"
    if resource.role_arn:
        yield f"Role of the jobs: {code(resource.role_arn)}"
    if resource.max_parallel_steps:
        yield f"Steps of a run at once: at most {resource.max_parallel_steps}"


def _steps(pipeline: Pipeline, drawn: Mapping[str, Sequence[Edge]]) -> str:
    types = {step.type for step in pipeline.steps}
    # What its properties are stands after a semicolon.
    purposes = {row: purpose(CATALOG[row].operator_class()).partition(";")[0].rstrip(".") for row in types}
    return table(
        ("Step", "Type", "Purpose", "Waits for"),
        (
            (
                code(step.name),
                step.type,
                plain(step.description, _LONGEST_PURPOSE) if step.description else purposes[step.type],
                waits_text(drawn[step.name]),
            )
            for step in pipeline.steps[:_MOST_STEPS_LISTED]
        ),
    )


def _parameters(pipeline: Pipeline, values: Mapping[str, object]) -> str:
    shown = pipeline.parameters[:_MOST_PARAMETERS_LISTED]
    rows = [(code(one.name), one.type, _default(one, values), _description(one)) for one in shown]
    hidden = len(pipeline.parameters) - len(shown)
    return table(("Parameter", "Type", "Default", "Description"), rows) + (
        f"\n\n{hidden} more parameters are not listed here." if hidden else ""
    )


def _default(parameter: Parameter, values: Mapping[str, object]) -> str:
    default = values.get(parameter.name, parameter.default)
    if default is MISSING:
        return "*required*"
    if is_name_of_a_secret(parameter.name):
        return code(MASK)
    return cell(json.dumps(default, ensure_ascii=False, default=str), _LONGEST_VALUE)


def _description(parameter: Parameter) -> str:
    allowed = ", ".join(str(value) for value in parameter.enum_values or ())
    parts = (parameter.description or "", f"One of {allowed}" if allowed else "")
    return plain(". ".join(filter(None, (part.rstrip(".") for part in parts))), _LONGEST_PURPOSE)
