"""Finds what a DAG file names: a definition, a folder of definitions; relative paths are relative to the DAG file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.definition.suggestions import did_you_mean


def load_beside(dag_file: str, source: str | os.PathLike[str] | dict[str, Any]) -> Pipeline:
    """Return the pipeline of a source that a DAG file names.

    Args:
        dag_file: The DAG file.
        source: A path, JSON text, or a dict.

    Raises:
        FileNotFoundError: There is no such file; says what was looked for, and which definitions are there.
        InvalidDefinitionError: The definition has errors.
    """
    folder = Path(dag_file).parent
    try:
        return load_pipeline(source, base_folder=folder)
    except FileNotFoundError:
        wanted = folder / str(source)
        if wanted.is_symlink():  # there is such a file, but it leads nowhere
            raise
        found = (path.name for path in _children(wanted.parent) if path.suffix == ".json")
        message = f"there is no file {wanted}{_instead(wanted, found)}{_note(str(source), dag_file)}"
        raise FileNotFoundError(message) from None


def folder_beside(dag_file: str, folder: str | os.PathLike[str]) -> Path:
    """Return the path of a folder that a DAG file names.

    Raises:
        NotADirectoryError: There is no such folder; says what was looked for, and which folders are there.
    """
    wanted = Path(dag_file).parent / folder
    if not wanted.is_dir():
        found = (path.name for path in _children(wanted.parent) if path.is_dir())
        raise NotADirectoryError(f"{wanted} is not a folder{_instead(wanted, found)}{_note(str(folder), dag_file)}")
    return wanted


def _children(folder: Path) -> Iterable[Path]:
    return folder.iterdir() if folder.is_dir() else ()


def _instead(wanted: Path, found: Iterable[str]) -> str:
    """Return what is there instead of a file or a folder, as the continuation of a sentence."""
    if not wanted.parent.is_dir():
        return f", nor a folder {wanted.parent}"
    names = sorted(found)
    there = did_you_mean(wanted.name, names) or (f"there are {list_names(names)}" if names else "")
    return f"; {there}" if there else ""


def _note(named: str, dag_file: str) -> str:
    return "" if Path(named).is_absolute() else f" (paths are relative to the DAG file, {dag_file})"
