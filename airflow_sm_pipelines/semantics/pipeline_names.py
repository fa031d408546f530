"""The name of a pipeline and the id of its DAG: which follows from which, and how a DAG says the other one.

A DAG id allows more than the name of a pipeline does (CreatePipeline). Where the name cannot be told from the id, the
DAG has a tag with it: that is the one thing of a DAG by which Airflow's API finds it fast, whatever process asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TAG = "sagemaker-pipeline="
_LONGEST_TAG = 100
_LONGEST_IN_TAG = _LONGEST_TAG - len(_TAG)


def sagemaker_name(airflow_id: str) -> str:
    """Return an Airflow id as SageMaker names things: letters, digits and inner hyphens (CreatePipeline)."""
    return re.sub(r"[^A-Za-z0-9]+", "-", airflow_id).strip("-") or "pipeline"


def name_tag(name: str) -> str:
    """Return the tag of a DAG whose pipeline has a name; a long name is cut, since a tag has at most 100 characters."""
    return f"{_TAG}{name[:_LONGEST_IN_TAG]}"


def name_tags(name: str, dag_id: str) -> list[str]:
    """Return the tags by which a DAG is found under its pipeline's name: none if the name follows from the DAG's id."""
    return [] if name == sagemaker_name(dag_id) else [name_tag(name)]


def pipeline_name(dag_id: str, tags: Iterable[str]) -> str:
    """Return the name of a DAG's pipeline, as far as its tag tells; of a long name, the first characters.

    Args:
        dag_id: Id of the DAG.
        tags: Its tags.
    """
    named = (tag.removeprefix(_TAG) for tag in tags if tag.startswith(_TAG))
    return next(named, sagemaker_name(dag_id))


def is_named(name: str, dag_id: str, tags: Iterable[str]) -> bool:
    """Tell whether a DAG's pipeline has a name.

    Args:
        name: The name.
        dag_id: Id of the DAG.
        tags: Its tags.
    """
    own = pipeline_name(dag_id, tags)
    return own in (name, name[:_LONGEST_IN_TAG])
