"""What a DAG says of its pipeline: documentation, origin and tags. Runs at parse time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.semantics.without_effect import without_effect

if TYPE_CHECKING:
    from airflow_sm_pipelines.translation.schedules import DagSchedule

SAGEMAKER_TAG = "sagemaker"
"""Tag of every DAG of a pipeline, unless its author gives tags."""

_LONGEST_DAG_TAG = 100


def described(pipeline: Pipeline, dag_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of Airflow's ``DAG`` with description and tags of the pipeline where its author gives none."""
    described = {"tags": [SAGEMAKER_TAG, *dag_tags(pipeline.resource.tags)], **dag_kwargs}
    if pipeline.resource.description:
        described.setdefault("description", pipeline.resource.description)
    return described


def dag_documentation(
    own: str | None, pipeline: Pipeline, schedule: DagSchedule, values: Mapping[str, object], dag_file: str
) -> str:
    """Return the documentation of a pipeline's DAG, in Markdown.

    Args:
        own: What the DAG's author has written; it comes first, and replaces nothing: without the digest, Airflow would
            not see every change of a definition.
        pipeline: The pipeline.
        schedule: The DAG's schedule.
        values: Values that replace defaults of parameters.
        dag_file: The DAG file.
    """
    parts = [own, schedule.documentation(), _origin(pipeline, dag_file), *_ignored(pipeline)]
    if _is_for_people():
        # No task needs it, and each would pay for it.
        from airflow_sm_pipelines.translation.pipeline_documentation import pipeline_sections

        parts += pipeline_sections(pipeline, schedule, values)
    return "\n\n".join([*filter(None, parts), f"sha256 `{pipeline.digest}`"])


def _is_for_people() -> bool:
    """Tell whether this process may show the documentation; the process of a task does not."""
    from airflow.sdk import get_parsing_context

    return get_parsing_context().task_id is None


def _origin(pipeline: Pipeline, dag_file: str) -> str:
    from airflow_sm_pipelines.preview.markdown import code

    steps = f"{len(pipeline.steps)} step{'' if len(pipeline.steps) == 1 else 's'}"
    loader = Path(dag_file)
    source = _place(pipeline.source, loader)
    return f"SageMaker pipeline definition {code(source)}, {steps}. DAG file: {code(loader.name)}."


def _place(source: str, dag_file: Path) -> str:
    """Return the path of a definition as seen from the DAG file: the same on every machine, in every version."""
    if source.startswith("<") or not os.path.isabs(source):
        return source
    beside = os.path.relpath(source, dag_file.parent)
    return source if beside.startswith(os.path.join("..", "..", "..")) else beside


def _ignored(pipeline: Pipeline) -> Iterator[str]:
    lines = [f"- `{member.path}`: {member.message}" for member in without_effect(pipeline)]
    if lines:
        yield "\n".join(("Not in effect:", "", *lines))


def pipeline_origin(pipeline: Pipeline) -> str:
    """Return the file of a definition and its digest, for a place that has room for one line."""
    return f"{Path(pipeline.source).name}, sha256 {pipeline.digest}"


def dag_tags(tags: Sequence[tuple[str, str]]) -> list[str]:
    """Return the tags of a pipeline as tags of its DAG; in the service they label the pipeline, not its jobs."""
    return [(f"{key}={value}" if value else key)[:_LONGEST_DAG_TAG] for key, value in tags]
