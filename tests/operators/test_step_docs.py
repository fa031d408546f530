"""The documentation of a step's task."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG, get_parsing_context
from airflow.serialization.serialized_objects import DagSerialization

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.operators import step_docs
from airflow_sm_pipelines.operators.step_docs import purpose

Step = dict[str, Any]


@pytest.fixture
def processing(processing_arguments: Step) -> Any:
    def make(name: str, *depends_on: Any, **members: Any) -> Step:
        waits = {"DependsOn": list(depends_on)} if depends_on else {}
        return {"Name": name, "Type": "Processing", "Arguments": processing_arguments, **waits, **members}

    return make


@pytest.fixture
def docs_of(definition: Any) -> Any:
    """The documentation of each task of some steps."""

    def make(*steps: Step, **arguments: Any) -> dict[str, str]:
        dag = pipeline_dag(definition(*steps), dag_id="dag", **arguments)
        return {task.task_id: task.doc_md for task in dag.tasks}

    return make


def test_it_says_what_the_step_is_and_does(docs_of: Any, processing: Any) -> None:
    docs = docs_of(processing("A", Description="Splits the rows"))["A"]

    assert docs.startswith("Splits the rows\n\n**Processing** step. Runs a SageMaker processing job;")
    assert "- In the definition: `Steps[0]`" in docs


@pytest.mark.parametrize("step_type", CATALOG)
def test_the_docstring_of_each_operator_says_what_its_steps_are_for(step_type: str) -> None:
    said = purpose(CATALOG[step_type].operator_class())

    assert said.endswith(".") or ";" in said
    assert "|" not in said, "it stands in a table"
    assert "``" not in said


def test_it_names_what_the_step_waits_for_and_in_which_outcome(docs_of: Any, processing: Any) -> None:
    branch = {
        "Name": "K",
        "Type": "Condition",
        "Arguments": {"Conditions": [], "IfSteps": [processing("B", "A")], "ElseSteps": []},
    }
    docs = docs_of(processing("A"), branch, processing("N", {"Step": "A", "Trigger": "Failed"}))

    assert "- Waits for no other step" in docs["A"]
    assert "- Waits for `A`, `K` (if)" in docs["B"]
    assert "- Waits for `A` (failed)" in docs["N"]


def test_it_counts_what_it_does_not_name(docs_of: Any, processing: Any) -> None:
    first = [processing(f"A{number:02}") for number in range(23)]

    docs = docs_of(*first, processing("B", *(step["Name"] for step in first)))["B"]

    assert "`A19` and 3 more" in docs
    assert "A20" not in docs


def test_it_tells_of_cached_results_and_of_the_loop(docs_of: Any, processing: Any) -> None:
    body = processing("A", CacheConfig={"Enabled": True, "ExpireAfter": "30d"})
    loop = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": [body, processing("B")]}

    docs = docs_of({"Name": "Each", "Type": "ForEach", "Arguments": loop})

    assert "- Runs once for each item of `Each`" in docs["A"]
    assert "- Reuses the result of an earlier run that is at most `30d` old" in docs["A"]
    assert "Reuses" not in docs["B"]
    assert docs["Each.turn"] == "Not a step: waits until this iteration of `Each` may begin."


def test_it_shows_the_request_of_a_short_definition_without_secrets(docs_of: Any, processing: Any) -> None:
    step = processing("A")
    step["Arguments"] = {**step["Arguments"], "Environment": {"DB_PASSWORD": "hunter2", "MODE": "all"}}

    docs = docs_of(step)["A"]

    assert '```json\n{\n  "' in docs
    assert '"MODE": "all"' in docs
    assert '"DB_PASSWORD": "***"' in docs
    assert "hunter2" not in docs


def test_it_does_not_show_the_requests_of_a_long_definition(docs_of: Any, processing: Any) -> None:
    step = processing("A")
    step["Arguments"] = {**step["Arguments"], "Environment": {"LONG": "x" * 20_000}}

    docs = docs_of(step, processing("B"))

    assert "```" not in docs["A"]
    assert "```" not in docs["B"]


def test_text_of_the_definition_cannot_add_to_the_page(docs_of: Any, processing: Any) -> None:
    docs = docs_of(processing("A", Description="# Title\n\n<script>x</script> ![](https://evil.example/a.png)"))["A"]

    assert docs.startswith("\\# Title \\<script\\>x\\</script\\> !\\[\\](https\\://evil.example/a.png)\n\n")


def test_the_authors_own_text_comes_first(docs_of: Any, processing: Any) -> None:
    docs = docs_of(processing("A"), processing("B"), overrides={"A": {"doc_md": "Ask *me*."}})

    assert docs["A"].startswith("Ask *me*.\n\n**Processing** step.")
    assert docs["B"].startswith("**Processing** step.")


def test_only_the_process_that_serializes_the_dag_writes_it(
    definition: Any, processing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    original = step_docs.step_documentation
    monkeypatch.setattr(step_docs, "step_documentation", lambda *given: written.append(given) or original(*given))

    dag: DAG = pipeline_dag(definition(processing("A")), dag_id="dag")
    assert not written
    assert get_parsing_context().task_id is None

    [task] = DagSerialization.to_dict(dag)["dag"]["tasks"]
    assert task["__var"]["doc_md"].startswith("**Processing** step.")
    assert len(written) == 1
