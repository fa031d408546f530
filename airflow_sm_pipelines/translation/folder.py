"""A folder of pipeline definitions as DAGs, from one DAG file.

A definition that is broken costs only its own DAG. An import error would not do: Airflow files it under the DAG file,
and takes every DAG of a file with an import error for stale.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_parsing_context

from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.operators.broken_definition import BrokenDefinitionOperator
from airflow_sm_pipelines.translation.translator import calling_file, pipeline_dag

BROKEN_TAG = "broken-definition"


def load_pipelines(folder: str | os.PathLike[str], *, pattern: str = "*.json", **arguments: Any) -> dict[str, DAG]:
    """Make a DAG of each definition in a folder; its id is the file's name without the ending.

    A DAG file needs one line, ``dags = load_pipelines("pipelines")``: Airflow's safe mode reads only files in which
    the word "dag" stands. In a task process only the task's own DAG is made, so that a large folder does not slow its
    tasks down.

    Args:
        folder: The folder; a relative path starts at the calling file.
        pattern: Which of its files are definitions.
        arguments: Arguments of `pipeline_dag` for all of them.

    Returns:
        The DAGs by id. A broken definition is a DAG of the same id with the tag ``broken-definition``, its errors in
        the documentation, no schedule, and one task that fails with them.

    Raises:
        NotADirectoryError: There is no such folder.
        TypeError: ``arguments`` name the DAG, which a folder cannot share.
    """
    place = Path(calling_file()).parent / folder
    if not place.is_dir():
        raise NotADirectoryError(f"load_pipelines: {place} is not a folder")
    if "dag_id" in arguments:
        raise TypeError("load_pipelines: each DAG has the name of its file; dag_id cannot be given for all")
    wanted = get_parsing_context().dag_id
    dags = {}
    for file in sorted(place.glob(pattern)):
        if wanted in (None, file.stem):
            dags[file.stem] = _dag(file, arguments)
            with dags[file.stem]:
                pass  # Airflow finds a DAG that was entered while its file is imported, whatever becomes of the name
    return dags


def _dag(file: Path, arguments: dict[str, Any]) -> DAG:
    try:
        return pipeline_dag(file, **arguments)
    except InvalidDefinitionError as error:
        return _placeholder(file.stem, str(error))
    except OSError as error:
        return _placeholder(file.stem, f"{file}: cannot be read: {error.strerror or error}")


def _placeholder(dag_id: str, errors: str) -> DAG:
    documentation = f"This pipeline definition is broken:\n\n```\n{errors}\n```"
    dag = DAG(dag_id, schedule=None, tags=[BROKEN_TAG], doc_md=documentation)
    dag.fileloc = calling_file()
    BrokenDefinitionOperator(task_id="broken_definition", errors=errors, dag=dag)
    return dag
