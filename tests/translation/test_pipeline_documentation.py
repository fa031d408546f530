"""The part of a DAG's documentation that shows its pipeline."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from markdown_it import MarkdownIt

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.definition.step_types import STEP_TYPES

READER = MarkdownIt("commonmark").enable("table")


def parameters(*declared: Any) -> dict[str, Any]:
    return {"Parameters": list(declared)}


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    tokens = READER.parse(page)
    titles = [number for number, token in enumerate(tokens) if token.type == "inline" and token.content == heading]
    assert len(titles) == 1
    found: list[list[str]] = []
    for before, token in zip(tokens[titles[0] :], tokens[titles[0] + 1 :], strict=False):
        if token.type == "table_close":
            return found[1:]
        if token.type == "tr_open":
            found.append([])
        if before.type in {"td_open", "th_open"}:
            found[-1].append("".join(child.content for child in token.children or ()))
    raise AssertionError("there is no table")


def test_it_lists_the_steps_with_type_purpose_and_what_they_wait_for(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A", Description="Splits | joins"), processing("B", "A"), processing("C", "A", "B"))

    assert rows(dag.doc_md, "Steps") == [
        ["A", "Processing", "Splits | joins", ""],
        ["B", "Processing", "Runs a SageMaker processing job", "A"],
        ["C", "Processing", "Runs a SageMaker processing job", "B"],
    ]


def test_it_draws_the_graph_without_what_follows_from_the_rest(dag_of: Any, processing: Any) -> None:
    dag = dag_of(processing("A"), processing("B", "A"), processing("C", "A", "B"))

    assert "```text\nA  Processing\nB  Processing  after A\nC  Processing  after B\n```" in dag.doc_md
    assert dag.get_task("C").upstream_task_ids == {"A", "B"}, "the DAG has all edges"


def test_it_lists_the_parameters_with_what_a_run_gets(dag_of: Any, processing: Any) -> None:
    declared = parameters(
        {"Name": "Rows", "Type": "Integer", "DefaultValue": 5, "Description": "How many.\n<b>All</b>"},
        {"Name": "Mode", "Type": "String", "DefaultValue": "a|b", "EnumValues": ["a|b", "c"]},
        {"Name": "Bucket", "Type": "String"},
        {"Name": "ApiPassword", "Type": "String", "DefaultValue": "hunter2"},
        {"Name": "Odd", "Type": "String", "DefaultValue": "`\\|` ![]( "},
    )
    dag = dag_of(processing("A"), members=declared, parameters={"Rows": 7})

    assert rows(dag.doc_md, "Parameters") == [
        ["Rows", "Integer", "7", "How many. <b>All</b>"],
        ["Mode", "String", '"a|b"', "One of a|b, c"],
        ["Bucket", "String", "required", ""],
        ["ApiPassword", "String", "***", ""],
        ["Odd", "String", '"`\\\\|` ![]( "', ""],
    ]
    assert "hunter2" not in dag.doc_md


def test_without_parameters_it_has_no_such_table(dag_of: Any, processing: Any) -> None:
    assert "### Parameters" not in dag_of(processing("A")).doc_md


def test_it_shows_the_definition_itself(definition: Any, processing: Any, dag_of: Any) -> None:
    source = definition(processing("A", Description="```\n# no title"))
    around = {"PipelineDefinition": json.dumps(source), "RoleArn": "arn:aws:iam::123456789012:role/R"}

    [block] = [
        token.content
        for token in READER.parse(pipeline_dag(around, dag_id="dag").doc_md)
        if token.type == "fence" and token.info == "json"
    ]

    assert json.loads(block) == source


def test_a_long_definition_is_not_shown_and_a_long_list_of_steps_is_cut(dag_of: Any, processing: Any) -> None:
    dag = dag_of(*(processing(f"S{number}") for number in range(400)))

    assert "It is too long to be shown here" in dag.doc_md
    assert len(rows(dag.doc_md, "Steps")) == 100
    assert "300 more steps are not listed here." in dag.doc_md
    assert "### Graph" not in dag.doc_md
    assert len(dag.doc_md) < 12_000


def test_a_long_list_of_parameters_is_cut(dag_of: Any, processing: Any) -> None:
    declared = parameters(*({"Name": f"P{number}", "Type": "String", "DefaultValue": ""} for number in range(150)))

    dag = dag_of(processing("A"), members=declared)

    assert len(rows(dag.doc_md, "Parameters")) == 100
    assert "50 more parameters are not listed here." in dag.doc_md


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (None, "- Schedule: none. Runs are started by hand, through the API or by other DAGs"),
        ("@daily", "- Schedule: `@daily`"),
        ("0 5 * * *", "- Schedule: `0 5 * * *`"),
        (timedelta(hours=6), "- Schedule: every 6:00:00"),
    ],
)
def test_it_tells_the_schedule(dag_of: Any, processing: Any, schedule: Any, expected: str) -> None:
    assert expected in dag_of(processing("A"), schedule=schedule).doc_md.splitlines()


def test_it_tells_what_stands_beside_the_definition(definition: Any, processing: Any) -> None:
    around = {
        "PipelineDefinition": json.dumps(definition(processing("A"))),
        "PipelineArn": "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p",
        "RoleArn": "arn:aws:iam::123456789012:role/R",
        "ParallelismConfiguration": {"MaxParallelExecutionSteps": 3},
    }
    lines = pipeline_dag(around, dag_id="dag").doc_md.splitlines()

    assert "- Pipeline in SageMaker: `arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p`" in lines
    assert "- Role of the jobs: `arn:aws:iam::123456789012:role/R`" in lines
    assert "- Steps of a run at once: at most 3" in lines


def test_every_step_type_has_a_name_that_needs_no_escape() -> None:
    assert all(name.isalpha() for name in STEP_TYPES)
