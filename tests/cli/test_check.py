from __future__ import annotations

import json
import os
import subprocess
import sys

import botocore
import pytest

from airflow_sm_pipelines.cli import check
from airflow_sm_pipelines.cli.main import main

GOOD = {"Steps": [{"Name": "A", "Type": "Lambda", "FunctionArn": "f"}]}
WARNED = {"Steps": [{"Name": "A", "Type": "Lambda", "FunctionArn": "f", "Arguments": {"Environment": {"TOKEN": "x"}}}]}
BAD = {"Steps": [*GOOD["Steps"], {"Name": "C", "Type": "Lambda", "FunctionArn": "f", "DependsOn": ["B", "AA"]}]}


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
        "  error: Steps[1].DependsOn[0]\n"
        "      there is no step 'B'\n"
        "  error: Steps[1].DependsOn[1]\n"
        "      there is no step 'AA'\n"
        "      -> did you mean `A`?\n"
        "  note: the definition\n"
        "      the requests of the steps are not compared with AWS's API yet: check again without these errors\n"
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
                {"path": "Steps[1].DependsOn[0]", "message": "there is no step 'B'", "hint": ""},
                {"path": "Steps[1].DependsOn[1]", "message": "there is no step 'AA'", "hint": "did you mean `A`?"},
            ],
            "warnings": [],
            "notes": [{"path": "", "message": check._REQUESTS_LATER, "hint": ""}],
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


def test_a_fault_of_ours_is_told_as_such_and_the_other_files_are_checked(file, monkeypatch, capsys):
    monkeypatch.setattr("airflow_sm_pipelines.cli.check.find", lambda pipeline: 1 / (len(pipeline.steps) - 1))
    assert main(["check", file("fault.json", GOOD), file("invalid.json", {"Steps": []})]) == 1
    out = capsys.readouterr().out
    assert "fault.json: a fault of airflow_sm_pipelines, not of this definition: ZeroDivisionError" in out
    assert "      Traceback (most recent call last):" in out
    assert "invalid.json: " in out


def test_of_very_many_findings_a_hundred_are_shown_and_the_others_counted(file, capsys):
    many = {"Steps": [{**GOOD["Steps"][0], "Name": f"S{number}", "DependsOn": ["X"]} for number in range(120)]}
    assert main(["check", file("many.json", many)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "many.json: 120 errors"
    assert "  and 20 more errors" in lines
    assert main(["check", "--format", "json", "many.json"]) == 1
    assert len(json.loads(capsys.readouterr().out)[0]["errors"]) == 120


def test_a_file_name_that_starts_with_a_brace_is_a_file(file, capsys):
    assert main(["check", file("{}.json", GOOD)]) == 0


def test_text_that_no_terminal_can_show(file, capfd):
    half = {"Steps": [{"Name": "\ud800", "Type": "Fail", "Arguments": {"\udc00": {"a": "\udc01"}}}]}
    assert main(["check", file("half.json", half)]) == 1
    assert "holds half a surrogate pair, which is no character" in capfd.readouterr().out


def test_a_fault_of_json_shows_line_and_column_and_the_line_itself(tmp_path, capsys):
    (tmp_path / "comma.json").write_text('{\n  "Version": "2020-12-01"\n  "Steps": []\n}')
    assert main(["check", str(tmp_path / "comma.json")]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  error: the definition",
        "      not JSON: Expecting ',' delimiter, at line 3, column 3:",
        '            "Steps": []',
        "            ^",
    ]


# -- what AWS would refuse ---------------------------------------------------------------------------------------------

TRAINING = {
    "AlgorithmSpecification": {
        "TrainingImage": "123456789012.dkr.ecr.us-west-2.amazonaws.com/image:1",
        "TrainingInputMode": "File",
    },
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    "RoleArn": "arn:aws:iam::123456789012:role/Role",
}
READER = {
    "Name": "Read",
    "Type": "Lambda",
    "FunctionArn": "f",
    "Arguments": {"model": {"Get": "Steps.Train.ModelArtifact.S3ModelArtifacts"}},
}


def test_what_fails_at_aws_is_an_error_of_the_file(file, capsys):
    train = {"Name": "Train", "Type": "Training", "Arguments": {**TRAINING, "ResourceConfg": {}}}
    assert main(["check", file("refused.json", {"Steps": [train, READER]})]) == 1
    assert capsys.readouterr().out == (
        "refused.json: 2 errors\n"
        "  error: Steps[0].Arguments.ResourceConfg\n"
        f"      CreateTrainingJob has no such member (botocore {botocore.__version__})\n"
        "      -> did you mean ResourceConfig?\n"
        "  error: Steps[1].Arguments.model\n"
        "      `Steps.Train.ModelArtifact.S3ModelArtifacts`: Train (Training) has no property 'ModelArtifact'\n"
        "      -> did you mean `ModelArtifacts`?\n"
    )


def test_a_doubtful_value_is_a_warning(file, capsys):
    resources = {**TRAINING["ResourceConfig"], "InstanceType": "ml.m5.xlage"}
    train = {"Name": "Train", "Type": "Training", "Arguments": {**TRAINING, "ResourceConfig": resources}}
    assert main(["check", file("doubtful.json", {"Steps": [train]})]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("doubtful.json: ok: 1 step, 1 warning\n  warning: Steps[0].Arguments.ResourceConfig.Inst")
    assert printed.endswith("-> did you mean `ml.m5.xlarge`?\n")


def test_warnings_of_a_file_with_refused_requests(file, capsys):
    arguments = {**TRAINING, "Nothing": 1, "Environment": {"API_KEY": "x"}}
    assert (
        main(["check", file("both.json", {"Steps": [{"Name": "T", "Type": "Training", "Arguments": arguments}]})]) == 1
    )
    assert capsys.readouterr().out.startswith("both.json: 1 error, 1 warning\n  error: ")


def test_no_airflow_and_no_credentials_are_needed(file):
    code = (
        "import sys; from airflow_sm_pipelines.cli.main import main\n"
        "assert main(['check', 'good.json']) == 0\n"
        "sys.exit('airflow' in sys.modules or 'boto3' in sys.modules)"
    )
    file("good.json", {"Steps": [{"Name": "Train", "Type": "Training", "Arguments": TRAINING}]})
    environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run([sys.executable, "-c", code], check=False, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_cached_step_is_compared_by_is_a_note(file, capsys):
    cached = {"Steps": [{**GOOD["Steps"][0], "CacheConfig": {"Enabled": True, "ExpireAfter": "1d"}}]}
    assert main(["check", file("cached.json", cached)]) == 0
    said = "a result up to 1d old is reused unless one of these has changed: FunctionArn, OutputParameters, Arguments"
    assert capsys.readouterr().out == f"cached.json: ok: 1 step\n  note: Steps[0].CacheConfig\n      {said}\n"
    assert main(["check", "--format", "json", "cached.json"]) == 0
    [report] = json.loads(capsys.readouterr().out)
    assert report["notes"] == [{"path": "Steps[0].CacheConfig", "message": said, "hint": ""}]
