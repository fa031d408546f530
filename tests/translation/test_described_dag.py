"""What a DAG says of its pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.translation import described_dag


def test_it_names_the_file_as_seen_from_the_dag_file(
    tmp_path: Path, definition: Any, processing: Any, dag_of: Any
) -> None:
    """The path on the machine that parses would make a new version of the DAG on each machine."""
    for place in ("dags/pipelines", "definitions"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.json").write_text(json.dumps(definition(processing("A"))))

    def first_line(source: str) -> str:
        names: dict[str, Any] = {}
        file = tmp_path / "dags" / "loader.py"
        code = f"from airflow_sm_pipelines import pipeline_dag\ndag = pipeline_dag({source!r})\n"
        exec(compile(code, file, "exec"), names)
        said: str = names["dag"].doc_md.partition("\n")[0]
        return said

    end = ", 1 step. DAG file: `loader.py`."
    assert first_line("pipelines/a.json") == f"SageMaker pipeline definition `pipelines/a.json`{end}"
    assert first_line("../definitions/a.json") == f"SageMaker pipeline definition `../definitions/a.json`{end}"
    beside = str(tmp_path / "definitions" / "a.json")
    assert first_line(beside) == f"SageMaker pipeline definition `../definitions/a.json`{end}"


def test_a_dag_of_a_pipeline_is_found_by_its_tag(dag_of: Any, processing: Any) -> None:
    assert dag_of(processing("A")).tags == {"sagemaker"}


@pytest.mark.parametrize("tags", [[], ["ml"]])
def test_tags_of_the_author_replace_those_of_the_pipeline(definition: Any, processing: Any, tags: list[str]) -> None:
    source = {
        "PipelineDefinition": json.dumps(definition(processing("A"))),
        "Tags": [{"Key": "team", "Value": "ml"}],
    }
    assert pipeline_dag(source, dag_id="dag").tags == {"sagemaker", "team=ml"}
    assert pipeline_dag(source, dag_id="dag", tags=tags).tags == set(tags)


def test_the_process_of_a_task_does_not_write_what_only_people_read(
    dag_of: Any, processing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(described_dag, "_is_for_people", lambda: False)

    dag = dag_of(processing("A"), doc_md="Mine.")

    digest = dag.get_task("A").settings.pipeline.digest
    first = "SageMaker pipeline definition `<dict>`, 1 step. DAG file: `conftest.py`."
    assert dag.doc_md == f"Mine.\n\n{first}\n\nsha256 `{digest}`"


def test_which_process_is_a_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert described_dag._is_for_people()
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "dag")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", "task")
    assert not described_dag._is_for_people()
