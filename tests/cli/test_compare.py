"""`sm-pipelines compare` against recorded answers of AWS: written by hand from the API reference, with its defaults."""

from __future__ import annotations

import copy
import json
import urllib.request
from pathlib import Path

import boto3
import pytest

from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from tests.report_schemas import complain

HERE = Path(__file__).parent
DEFINITION = json.loads((HERE.parent / "golden" / "v2_abalone_full.json").read_text())
RECORDING = json.loads((HERE / "recordings" / "abalone.json").read_text())
EXECUTION = RECORDING["DescribePipelineExecution"]["PipelineExecutionArn"]
BUCKET, REPORT = (
    "sagemaker-us-west-2-123456789012",
    "AbalonePipeline/a1b2c3d4e5f6/AbaloneEval/output/evaluation/evaluation.json",
)

pytestmark = pytest.mark.loopback


@pytest.fixture(scope="module")
def aws():
    with LocalAws(region="us-west-2", sandbox="rewrite") as aws:
        yield aws


@pytest.fixture
def compare(aws, monkeypatch, capsys):
    """Record an execution, put its evaluation report into S3, and compare it."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})

    def run(*, definition=DEFINITION, mse=3.5, arguments=(), **answers):
        whole = {"DescribePipelineDefinitionForExecution": {"PipelineDefinition": json.dumps(definition)}}
        body = json.dumps({**RECORDING, **whole, **answers}).encode()
        request = urllib.request.Request(f"{aws.endpoint_url}/_local/executions", data=body, method="POST")
        with urllib.request.urlopen(request):
            pass
        if mse is None:
            s3.delete_object(Bucket=BUCKET, Key=REPORT)
        else:
            report = {"regression_metrics": {"mse": {"value": mse}}}
            s3.put_object(Bucket=BUCKET, Key=REPORT, Body=json.dumps(report))
        code = main(["compare", EXECUTION, *arguments])
        return code, capsys.readouterr()

    yield run
    s3.delete_object(Bucket=BUCKET, Key=REPORT)
    s3.delete_bucket(Bucket=BUCKET)


def changed(operation, index, change):
    answers = copy.deepcopy(RECORDING[operation])
    change(answers[index])
    return {operation: answers}


def steps(change):
    listed = copy.deepcopy(RECORDING["ListPipelineExecutionSteps"])
    entries = {step["StepName"]: step for step in listed["PipelineExecutionSteps"]}
    change(entries)
    return {"ListPipelineExecutionSteps": {"PipelineExecutionSteps": list(entries.values())}}


def test_an_execution_that_we_would_have_run_alike_is_identical(compare):
    code, captured = compare()
    assert "7 of 7 identical; 1 not run" in captured.out, captured.out
    assert code == 0
    assert "  AbaloneTrain                        identical" in captured.out
    assert "AbaloneMSEFail: not run (the execution did not start it)" in captured.out
    assert "  changed later (1): people change it after" in captured.out


def test_every_difference_is_told_with_its_step_its_path_and_both_values(compare):
    code, captured = compare(**changed("DescribeTrainingJob", 0, lambda job: job["HyperParameters"].update(eta="0.3")))
    assert code == 1
    assert "6 of 7 identical; 1 different; 1 not run" in captured.out
    told = 'AbaloneTrain: different\n  HyperParameters.eta\n    theirs: "0.3"\n    ours:   "0.2"\n'
    assert told in captured.out


def test_a_member_that_only_one_side_has_is_a_difference(compare):
    code, captured = compare(
        **changed("DescribeProcessingJob", 0, lambda job: job.update(Environment={"MODE": "x"})),
        **changed("DescribeTrainingJob", 0, lambda job: job["HyperParameters"].pop("gamma")),
    )
    assert code == 1
    assert '  Environment\n    theirs: {"MODE": "x"}\n    ours:   (none)\n' in captured.out
    assert '  HyperParameters.gamma\n    theirs: (none)\n    ours:   "4"\n' in captured.out


def test_the_report_fits_its_schema_and_nothing_else_is_on_standard_output(compare):
    code, captured = compare(
        arguments=("--format", "json"),
        **changed("DescribeModel", 0, lambda model: model.update(EnableNetworkIsolation=True)),
    )
    report = json.loads(captured.out)
    assert complain("compare", report) == []
    assert (code, report["identical"], report["execution"]) == (1, False, EXECUTION)
    (model,) = [step for step in report["steps"] if step["verdict"] == "different"]
    assert model["differences"] == [{"path": "EnableNetworkIsolation", "theirs": True}]
    assert set(report["rules"]) >= {"name", "default", "added by the service", "not described"}
    assert "AbaloneProcess" in captured.err  # the progress


def test_a_condition_is_compared_by_its_outcome(compare):
    code, captured = compare(mse=7.5)
    assert code == 1
    assert 'AbaloneMSECond: different\n  Outcome\n    theirs: "True"\n    ours:   "False"\n' in captured.out


def test_what_cannot_be_read_any_more_could_not_be_compared(compare):
    code, captured = compare(mse=None)
    assert code == 2
    assert "AbaloneMSECond: could not be compared (" in captured.out
    assert "cannot read it: GetObject" in captured.out
    assert "6 of 6 identical; 1 could not be compared; 1 not run" in captured.out


def test_a_job_that_is_gone_could_not_be_compared(compare):
    code, captured = compare(DescribeModel=[])
    assert code == 2
    gone = "AbaloneCreateModel-CreateModel: could not be compared (the model does not exist any more)"
    assert gone in captured.out
    assert "AbaloneTransform: could not be compared (" in captured.out  # it reads the model's name


def test_a_difference_weighs_more_than_what_could_not_be_compared(compare):
    code, _ = compare(mse=None, **changed("DescribeTrainingJob", 0, lambda job: job["HyperParameters"].update(eta="9")))
    assert code == 1


def test_a_cached_step_is_compared_by_its_key_attributes(compare):
    source = EXECUTION.replace("a1b2c3d4e5f6", "000000000000")

    def cached(entries):
        entries["AbaloneTrain"]["CacheHitResult"] = {"SourcePipelineExecutionArn": source}

    other = changed("DescribeTrainingJob", 0, lambda job: job["ResourceConfig"].update(InstanceType="ml.m5.large"))
    code, captured = compare(**steps(cached), **other)
    assert code == 0
    assert f"AbaloneTrain: identical in part (reused from {source}: compared by its key attributes)" in captured.out
    other = changed("DescribeTrainingJob", 0, lambda job: job["HyperParameters"].update(eta="9"))
    assert compare(**steps(cached), **other)[0] == 1


def test_a_step_that_a_selective_execution_took_over_did_not_run(compare):
    def selected(entries):
        entries["AbaloneTrain"]["SelectiveExecutionResult"] = {"SourcePipelineExecutionArn": EXECUTION}

    code, captured = compare(**steps(selected))
    assert code == 0
    assert f"AbaloneTrain: not run (its result is that of {EXECUTION})" in captured.out


def test_a_step_that_failed_before_its_job_is_not_claimed(compare):
    def failed(entries):
        entries["AbaloneTransform"].update(StepStatus="Failed", Metadata={})

    code, captured = compare(**steps(failed))
    assert code == 2
    assert "AbaloneTransform: could not be compared (the step is Failed, and names no job" in captured.out


def test_a_fail_step_is_compared_by_its_message(compare):
    def fail(entries):
        message = "Execution failed due to MSE > 6.0"
        entries["AbaloneMSEFail"] = {"StepName": "AbaloneMSEFail", "Metadata": {"Fail": {"ErrorMessage": message}}}
        entries["AbaloneMSECond"]["Metadata"] = {"Condition": {"Outcome": "False"}}

    code, captured = compare(mse=7, **steps(fail))
    assert code == 0
    assert "8 of 8 identical" in captured.out


def test_only_that_execution_knew_the_time_of_a_step(compare):
    definition = copy.deepcopy(DEFINITION)
    definition["Steps"][1]["Arguments"]["HyperParameters"]["now"] = {"Get": "Execution.CurrentDateTime"}
    job = changed("DescribeTrainingJob", 0, lambda job: job["HyperParameters"].update(now="2026-01-05T10:00:00Z"))
    code, captured = compare(definition=definition, **job)
    assert code == 0
    assert "HyperParameters.now: not compared, only that execution knew <Execution.CurrentDateTime>" in captured.out
    assert "6 of 7 identical; 1 identical in part" in captured.out


def test_a_request_that_we_could_not_have_sent_is_a_difference(compare):
    definition = copy.deepcopy(DEFINITION)
    del definition["Steps"][1]["Arguments"]["ResourceConfig"]["InstanceCount"]
    definition["Steps"][1]["Arguments"]["Nonsense"] = 1
    code, captured = compare(definition=definition)
    assert code == 1
    assert "our step would have failed: CreateTrainingJob: Nonsense: the API knows no such member" in captured.out


@pytest.mark.parametrize("arn", ["abalone", "arn:aws:sagemaker:us-west-2:123456789012:pipeline/p"])
def test_only_an_execution_can_be_compared(arn, capsys):
    assert main(["compare", arn]) == 2
    assert "expected the ARN of an execution" in capsys.readouterr().err


def test_an_execution_that_does_not_exist_is_named(compare, capsys):
    compare()
    unknown = EXECUTION.replace("a1b2c3d4e5f6", "999999999999")
    assert main(["compare", unknown]) == 2
    assert f"execution {unknown}: DescribePipelineDefinitionForExecution: ResourceNotFound" in capsys.readouterr().err
