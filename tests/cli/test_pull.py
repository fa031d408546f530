from __future__ import annotations

import json

import boto3
import pytest
from moto import mock_aws

from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.pulled_definitions import file_name
from tests.report_schemas import complain

STEP = {"Name": "A", "Type": "Lambda", "FunctionArn": "arn:aws:lambda:us-east-1:1:function:f"}
DEFINITION = {"Version": "2020-12-01", "Steps": [STEP]}
PULL_ALL = ("pull", "--all", "-o", "pipelines")


@pytest.fixture
def sagemaker(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield boto3.client("sagemaker")


def create(sagemaker, name, definition=DEFINITION):
    text = definition if isinstance(definition, str) else json.dumps(definition)
    role = "arn:aws:iam::123456789012:role/R"
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=text, RoleArn=role, ClientRequestToken=32 * "x")


def change(sagemaker, name):
    other = {**DEFINITION, "Steps": [{**STEP, "Name": "B"}]}
    sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=json.dumps(other))


def states(capsys, *arguments):
    code = main([*PULL_ALL, "--format", "json", *arguments])
    report = json.loads(capsys.readouterr().out)
    assert complain("pull", report) == []
    return code, {one["pipeline"]: one["state"] for one in report["pipelines"]}


def test_each_pipeline_has_a_file_from_which_it_is_loaded(sagemaker, tmp_path, capsys):
    create(sagemaker, "mine")
    create(sagemaker, "yours")

    assert main(PULL_ALL) == 0
    out = capsys.readouterr().out
    assert [line.split() for line in out.splitlines()] == [
        ["mine", "new", "pipelines/mine.json"],
        ["yours", "new", "pipelines/yours.json"],
        ["2", "new"],
    ]
    assert sorted(file.name for file in (tmp_path / "pipelines").iterdir()) == ["mine.json", "yours.json"]
    pipeline = load_pipeline(tmp_path / "pipelines" / "mine.json")
    assert (pipeline.resource.name, pipeline.resource.role_arn) == ("mine", "arn:aws:iam::123456789012:role/R")


def test_a_file_is_written_only_if_its_pipeline_changed(sagemaker, tmp_path, capsys):
    create(sagemaker, "mine")
    create(sagemaker, "yours")
    main(PULL_ALL)
    capsys.readouterr()
    files = {name: (tmp_path / "pipelines" / f"{name}.json") for name in ("mine", "yours")}
    before = {name: file.stat().st_mtime_ns for name, file in files.items()}
    change(sagemaker, "yours")

    assert states(capsys) == (0, {"mine": "unchanged", "yours": "changed"})
    assert files["mine"].stat().st_mtime_ns == before["mine"]
    assert load_pipeline(files["yours"]).steps[0].name == "B"
    assert states(capsys) == (0, {"mine": "unchanged", "yours": "unchanged"})


def test_a_file_without_a_pipeline_is_told_and_stays(sagemaker, tmp_path, capsys):
    create(sagemaker, "mine")
    main(PULL_ALL)
    capsys.readouterr()
    mine = tmp_path / "pipelines" / "mine.json"
    for name, arn in {"hand-written": None, "elsewhere": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/x"}.items():
        document = {**json.loads(mine.read_text()), "PipelineArn": arn} if arn else DEFINITION
        (tmp_path / "pipelines" / f"{name}.json").write_text(json.dumps(document))
    sagemaker.delete_pipeline(PipelineName="mine", ClientRequestToken=32 * "x")

    assert states(capsys) == (0, {"mine": "gone"})
    assert mine.exists()
    assert states(capsys, "--check")[0] == 1


def test_check_writes_nothing_and_tells_by_its_exit_code(sagemaker, tmp_path, capsys):
    create(sagemaker, "mine")
    assert states(capsys, "--check") == (1, {"mine": "new"})
    assert not (tmp_path / "pipelines").exists()
    main(PULL_ALL)
    capsys.readouterr()
    assert states(capsys, "--check") == (0, {"mine": "unchanged"})
    before = (tmp_path / "pipelines" / "mine.json").read_bytes()
    change(sagemaker, "mine")
    assert states(capsys, "--check") == (1, {"mine": "changed"})
    assert (tmp_path / "pipelines" / "mine.json").read_bytes() == before


def test_one_pipeline_is_pulled_by_its_name(sagemaker, tmp_path, capsys):
    create(sagemaker, "mine")
    create(sagemaker, "yours")
    assert main(["pull", "--pipeline", "mine"]) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["mine.json"]


def test_what_aws_refuses_fails_alone(sagemaker, tmp_path, capsys):
    create(sagemaker, "mine")
    create(sagemaker, "yours", "{")
    assert states(capsys) == (2, {"mine": "new", "yours": "failed"})
    assert main(["pull", "--pipeline", "none"]) == 2
    assert "none  failed" in capsys.readouterr().out


def test_a_file_of_another_account_is_not_overwritten(sagemaker, tmp_path, capsys):
    create(sagemaker, "mine")
    main(["pull", "--pipeline", "mine"])
    file = tmp_path / "mine.json"
    other = file.read_text().replace(":123456789012:pipeline", ":999999999999:pipeline")
    file.write_text(other)
    capsys.readouterr()
    assert main(["pull", "--pipeline", "mine", "--format", "json"]) == 2
    (row,) = json.loads(capsys.readouterr().out)["pipelines"]
    assert "mine.json holds arn:aws:sagemaker:eu-west-1:999999999999:pipeline/mine; choose another" in row["note"]
    assert file.read_text() == other


def test_a_definition_with_errors_is_pulled_and_told(sagemaker, tmp_path, capsys):
    create(sagemaker, "mine", {**DEFINITION, "Steps": [{**STEP, "Type": "Nope"}]})
    assert main(["pull", "--pipeline", "mine"]) == 0
    assert "1 error: sm-pipelines check mine.json" in capsys.readouterr().out


def test_a_name_that_cannot_be_a_dag_id_is_cut():
    assert file_name("a" * 250) == f"{'a' * 250}.json"
    longer = [file_name("a" * 255 + last) for last in "xy"]
    assert all(len(name.removesuffix(".json")) == 250 for name in longer)
    assert longer[0] != longer[1]


def test_a_file_that_cannot_be_written_is_named(sagemaker, tmp_path, capsys):
    create(sagemaker, "mine")
    (tmp_path / "pipelines").write_text("a file")
    assert main(["pull", "--pipeline", "mine", "-o", "pipelines"]) == 2
    assert "failed" in capsys.readouterr().out


def test_a_version_is_that_of_one_pipeline(sagemaker, capsys):
    assert main(["pull", "--all", "--version", "3"]) == 2
    assert "--version is for one --pipeline" in capsys.readouterr().err
