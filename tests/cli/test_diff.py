from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from airflow_sm_pipelines.cli.main import main
from tests.report_schemas import complain

GOLDEN = Path(__file__).parents[1] / "golden"
ABALONE = GOLDEN / "v2_abalone_full.json"


@pytest.fixture
def changed(tmp_path):
    definition = json.loads(ABALONE.read_text())
    new = copy.deepcopy(definition)
    new["Steps"][1]["Arguments"]["HyperParameters"]["max_depth"] = "7"
    new["Parameters"][0]["DefaultValue"] = 2
    file = tmp_path / "new.json"
    file.write_text(json.dumps(new))
    return str(file)


@pytest.mark.parametrize("file", [p for p in sorted(GOLDEN.glob("*.json")) if ".graph." not in p.name], ids=str)
def test_no_definition_differs_from_itself(file, capsys):
    assert main(["diff", str(file), str(file)]) == 0
    assert capsys.readouterr().out == f"{file} -> {file}: no change\n"


def test_changes_are_told_step_by_step(changed, capsys):
    assert main(["diff", str(ABALONE), changed]) == 1
    out = capsys.readouterr().out
    assert "  ~ AbaloneTrain (Training) changed\n      Arguments.HyperParameters.max_depth: " in out
    assert "Parameters\n  ProcessingInstanceCount.DefaultValue: 1 -> 2\n" in out
    assert "In Airflow\n  param ProcessingInstanceCount has the default 2 now\n" in out


def test_spelling_is_no_change(tmp_path, capsys):
    text = json.dumps(json.loads(ABALONE.read_text()), indent=7, sort_keys=True)
    (tmp_path / "same.json").write_text(text)
    assert main(["diff", str(ABALONE), str(tmp_path / "same.json")]) == 0


def test_the_report_fits_its_schema(changed, capsys):
    main(["diff", str(ABALONE), changed, "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert complain("diff", report) == []
    assert report["identical"] is False
    (step,) = report["steps"]
    assert step["name"] == "AbaloneTrain"
    assert [value["path"] for value in step["values"]] == ["Arguments.HyperParameters.max_depth"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "not JSON"),
        ('{"Version": "2020-12-01", "Steps": [{"Name": "A", "Type": "Nope", "Arguments": {}}]}', "Nope"),
    ],
)
def test_a_definition_that_cannot_be_read_is_neither_the_same_nor_another(tmp_path, capsys, content, message):
    file = tmp_path / "broken.json"
    if content is not None:
        file.write_text(content)
    assert main(["diff", str(ABALONE), str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_what_aws_refuses_is_neither(capsys, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert main(["diff", str(ABALONE), "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/p"]) == 2
    assert "set AWS_PROFILE, or sign in" in capsys.readouterr().err
