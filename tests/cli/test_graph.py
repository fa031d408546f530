from __future__ import annotations

import json

import pytest

from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.graph import as_json, as_mermaid, as_text


def step(name, **members):
    return {"Name": name, "Type": "Lambda", "FunctionArn": "f", **members}


DEFINITION = {
    "Steps": [
        {
            "Name": "Gate",
            "Type": "Condition",
            "DependsOn": ["Train"],
            "Arguments": {
                "Conditions": [],
                "IfSteps": [step("end", DependsOn=["graph"]), step("graph")],
                "ElseSteps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}],
            },
        },
        step("Train"),
        step("Notify", DependsOn=[{"Step": "Train", "Trigger": "Failed"}]),
        {
            "Name": "Loop",
            "Type": "ForEach",
            "Arguments": {
                "IterableItems": ["a"],
                "MaxConcurrency": 1,
                "ForEachBody": [step("Body", DependsOn=["Notify"])],
            },
        },
        step("After", DependsOn=["Gate", {"Step": "Loop", "Trigger": "Any"}, {"Step": "Train", "Trigger": "Stopped"}]),
    ]
}


@pytest.fixture
def plans():
    return load_pipeline(DEFINITION).plans


def test_text_shows_running_order_branches_and_loops(plans):
    assert as_text(plans) == "\n".join(
        [
            "Train             Lambda",
            "Gate              Condition  after Train",
            "├─ if",
            "│  ├─ graph       Lambda",
            "│  └─ end         Lambda     after graph",
            "└─ else",
            "   └─ Stop        Fail",
            "Notify            Lambda     after Train (failed)",
            "Loop              ForEach    after Notify",
            "└─ for each item",
            "   └─ Body        Lambda",
            "After             Lambda     after Gate, Loop (however it ends), Train (stopped)",
        ]
    )


def test_mermaid_flowchart(plans):
    assert as_mermaid(plans) == "\n".join(
        [
            "flowchart TD",
            '    s0{"Gate<br/><i>Condition</i>"}',
            '    s1["end<br/><i>Lambda</i>"]',
            '    s2["graph<br/><i>Lambda</i>"]',
            '    s3(["Stop<br/><i>Fail</i>"])',
            '    s4["Train<br/><i>Lambda</i>"]',
            '    s5["Notify<br/><i>Lambda</i>"]',
            '    subgraph s6 ["Loop<br/><i>ForEach</i>"]',
            '        s7["Body<br/><i>Lambda</i>"]',
            "    end",
            '    s8["After<br/><i>Lambda</i>"]',
            "    s4 --> s0",
            "    s0 -->|if| s1",
            "    s2 --> s1",
            "    s0 -->|if| s2",
            "    s0 -->|else| s3",
            "    s4 -.->|Failed| s5",
            "    s5 --> s6",
            "    s0 --> s8",
            "    s6 -.->|Any| s8",
            "    s4 -.->|Stopped| s8",
        ]
    )


def test_json(plans):
    steps = {entry["name"]: entry for entry in json.loads(as_json(plans))["steps"]}
    assert list(steps) == ["Gate", "end", "graph", "Stop", "Train", "Notify", "Loop", "Body", "After"]
    assert steps["end"] == {
        "name": "end",
        "type": "Lambda",
        "depends_on": [{"step": "Gate", "trigger": "Completed"}, {"step": "graph", "trigger": "Completed"}],
        "branch_of": {"condition": "Gate", "branch": "if"},
        "body_of": None,
    }
    assert steps["Stop"]["branch_of"] == {"condition": "Gate", "branch": "else"}
    assert steps["Body"]["body_of"] == "Loop"
    assert steps["After"]["depends_on"] == [
        {"step": "Gate", "trigger": "Completed"},
        {"step": "Loop", "trigger": "Any"},
        {"step": "Train", "trigger": "Stopped"},
    ]


@pytest.mark.parametrize(("format_", "first"), [("text", "Train "), ("mermaid", "flowchart TD"), ("json", "{")])
def test_command(tmp_path, capsys, format_, first):
    file = tmp_path / "p.json"
    file.write_text(json.dumps(DEFINITION))
    assert main(["graph", str(file), "--format", format_]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(first)
    assert captured.err == ""


def test_unreadable_file(tmp_path, capsys):
    assert main(["graph", str(tmp_path / "nope.json")]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nope.json: cannot be read: No such file or directory" in captured.err


def test_broken_definition(tmp_path, capsys):
    file = tmp_path / "p.json"
    file.write_text('{"Steps": []}')
    assert main(["graph", str(file)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Steps: a pipeline needs at least one step" in captured.err
