"""Trial components: each job is one, and belongs to the trials it was put into."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def trial(bench):
    """A trial with a job that its request puts there, and a job without one."""
    bench.sagemaker.create_experiment(ExperimentName="components")
    bench.sagemaker.create_trial(ExperimentName="components", TrialName="components-trial")
    bench.sagemaker.create_trial(ExperimentName="components", TrialName="components-other")
    config = {"ExperimentName": "components", "TrialName": "components-trial", "TrialComponentDisplayName": "shown"}
    bench.run("component-inside", ["true"], ExperimentConfig=config)
    bench.run("component-outside", ["true"])
    return "components-trial"


def names(bench, **wanted):
    answer = bench.sagemaker.list_trial_components(**wanted)
    return {one["TrialComponentName"]: one for one in answer["TrialComponentSummaries"]}


def test_a_job_with_an_experiment_config_is_a_component_of_its_trial(bench, trial):
    [component] = names(bench, TrialName=trial).values()
    assert component["TrialComponentName"] == "component-inside-aws-processing-job"
    assert component["DisplayName"] == "shown"
    assert component["TrialComponentSource"]["SourceArn"].endswith(":processing-job/component-inside")
    assert component["Status"]["PrimaryStatus"] == "Completed"


def test_a_job_without_one_is_put_into_a_trial_by_its_component_as_often_as_one_likes(bench, trial):
    for _ in range(2):
        bench.sagemaker.associate_trial_component(
            TrialComponentName="Component-Outside-aws-processing-job", TrialName="components-other"
        )
    assert list(names(bench, TrialName="components-other")) == ["component-outside-aws-processing-job"]
    assert len(names(bench, ExperimentName="components")) == 2
    arn = bench.describe("component-outside")["ProcessingJobArn"]
    assert list(names(bench, SourceArn=arn)) == ["component-outside-aws-processing-job"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"TrialComponentName": "nobody-aws-training-job", "TrialName": "components-trial"},
        {"TrialComponentName": "component-outside-aws-processing-job", "TrialName": "nowhere"},
    ],
)
def test_what_is_not_there_is_refused(bench, trial, wrong):
    with pytest.raises(ClientError) as caught:
        bench.sagemaker.associate_trial_component(**wrong)
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"
