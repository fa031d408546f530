"""What a DAG says of its pipeline: documentation, origin and tags. Runs at parse time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.semantics.without_effect import without_effect

_LONGEST_DAG_TAG = 100


def pipeline_documentation(pipeline: Pipeline) -> str:
    """Describe where the DAG comes from; the digest makes Airflow see changes of a definition as a new version."""
    steps = f"{len(pipeline.steps)} step{'' if len(pipeline.steps) == 1 else 's'}"
    parts = [f"SageMaker pipeline definition `{Path(pipeline.source).name}`, {steps}."]
    ignored = [f"- `{member.path}`: {member.message}" for member in without_effect(pipeline)]
    if ignored:
        parts.append("\n".join(("Not in effect:", "", *ignored)))
    return "\n\n".join([*parts, f"sha256 `{pipeline.digest}`"])


def pipeline_origin(pipeline: Pipeline) -> str:
    """Return the file of a definition and its digest, for a place that has room for one line."""
    return f"{Path(pipeline.source).name}, sha256 {pipeline.digest}"


def dag_tags(tags: Sequence[tuple[str, str]]) -> list[str]:
    """Return the tags of a pipeline as tags of its DAG; in the service they label the pipeline, not its jobs."""
    return [(f"{key}={value}" if value else key)[:_LONGEST_DAG_TAG] for key, value in tags]
