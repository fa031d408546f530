from __future__ import annotations

from pathlib import Path

import pytest

from airflow_sm_pipelines.errors import InvalidDefinitionError
from airflow_sm_pipelines.translation.source_files import folder_beside, load_beside

DEFINITION = '{"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Lambda", "FunctionArn": "f"}]}'


@pytest.fixture
def dag_file(tmp_path: Path) -> str:
    return str(tmp_path / "dag.py")


def test_a_path_is_relative_to_the_dag_file(tmp_path: Path, dag_file: str) -> None:
    (tmp_path / "abalone.json").write_text(DEFINITION)
    assert len(load_beside(dag_file, "abalone.json").steps) == 1


def test_a_missing_file_says_what_was_looked_for_and_where(tmp_path: Path, dag_file: str) -> None:
    (tmp_path / "abalone.json").write_text(DEFINITION)
    with pytest.raises(FileNotFoundError) as caught:
        load_beside(dag_file, "abalon.json")
    assert str(caught.value) == (
        f"there is no file {tmp_path}/abalon.json; did you mean `abalone.json`?"
        f" (paths are relative to the DAG file, {dag_file})"
    )


def test_the_definitions_that_are_there_are_listed(tmp_path: Path, dag_file: str) -> None:
    for name in ("b.json", "a.json", "notes.txt"):
        (tmp_path / name).write_text(DEFINITION)
    with pytest.raises(FileNotFoundError, match=r"no file .*/credit-risk\.json; there are 'a\.json', 'b\.json' \("):
        load_beside(dag_file, Path("credit-risk.json"))


def test_a_file_in_a_folder_that_is_not_there(tmp_path: Path, dag_file: str) -> None:
    with pytest.raises(FileNotFoundError, match=rf"no file {tmp_path}/x/a\.json, nor a folder {tmp_path}/x \(paths"):
        load_beside(dag_file, "x/a.json")


def test_an_absolute_path_is_relative_to_nothing(tmp_path: Path, dag_file: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        load_beside(dag_file, tmp_path / "a.json")
    assert str(caught.value) == f"there is no file {tmp_path}/a.json"


def test_a_link_that_leads_nowhere_is_there(tmp_path: Path, dag_file: str) -> None:
    (tmp_path / "a.json").symlink_to(tmp_path / "b.json")
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        load_beside(dag_file, "a.json")


def test_a_faulty_definition_is_another_error(tmp_path: Path, dag_file: str) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(InvalidDefinitionError):
        load_beside(dag_file, "a.json")


def test_a_folder_is_relative_to_the_dag_file(tmp_path: Path, dag_file: str) -> None:
    (tmp_path / "pipelines").mkdir()
    assert folder_beside(dag_file, "pipelines") == tmp_path / "pipelines"
    with pytest.raises(NotADirectoryError) as caught:
        folder_beside(dag_file, "pipeline")
    assert str(caught.value) == (
        f"{tmp_path}/pipeline is not a folder; did you mean `pipelines`?"
        f" (paths are relative to the DAG file, {dag_file})"
    )
