"""A definition of a folder that cannot become a DAG: the DAG in its place, and what tells people of it.

Runs at parse time.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from airflow.sdk import DAG

from airflow_sm_pipelines.execution.airflow_internals.authoring import make_missing_task
from airflow_sm_pipelines.execution.airflow_internals.statistics import count
from airflow_sm_pipelines.operators.broken_definition import BrokenDefinitionOperator
from airflow_sm_pipelines.preview.markdown import code_block
from airflow_sm_pipelines.translation.translator import removed_step

BROKEN_TAG = "broken-definition"
"""Tag of the DAG that stands in for a broken definition."""

BROKEN_METRIC = "sm_pipelines.broken_definitions"
"""Counter of broken definitions; one for each, every time that its DAG file is parsed."""

_log = logging.getLogger(__name__)
_STANDS_IN = (
    "Nothing of the pipeline runs until this is repaired. This DAG only stands in for it: it has no schedule and no "
    "parameters, and a run of it fails with the text above."
)


@dataclass(frozen=True, slots=True)
class BrokenDefinition:
    """What ``on_broken_definition`` of `load_pipelines` is called with.

    Attributes:
        dag_id: Id of the DAG that stands in for it.
        file: The file of the definition.
        errors: What is wrong, as people read it.
        complaint: The same in a few words: ``is broken`` or ``cannot become a DAG``.
    """

    dag_id: str
    file: Path
    errors: str
    complaint: str = "is broken"

    @property
    def key(self) -> str:
        """What stays the same as long as the same is wrong with the same DAG, e.g. to tell of it once: a short text."""
        # A DAG bundle may have a folder of its own for each of its versions.
        errors = self.errors.replace(str(self.file), self.file.name)
        return hashlib.sha256(f"{self.dag_id}\n{errors}".encode()).hexdigest()[:16]


OnBrokenDefinition: TypeAlias = Callable[[BrokenDefinition], object]


def placeholder(broken: BrokenDefinition, dag_file: str, tags: Iterable[str]) -> DAG:
    """Return the DAG that stands in for a broken definition.

    Args:
        broken: The definition.
        dag_file: The DAG file.
        tags: The tags that it would have.
    """
    documentation = f"This pipeline definition {broken.complaint}:\n\n{code_block(broken.errors)}\n\n{_STANDS_IN}"
    dag = DAG(
        broken.dag_id,
        schedule=None,
        dag_display_name=f"{broken.dag_id} (broken definition)",
        description=f"The pipeline definition {broken.complaint}. This DAG stands in for it, and only fails.",
        tags=[BROKEN_TAG, *tags],
        doc_md=documentation,
    )
    dag.fileloc = dag_file
    BrokenDefinitionOperator(task_id="broken_definition", errors=broken.errors, doc_md=documentation, dag=dag)
    make_missing_task(dag, partial(removed_step, dag))
    return dag


def tell(broken: BrokenDefinition, on_broken_definition: OnBrokenDefinition | None) -> None:
    """Count a broken definition in Airflow's metrics, and call what the author of the DAG file has given.

    Args:
        broken: The definition.
        on_broken_definition: Is called with it. What it raises is logged: the other definitions keep their DAGs.
    """
    count(BROKEN_METRIC, {"dag_id": broken.dag_id})
    if on_broken_definition is None:
        return
    try:
        on_broken_definition(broken)
    except Exception:
        _log.exception("on_broken_definition has failed for %s", broken.dag_id)
