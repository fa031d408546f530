"""What tells people of a broken definition; the DAG in its place: ``test_folder.py``."""

from __future__ import annotations

from pathlib import Path

from airflow_sm_pipelines.translation.broken_definitions import BrokenDefinition


def test_the_key_stays_the_same_in_another_folder_and_changes_with_the_errors() -> None:
    def key(folder: str, fault: str, dag_id: str = "a") -> str:
        file = Path(folder, "a.json")
        return BrokenDefinition(dag_id, file, f"{file}: {fault}").key

    assert key("/bundle/v1", "no Steps") == key("/bundle/v2", "no Steps")
    assert len({key("/b", "no Steps"), key("/b", "no Name"), key("/b", "no Steps", "other")}) == 3
