"""Creates a DAG for each pipeline definition in a folder, from one DAG file.

A broken definition affects only its own DAG. An import error would affect all: Airflow files it under the DAG file,
and marks every DAG of a file with an import error as stale.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, get_parsing_context

from airflow_sm_pipelines.definition.package_faults import PackageFaultError
from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.translation.broken_definitions import (
    BROKEN_TAG,
    BrokenDefinition,
    OnBrokenDefinition,
    placeholder,
    tell,
)
from airflow_sm_pipelines.translation.described_dag import SAGEMAKER_TAG
from airflow_sm_pipelines.translation.source_files import folder_beside
from airflow_sm_pipelines.translation.translator import calling_file, check_dag_arguments, pipeline_dag
from airflow_sm_pipelines.translation.unknown_arguments import refuse_unknown_arguments

__all__ = ["BROKEN_TAG", "BrokenDefinition", "load_pipelines"]

_log = logging.getLogger(__name__)
_LONGEST_ID = 250
_DAG_ID = re.compile(rf"[\w.-]{{1,{_LONGEST_ID}}}")
_ALLOWED_IDS = f"use letters, digits, dots, dashes and underscores, at most {_LONGEST_ID}"
_IF_ALL_SHOW_IT = "If every definition of this folder shows the same, look at the arguments of load_pipelines first."


def load_pipelines(
    folder: str | os.PathLike[str],
    *,
    pattern: str = "*.json",
    on_broken_definition: OnBrokenDefinition | None = None,
    **arguments: Any,
) -> dict[str, DAG]:
    """Create a DAG for each definition in a folder; its id is the file name without its extension.

    A DAG file needs one line, ``dags = load_pipelines("pipelines")``; it must contain the word "dag", since Airflow's
    safe mode skips other files. A task process creates only the task's own DAG, so that a large folder does not slow
    its tasks down.

    Args:
        folder: The folder; a relative path is relative to the calling file.
        pattern: Glob pattern of the definitions in it.
        on_broken_definition: Is called with a `BrokenDefinition` for each definition that cannot become a DAG, every
            time that Airflow parses the whole file, by default every 30 seconds. Its ``key`` stays the same until
            something else is wrong. It runs in the process that parses: let it be quick.
        arguments: Arguments of `pipeline_dag` for all DAGs.

    Returns:
        The DAGs by id. A broken definition becomes a DAG of the same id with the tag ``broken-definition``, a name
        that says so, its errors in the documentation, no schedule, and one task that fails with them. So does one that
        brings a fault of this package to light, with the traceback, and one whose file name cannot be an id, with an id
        that is near it.

    Raises:
        NotADirectoryError: There is no such folder.
        TypeError: ``arguments`` has a ``dag_id``, or an argument that neither `pipeline_dag` nor ``DAG`` knows.
    """
    if "dag_id" in arguments:
        raise TypeError("load_pipelines: dag_id is not supported: each DAG is named after its file")
    refuse_unknown_arguments(load_pipelines, [pipeline_dag, DAG], arguments)
    check_dag_arguments(arguments)
    dag_file = calling_file()
    place = folder_beside(dag_file, folder)
    wanted = get_parsing_context().dag_id
    dags = {}
    for dag_id, file in _files_by_id(sorted(place.glob(pattern))).items():
        if wanted in (None, dag_id):
            made = _dag(dag_id, file, partial(pipeline_dag, file, **arguments))
            if isinstance(made, BrokenDefinition):
                if wanted is None:
                    tell(made, on_broken_definition)
                made = placeholder(made, dag_file, arguments.get("tags", [SAGEMAKER_TAG]))
            dags[dag_id] = made
            with made:
                pass  # Airflow registers a DAG that is entered while its file is imported, even without a variable
    return dags


def _files_by_id(files: Sequence[Path]) -> dict[str, Path]:
    """Return the files by the ids of their DAGs: their names, as far as Airflow allows them as ids."""
    named = {file.stem: file for file in files if _DAG_ID.fullmatch(file.stem)}
    for file in files:
        if not _DAG_ID.fullmatch(file.stem):
            dag_id = re.sub(r"[^\w.-]", "_", file.stem)[:_LONGEST_ID] or "_"
            number = 1
            while dag_id in named:
                number += 1
                dag_id = f"{dag_id[: _LONGEST_ID - 10]}-{number}"
            named[dag_id] = file
    return named


def _dag(dag_id: str, file: Path, create: Callable[[], DAG]) -> DAG | BrokenDefinition:
    """Return the DAG of a definition, or what is wrong with it."""
    if dag_id != file.stem:
        errors = f"{file}: the name of the file cannot be the id of a DAG: {_ALLOWED_IDS}; rename it"
        return BrokenDefinition(dag_id, file, errors)
    try:
        return create()
    except InvalidDefinitionError as error:
        return BrokenDefinition(dag_id, file, _encodable(str(error)))
    except OSError as error:
        return BrokenDefinition(dag_id, file, f"{file}: cannot be read: {error.strerror or error}")
    except Exception as error:  # the last guard: whatever one definition brings to light, the others keep their DAGs
        fault = error if isinstance(error, PackageFaultError) else PackageFaultError(str(file), error)
        _log.exception("%s", _encodable(str(fault)))
        shown = _encodable(f"{fault.with_traceback_text()}\n\n{_IF_ALL_SHOW_IT}")
        return BrokenDefinition(dag_id, file, shown, "cannot become a DAG")


def _encodable(text: str) -> str:
    """Return a text that Airflow's processes can send each other, with escapes for half surrogate pairs."""
    return text.encode(errors="backslashreplace").decode()
