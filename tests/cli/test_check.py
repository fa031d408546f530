from __future__ import annotations

import json

import pytest

from airflow_sm_pipelines.cli.main import main

GOOD = {"Steps": [{"Name": "A", "Type": "Lambda", "FunctionArn": "f"}]}
WARNED = {"Steps": [{"Name": "A", "Type": "Lambda", "FunctionArn": "f", "Arguments": {"Environment": {"TOKEN": "x"}}}]}
BAD = {"Steps": [{"Name": "A", "Type": "Lambda", "FunctionArn": "f", "DependsOn": ["B", "AA"]}]}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Write a definition into the working directory and return the name of its file."""
    monkeypatch.chdir(tmp_path)

    def write(name, definition):
        (tmp_path / name).write_text(definition if isinstance(definition, str) else json.dumps(definition))
        return name

    return write


def test_valid_file(file, capsys):
    assert main(["check", file("good.json", GOOD)]) == 0
    assert capsys.readouterr().out == "good.json: ok: 1 step\n"


def test_warnings_do_not_fail(file, capsys):
    assert main(["check", file("warned.json", WARNED)]) == 0
    assert capsys.readouterr().out == (
        "warned.json: ok: 1 step, 1 warning\n"
        "  warning: Steps[0].Arguments.Environment.TOKEN\n"
        "      TOKEN looks like a secret; everyone who can describe the job can read it\n"
        "      -> store it in AWS Secrets Manager and pass its name\n"
    )


def test_every_error_of_every_file(file, capsys):
    assert main(["check", file("bad.json", BAD), file("good.json", GOOD), file("text.json", "{")]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith(
        "bad.json: 2 errors\n"
        "  error: Steps[0].DependsOn[0]\n"
        "      there is no step 'B'\n"
        "  error: Steps[0].DependsOn[1]\n"
        "      there is no step 'AA'\n"
        "      -> did you mean `A`?\n"
        "good.json: ok: 1 step\n"
        "text.json: 1 error\n"
        "  error: the definition\n"
        "      not JSON: "
    )


@pytest.mark.parametrize("name", ["text", "human"])
def test_text_is_the_default_and_was_once_called_human(file, capsys, name):
    name_of_file = file("warned.json", WARNED)
    assert main(["check", name_of_file]) == 0
    default = capsys.readouterr().out
    assert main(["check", "--format", name, name_of_file]) == 0
    assert capsys.readouterr().out == default


def test_json_format(file, capsys):
    assert main(["check", "--format", "json", file("bad.json", BAD), file("warned.json", WARNED)]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out) == [
        {
            "file": "bad.json",
            "errors": [
                {"path": "Steps[0].DependsOn[0]", "message": "there is no step 'B'", "hint": ""},
                {"path": "Steps[0].DependsOn[1]", "message": "there is no step 'AA'", "hint": "did you mean `A`?"},
            ],
            "warnings": [],
        },
        {
            "file": "warned.json",
            "errors": [],
            "warnings": [
                {
                    "path": "Steps[0].Arguments.Environment.TOKEN",
                    "message": "TOKEN looks like a secret; everyone who can describe the job can read it",
                    "hint": "store it in AWS Secrets Manager and pass its name",
                }
            ],
        },
    ]


def test_unreadable_file_is_an_error(file, capsys):
    assert main(["check", "nope.json", file("good.json", GOOD)]) == 1
    assert "nope.json: 1 error\n  error: the definition\n      cannot be read: No such file" in capsys.readouterr().out


def test_a_file_name_that_starts_with_a_brace_is_a_file(file, capsys):
    assert main(["check", file("{}.json", GOOD)]) == 0


def test_text_that_no_terminal_can_show(file, capfd):
    half = {"Steps": [{"Name": "\ud800", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}]}
    assert main(["check", file("half.json", half)]) == 1
    assert "is not a valid step name" in capfd.readouterr().out
