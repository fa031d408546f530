"""Creates a DAG for each pipeline definition in a folder, from one DAG file.

A broken definition affects only its own DAG. An import error would affect all: Airflow files it under the DAG file,
and marks every DAG of a file with an import error as stale.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_parsing_context

from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.execution.airflow_internals.authoring import make_missing_task
from airflow_sm_pipelines.operators.broken_definition import BrokenDefinitionOperator
from airflow_sm_pipelines.translation.source_files import folder_beside
from airflow_sm_pipelines.translation.translator import calling_file, pipeline_dag, removed_step
from airflow_sm_pipelines.translation.unknown_arguments import refuse_unknown_arguments

BROKEN_TAG = "broken-definition"


def load_pipelines(folder: str | os.PathLike[str], *, pattern: str = "*.json", **arguments: Any) -> dict[str, DAG]:
    """Create a DAG for each definition in a folder; its id is the file name without its extension.

    A DAG file needs one line, ``dags = load_pipelines("pipelines")``; it must contain the word "dag", since Airflow's
    safe mode skips other files. A task process creates only the task's own DAG, so that a large folder does not slow
    its tasks down.

    Args:
        folder: The folder; a relative path is relative to the calling file.
        pattern: Glob pattern of the definitions in it.
        arguments: Arguments of `pipeline_dag` for all DAGs.

    Returns:
        The DAGs by id. A broken definition becomes a DAG of the same id with the tag ``broken-definition``, its errors
        in the documentation, no schedule, and one task that fails with the errors.

    Raises:
        NotADirectoryError: There is no such folder.
        TypeError: ``arguments`` has a ``dag_id``, or an argument that neither `pipeline_dag` nor ``DAG`` knows.
    """
    if "dag_id" in arguments:
        raise TypeError("load_pipelines: dag_id is not supported: each DAG is named after its file")
    refuse_unknown_arguments(load_pipelines, [pipeline_dag, DAG], arguments)
    place = folder_beside(calling_file(), folder)
    wanted = get_parsing_context().dag_id
    dags = {}
    for file in sorted(place.glob(pattern)):
        if wanted in (None, file.stem):
            dags[file.stem] = _dag(file, partial(pipeline_dag, file, **arguments))
            with dags[file.stem]:
                pass  # Airflow registers a DAG that is entered while its file is imported, even without a variable
    return dags


def _dag(file: Path, create: Callable[[], DAG]) -> DAG:
    try:
        return create()
    except InvalidDefinitionError as error:
        return _placeholder(file.stem, str(error))
    except OSError as error:
        return _placeholder(file.stem, f"{file}: cannot be read: {error.strerror or error}")


def _placeholder(dag_id: str, errors: str) -> DAG:
    documentation = f"This pipeline definition is broken:\n\n```\n{errors}\n```"
    dag = DAG(dag_id, schedule=None, tags=[BROKEN_TAG], doc_md=documentation)
    dag.fileloc = calling_file()
    BrokenDefinitionOperator(task_id="broken_definition", errors=errors, dag=dag)
    make_missing_task(dag, partial(removed_step, dag))
    return dag
