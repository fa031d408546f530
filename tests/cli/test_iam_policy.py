"""``sm-pipelines iam-policy``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.cli.main import main
from tests.report_schemas import complain

DIABETES = Path(__file__).parents[2] / "dags" / "diabetes.json"
CHAMPION = DIABETES.with_name("diabetes_champion.json")
GOLDEN = sorted(one for one in (Path(__file__).parents[1] / "golden").glob("*.json") if ".graph." not in one.name)
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command; return exit code, output and errors."""

    def run(file: Path | str, *options: str) -> tuple[int, str, str]:
        code = main(["iam-policy", str(file), *options])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_what_it_prints_is_a_policy_and_nothing_else(run):
    code, out, err = run(DIABETES, "--region", "us-west-2")

    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["Version"] == "2012-10-17"
    assert {
        "Effect": "Allow",
        "Action": ["sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"],
        "Resource": "arn:aws:sagemaker:us-west-2:123456789012:training-job/pipelines-*",
    } in document["Statement"]


def test_a_job_role_is_asked_for_by_its_arn_or_its_name(run):
    by_name, by_arn = run(DIABETES, "--for", "SageMakerRole"), run(DIABETES, "--for", ROLE)

    assert by_name == by_arn
    code, out, err = by_name
    assert code == 0
    assert "cannot be told" in err
    assert any("s3:PutObject" in one["Action"] for one in json.loads(out)["Statement"])


def test_the_trust_policy_names_the_service(run):
    code, out, _ = run(DIABETES, "--for", ROLE, "--trust")

    assert code == 0
    assert json.loads(out)["Statement"][0]["Principal"] == {"Service": "sagemaker.amazonaws.com"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--for", "Nobody"), f"it has: {ROLE}"),
        (("--trust",), "no AWS service assumes"),
        (("--parameters", "Nothing=1"), "Nothing"),
    ],
)
def test_a_wrong_argument_is_2(run, options, said):
    code, out, err = run(DIABETES, *options)

    assert (code, out) == (2, "")
    assert said in err


def test_what_only_a_run_knows_is_said_and_can_be_given(run):
    _, _, unknown = run(CHAMPION)
    values = ["ReviewQueueUrl=https://sqs.us-west-2.amazonaws.com/123456789012/q", "ClusterId=j-1"]
    _, out, known = run(CHAMPION, "--parameters", *values, "ModelPackageGroupName=champion")

    assert "Review: the policy has * in place of Parameters.ReviewQueueUrl" in unknown
    assert "--parameters ReviewQueueUrl=VALUE" in unknown
    assert known == ""
    assert "arn:aws:sqs:us-west-2:123456789012:q" in out


def test_the_text_gives_a_reason_for_each_action(run):
    code, out, _ = run(DIABETES, "--format", "text")

    assert code == 0
    assert "  Train  Training" in out
    assert "sagemaker:CreateTrainingJob    to create the training job" in out
    assert "(without it: the failure is reported without log lines)" in out
    assert f"The role {ROLE}, assumed by sagemaker.amazonaws.com" in out


def test_a_large_policy_says_what_to_do(run, write):
    names = ("A" * 50, "B" * 50, *(f"{letter}" * 200 for letter in "CDEFGHIJKLMNOP"))
    steps = [{"Name": f"S{i}", "Type": "Lambda", "FunctionArn": n[:140], "Arguments": {}} for i, n in enumerate(names)]
    more = [{"Name": f"T{i}", "Type": "Lambda", "FunctionArn": f"f{i}{'x' * 100}", "Arguments": {}} for i in range(40)]

    code, _, err = run(write("p.json", {"Version": "2020-12-01", "Steps": [*steps, *more]}))

    assert code == 0
    assert "a managed policy at most 6144" in err


def test_calls_that_cannot_be_told_are_a_failure(run, write):
    arguments = {"ProcessingResources": {}, "AppSpecification": {}, "RoleArn": ROLE}
    named = {**arguments, "ProcessingJobName": {"Get": "Parameters.Name"}}
    step = {"Name": "C", "Type": "Processing", "Arguments": named}
    parameters = [{"Name": "Name", "Type": "String", "DefaultValue": "x" * 60}]

    code, _, err = run(write("p.json", {"Version": "2020-12-01", "Parameters": parameters, "Steps": [step]}))

    assert code == 1
    assert "C: not all of its calls can be told" in err


def test_a_file_that_is_no_definition_is_a_failure(run, write):
    code, out, err = run(write("p.json", {"Version": "2020-12-01"}))

    assert (code, out) == (1, "")
    assert "Steps" in err


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_the_report_fits_its_schema(run, file):
    code, out, _ = run(file, "--format", "json")

    assert code == 0
    assert complain("iam-policy", json.loads(out)) == []
