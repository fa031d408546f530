"""Experiments and trials through a real boto3."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def experiment(bench):
    bench.sagemaker.create_experiment(ExperimentName="abalone", DisplayName="Abalone", Tags=[{"Key": "a", "Value": ""}])
    return "abalone"


def test_an_experiment_is_described(bench, experiment):
    description = bench.sagemaker.describe_experiment(ExperimentName=experiment)
    assert description["ExperimentArn"] == "arn:aws:sagemaker:us-west-2:123456789012:experiment/abalone"
    assert description["DisplayName"] == "Abalone"


def test_an_experiment_exists_once(bench, experiment):
    code, message = refusal(bench.sagemaker.create_experiment, ExperimentName=experiment)
    assert (code, "already exists" in message) == ("ValidationException", True)


def test_trials_of_an_experiment_are_listed_newest_first(bench, experiment):
    bench.sagemaker.create_experiment(ExperimentName="other")
    for name, of in (("first", experiment), ("second", experiment), ("third", "other")):
        bench.sagemaker.create_trial(TrialName=name, ExperimentName=of)
    trials = bench.sagemaker.list_trials(ExperimentName=experiment)["TrialSummaries"]
    assert [trial["TrialName"] for trial in trials] == ["second", "first"]
    assert bench.sagemaker.describe_trial(TrialName="third")["ExperimentName"] == "other"


def test_what_is_unknown_is_not_found(bench):
    for operation, request in (
        ("describe_experiment", {"ExperimentName": "unknown"}),
        ("describe_trial", {"TrialName": "unknown"}),
        ("create_trial", {"TrialName": "new", "ExperimentName": "unknown"}),
        ("list_trials", {"ExperimentName": "unknown"}),
    ):
        code, message = refusal(getattr(bench.sagemaker, operation), **request)
        assert (code, message.endswith("'unknown' does not exist.")) == ("ResourceNotFound", True)


@pytest.mark.parametrize("member", ["ExperimentName", "TrialName"])
def test_a_job_of_an_unknown_experiment_or_trial_is_refused(bench, member):
    with pytest.raises(ClientError) as caught:
        bench.create("unassociated", ["true"], ExperimentConfig={member: "unknown"})
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


def test_a_job_of_a_known_experiment_runs(bench, experiment):
    config = {"ExperimentName": experiment, "TrialComponentDisplayName": "shown"}
    description = bench.run("associated", ["true"], ExperimentConfig=config)
    assert (description["ProcessingJobStatus"], description["ExperimentConfig"]) == ("Completed", config)


def test_runs_in_local_mode_are_not_recorded_in_the_experiments_of_an_account(bench):
    """They have experiments here; the variables that programs get lead to no other endpoint, with no account's keys."""
    environment = bench.aws.environment()
    endpoints = {name: value for name, value in environment.items() if name.startswith("AWS_ENDPOINT_URL")}
    assert endpoints == {"AWS_ENDPOINT_URL": bench.aws.endpoint_url}
    assert bench.aws.endpoint_url.startswith("http://127.0.0.1:")
    assert (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]) == ("local", "local")
