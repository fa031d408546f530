"""Tuning jobs end to end: a real boto3 against a local AWS, trials that really train."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import boto3
import pytest
from botocore.exceptions import ClientError

from airflow_sm_pipelines.aws.requests.tags import TASK_TAG
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
SKLEARN = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = """
import argparse, os, pathlib, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("-x", type=float)
parser.add_argument("--seconds", type=float, default=0)
parser.add_argument("--silent", type=int, default=0)
parser.add_argument("--fails", default="")
arguments = parser.parse_args()
if str(int(arguments.x)) in arguments.fails.split("+"):
    sys.exit(f"{arguments.x:g} is not wanted")
pathlib.Path(os.environ["SM_MODEL_DIR"], "x").write_text(str(arguments.x))
if not arguments.silent:
    print(f"score={arguments.x};", flush=True)
time.sleep(arguments.seconds)
"""
SOURCE = "tuning/sourcedir.tar.gz"
MAXIMIZE = {"Type": "Maximize", "MetricName": "score"}
ENDED = {"Completed", "Failed", "Stopped"}


def one_to(number):
    return {"CategoricalParameterRanges": [{"Name": "x", "Values": [str(value) for value in range(1, number + 1)]}]}


def definition(**members):
    static = members.pop("static", {})
    return {
        "AlgorithmSpecification": {
            "TrainingImage": SKLEARN,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9.]+);"}],
        },
        "StaticHyperParameters": {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://test-bucket/{SOURCE}"',
            **static,
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://test-bucket/tuned"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }


def request_of(name, *, strategy="Grid", ranges=None, limits=None, config=None, static=None, **members):
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": MAXIMIZE,
            "ResourceLimits": {"MaxParallelTrainingJobs": 3, **(limits or {})},
            "ParameterRanges": ranges or one_to(3),
            **(config or {}),
        },
        **({} if "TrainingJobDefinitions" in members else {"TrainingJobDefinition": definition(static=static or {})}),
        **members,
    }


@pytest.fixture(scope="module", autouse=True)
def _code(bench):
    bench.put_archive(SOURCE, {"train.py": SCRIPT})


def finish(sagemaker, name, seconds=40.0):
    deadline = time.monotonic() + seconds
    while True:
        description = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        if description["HyperParameterTuningJobStatus"] in ENDED:
            return description
        assert time.monotonic() < deadline, description
        time.sleep(0.05)


def trials(sagemaker, name, **wanted):
    wanted = {"MaxResults": 100, **wanted}
    answer = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name, **wanted)
    return answer["TrainingJobSummaries"]


@pytest.fixture
def tune(bench):
    def run(name, **members):
        bench.sagemaker.create_hyper_parameter_tuning_job(**request_of(name, **members))
        return finish(bench.sagemaker, name)

    return run


@pytest.fixture(scope="module")
def completed(bench):
    """A grid over 1, 2, 3 that ran to success, all at once."""
    request = request_of("completed", Tags=[{"Key": "team", "Value": "ml"}])
    bench.sagemaker.create_hyper_parameter_tuning_job(**request)
    return finish(bench.sagemaker, "completed")


def refusal(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def wait_for_trials(sagemaker, name, number):
    deadline = time.monotonic() + 20
    while sum(one.get("TrainingStartTime") is not None for one in trials(sagemaker, name)) < number:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_grid_tries_every_combination_and_the_best_is_named(completed):
    assert completed["HyperParameterTuningJobStatus"] == "Completed"
    assert completed["TrainingJobStatusCounters"] == {
        "Completed": 3,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 0,
    }
    assert completed["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
    best = completed["BestTrainingJob"]
    assert best["TunedHyperParameters"] == {"x": "3"}
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == {**MAXIMIZE, "Value": 3.0}
    assert "OverallBestTrainingJob" not in completed


def test_describe_echoes_the_request_without_its_tags(completed):
    request = request_of("completed")
    assert {name: completed[name] for name in request} == request
    assert "Tags" not in completed


def test_a_trial_is_a_training_job_with_its_own_model(bench, completed):
    name = completed["BestTrainingJob"]["TrainingJobName"]
    assert name.startswith("completed-")
    trained = bench.sagemaker.describe_training_job(TrainingJobName=name)
    assert trained["TuningJobArn"] == completed["HyperParameterTuningJobArn"]
    assert trained["HyperParameters"]["x"] == "3"
    assert trained["HyperParameters"]["_tuning_objective_metric"] == "score"
    uri = trained["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://test-bucket/tuned/{name}/output/model.tar.gz"
    assert bench.archive(uri) == {"x": b"3.0"}


def test_a_trial_is_listed_among_the_training_jobs_and_has_the_tags_of_its_tuning_job(bench, completed):
    listed = bench.sagemaker.list_training_jobs(NameContains="completed-", MaxResults=100)["TrainingJobSummaries"]
    assert len(listed) == 3
    for one in [*(job["TrainingJobArn"] for job in listed), completed["HyperParameterTuningJobArn"]]:
        assert bench.sagemaker.list_tags(ResourceArn=one)["Tags"] == [{"Key": "team", "Value": "ml"}]


def test_trials_are_listed_by_objective_in_both_orders_and_in_pages(bench, completed):
    def values(**wanted):
        found = trials(bench.sagemaker, "completed", SortBy="FinalObjectiveMetricValue", **wanted)
        return [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in found]

    assert values() == [1.0, 2.0, 3.0]
    assert values(SortOrder="Descending") == [3.0, 2.0, 1.0]
    paginator = bench.sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    pages = paginator.paginate(HyperParameterTuningJobName="completed", PaginationConfig={"PageSize": 2})
    names = [one["TrainingJobName"] for page in pages for one in page["TrainingJobSummaries"]]
    assert names == sorted(names), "the default is Name, Ascending"
    assert len(set(names)) == 3


def test_tuning_jobs_are_listed(bench, completed):
    listed = bench.sagemaker.list_hyper_parameter_tuning_jobs(NameContains="completed", StatusEquals="Completed")
    [summary] = listed["HyperParameterTuningJobSummaries"]
    assert summary["HyperParameterTuningJobArn"] == completed["HyperParameterTuningJobArn"]
    assert summary["Strategy"] == "Grid"
    assert summary["ResourceLimits"] == {"MaxParallelTrainingJobs": 3}


def test_names_are_unique_and_unknown_jobs_are_refused(bench, completed):
    code, message = refusal(bench.sagemaker.create_hyper_parameter_tuning_job, **request_of("completed"))
    assert (code, "with the name, completed, already exists" in message) == ("ResourceInUse", True)
    for operation in ("describe_hyper_parameter_tuning_job", "stop_hyper_parameter_tuning_job"):
        code, _ = refusal(getattr(bench.sagemaker, operation), HyperParameterTuningJobName="nobody")
        assert code == "ResourceNotFound"
    listing = bench.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job
    assert refusal(listing, HyperParameterTuningJobName="nobody")[0] == "ResourceNotFound"


def test_what_a_training_job_is_refused_for_its_tuning_job_is_refused_for(bench):
    broken = definition()
    broken["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "score", "Regex": "("}]
    code, message = refusal(
        bench.sagemaker.create_hyper_parameter_tuning_job,
        **{**request_of("broken"), "TrainingJobDefinition": broken},
    )
    assert code == "ValidationException"
    assert "invalid regular expression" in message


def test_no_more_trials_run_at_once_than_are_allowed(bench, tune):
    ended = tune("narrow", limits={"MaxParallelTrainingJobs": 2}, ranges=one_to(4), static={"seconds": "0.3"})
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    found = trials(bench.sagemaker, "narrow")
    assert len(found) == 4
    moments = sorted([(one["CreationTime"], 1) for one in found] + [(one["TrainingEndTime"], -1) for one in found])
    running = [sum(change for _, change in moments[: index + 1]) for index in range(len(moments))]
    assert max(running) == 2


def test_a_random_search_makes_as_many_trials_as_it_is_told_and_a_learning_one_says_that_it_is_random(bench, tune):
    ranges = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "1", "MaxValue": "2"}]}
    limits = {"MaxNumberOfTrainingJobs": 2}
    drawn = []
    for name, strategy in (("random", "Random"), ("bayesian", "Bayesian")):
        tune(name, strategy=strategy, ranges=ranges, limits=limits, config={"RandomSeed": 4})
        found = trials(bench.sagemaker, name, SortBy="CreationTime")
        drawn.append([one["TunedHyperParameters"]["x"] for one in found])
        trained = bench.sagemaker.describe_training_job(TrainingJobName=found[0]["TrainingJobName"])
        message = trained["SecondaryStatusTransitions"][0]["StatusMessage"]
        assert ("at random, also for the strategy Bayesian" in message) == (strategy == "Bayesian")
    assert drawn[0] == drawn[1], "the same seed draws the same"
    assert len(drawn[0]) == 2


def test_a_failed_trial_is_counted_and_another_is_the_best(bench, tune):
    ended = tune("partly", static={"fails": "3"})
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    assert ended["BestTrainingJob"]["TunedHyperParameters"] == {"x": "2"}
    assert ended["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert ended["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 0, "Failed": 1}
    [failed] = trials(bench.sagemaker, "partly", StatusEquals="Failed")
    assert "3 is not wanted" in failed["FailureReason"]
    assert failed["ObjectiveStatus"] == "Failed"
    ranked = trials(bench.sagemaker, "partly", SortBy="FinalObjectiveMetricValue")
    assert failed["TrainingJobName"] not in [one["TrainingJobName"] for one in ranked]


def test_it_fails_after_five_failed_trials_and_tries_no_more(bench, tune):
    limits = {"MaxParallelTrainingJobs": 1}
    ended = tune("vain", limits=limits, ranges=one_to(8), static={"fails": "1+2+3+4+5+6+7+8"})
    assert ended["HyperParameterTuningJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("No training job succeeded after 5 attempts.")
    assert len(trials(bench.sagemaker, "vain")) == 5
    assert "BestTrainingJob" not in ended


def test_it_fails_without_a_value_of_the_objective(tune):
    ended = tune("silent", static={"silent": "1"})
    assert ended["HyperParameterTuningJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("No objective metrics found after running 3 training jobs.")


def test_stopping_it_stops_its_trials_and_launches_no_more(bench):
    limits = {"MaxParallelTrainingJobs": 2}
    request = request_of("stopped", ranges=one_to(5), limits=limits, static={"seconds": "60"})
    bench.sagemaker.create_hyper_parameter_tuning_job(**request)
    wait_for_trials(bench.sagemaker, "stopped", 2)
    bench.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    assert finish(bench.sagemaker, "stopped")["HyperParameterTuningJobStatus"] == "Stopped"
    found = trials(bench.sagemaker, "stopped")
    assert [one["TrainingJobStatus"] for one in found] == ["Stopped", "Stopped"]
    code, message = refusal(bench.sagemaker.stop_hyper_parameter_tuning_job, HyperParameterTuningJobName="stopped")
    assert (code, "in status Stopped" in message) == ("ValidationException", True)


def test_a_trial_may_be_stopped_alone(bench):
    request = request_of("alone", ranges=one_to(2), static={"seconds": "2"})
    bench.sagemaker.create_hyper_parameter_tuning_job(**request)
    wait_for_trials(bench.sagemaker, "alone", 2)
    first = trials(bench.sagemaker, "alone")[0]["TrainingJobName"]
    bench.sagemaker.stop_training_job(TrainingJobName=first)
    ended = finish(bench.sagemaker, "alone")
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    assert ended["TrainingJobStatusCounters"]["Stopped"] == 1


def test_it_ends_when_its_target_is_reached(bench, tune):
    criteria = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 2.0}}
    ended = tune("reached", ranges=one_to(9), limits={"MaxParallelTrainingJobs": 1}, config=criteria)
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    assert ended["BestTrainingJob"]["TunedHyperParameters"] == {"x": "2"}
    assert len(trials(bench.sagemaker, "reached")) == 2


def test_it_ends_when_nothing_improves(bench, tune):
    falling = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["9", "8", "7", "6", "5", "4"]}]}
    criteria = {
        "TuningJobCompletionCriteria": {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    }
    ended = tune("falling", ranges=falling, limits={"MaxParallelTrainingJobs": 1}, config=criteria)
    assert len(trials(bench.sagemaker, "falling")) == 4
    assert ended["TuningJobCompletionDetails"] == {"NumberOfTrainingJobsObjectiveNotImproving": 3}


def test_several_algorithms_are_tuned_in_one_job(bench, tune):
    def named(name, number):
        return definition(DefinitionName=name, TuningObjective=MAXIMIZE, HyperParameterRanges=one_to(number))

    config = {"Strategy": "Grid", "ResourceLimits": {"MaxParallelTrainingJobs": 4}}
    request = {
        "HyperParameterTuningJobName": "several",
        "HyperParameterTuningJobConfig": config,
        "TrainingJobDefinitions": [named("small", 1), named("large", 3)],
    }
    bench.sagemaker.create_hyper_parameter_tuning_job(**request)
    ended = finish(bench.sagemaker, "several")
    assert ended["BestTrainingJob"]["TrainingJobDefinitionName"] == "large"
    found = trials(bench.sagemaker, "several")
    assert sorted(one["TrainingJobDefinitionName"] for one in found) == ["large", "large", "large", "small"]


def test_a_warm_start_tries_nothing_again_and_names_the_best_of_all(bench, completed, tune):
    parent = {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "completed"}]}
    warm = {**parent, "WarmStartType": "IdenticalDataAndAlgorithm"}
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["0", "1", "3"]}]}
    ended = tune("warm", ranges=ranges, WarmStartConfig=warm)
    [only] = trials(bench.sagemaker, "warm")
    assert only["TunedHyperParameters"] == {"x": "0"}
    assert ended["BestTrainingJob"]["TunedHyperParameters"] == {"x": "0"}
    assert ended["OverallBestTrainingJob"]["TunedHyperParameters"] == {"x": "3"}
    assert ended["OverallBestTrainingJob"]["TuningJobName"] == "completed"
    moved = tune("moved", ranges=one_to(4), WarmStartConfig={**parent, "WarmStartType": "TransferLearning"})
    assert "OverallBestTrainingJob" not in moved


def test_a_parent_must_exist_and_have_ended(bench):
    def warm(name, parent):
        parents = [{"HyperParameterTuningJobName": parent}]
        config = {"WarmStartType": "TransferLearning", "ParentHyperParameterTuningJobs": parents}
        return refusal(bench.sagemaker.create_hyper_parameter_tuning_job, **request_of(name, WarmStartConfig=config))

    assert "can't find a tuning job with the name nobody" in warm("orphan", "nobody")[1]
    bench.sagemaker.create_hyper_parameter_tuning_job(**request_of("young", static={"seconds": "60"}))
    assert "young is InProgress" in warm("hasty", "young")[1]
    bench.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="young")
    finish(bench.sagemaker, "young")


def test_what_only_aws_can_do_fails_the_job_and_is_named(bench):
    criteria = {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}
    request = request_of("automatic", config={"TuningJobCompletionCriteria": criteria})
    bench.sagemaker.create_hyper_parameter_tuning_job(**request, Autotune={"Mode": "Enabled"})
    reason = finish(bench.sagemaker, "automatic")["FailureReason"]
    assert "does not support Autotune; TuningJobCompletionCriteria.ConvergenceDetected" in reason


def test_resources_may_be_given_for_tuning_and_checkpoints_are_each_trials_own(bench):
    flexible = definition(CheckpointConfig={"S3Uri": "s3://test-bucket/checkpoints/"})
    del flexible["ResourceConfig"]
    first = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5}
    flexible["HyperParameterTuningResourceConfig"] = {
        "AllocationStrategy": "Prioritized",
        "InstanceConfigs": [first, {**first, "InstanceType": "ml.m5.large"}],
    }
    request = {**request_of("flexible", ranges=one_to(1)), "TrainingJobDefinition": flexible}
    bench.sagemaker.create_hyper_parameter_tuning_job(**request)
    finish(bench.sagemaker, "flexible")
    [only] = trials(bench.sagemaker, "flexible")
    name = only["TrainingJobName"]
    trained = bench.sagemaker.describe_training_job(TrainingJobName=name)
    assert trained["ResourceConfig"] == first
    assert trained["CheckpointConfig"]["S3Uri"] == f"s3://test-bucket/checkpoints/{name}"


def test_fault_rules_fail_or_slow_the_tuning_job(bench, tune):
    rule = {"service": "sagemaker", "operation": "CreateHyperParameterTuningJob", "times": 1}
    bench.control("POST", "faults", {**rule, "action": "job_fail", "reason": "CapacityError: none left"})
    ended = tune("faulty")
    bench.control("DELETE", "faults")
    assert (ended["HyperParameterTuningJobStatus"], ended["FailureReason"]) == ("Failed", "CapacityError: none left")
    assert trials(bench.sagemaker, "faulty") == []


def test_a_stopping_local_aws_ends_its_tuning_jobs(open_workbench):
    with open_workbench() as bench:
        bench.put_archive(SOURCE, {"train.py": SCRIPT})
        request = request_of("left", ranges=one_to(30), limits={"MaxParallelTrainingJobs": 1}, static={"seconds": "60"})
        bench.sagemaker.create_hyper_parameter_tuning_job(**request)
        wait_for_trials(bench.sagemaker, "left", 1)
        started = time.monotonic()
    assert time.monotonic() - started < 10


SERVER = """
import pathlib, sys
from airflow_sm_pipelines.local.server.local_aws import LocalAws
with LocalAws(state_dir=pathlib.Path(sys.argv[1]), region="us-west-2") as aws:
    print(aws.endpoint_url, flush=True)
    sys.stdin.read()
"""


def test_tuning_jobs_survive_the_local_aws_and_those_that_ran_have_failed(tmp_path, bench):
    def serving():
        command = [sys.executable, "-c", SERVER, str(tmp_path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        session = boto3.Session(aws_access_key_id="k", aws_secret_access_key="s", region_name="us-west-2")
        endpoint = process.stdout.readline().strip()
        return process, session.client("sagemaker", endpoint_url=endpoint), session.client("s3", endpoint_url=endpoint)

    process, sagemaker, s3 = serving()
    with process:
        s3.create_bucket(Bucket="test-bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        body = bench.s3.get_object(Bucket="test-bucket", Key=SOURCE)["Body"].read()
        s3.put_object(Bucket="test-bucket", Key=SOURCE, Body=body)
        sagemaker.create_hyper_parameter_tuning_job(**request_of("done", ranges=one_to(1)))
        before = finish(sagemaker, "done")
        sagemaker.create_hyper_parameter_tuning_job(**request_of("lost", ranges=one_to(1), static={"seconds": "60"}))
        wait_for_trials(sagemaker, "lost", 1)
        process.send_signal(signal.SIGKILL)
    process, sagemaker, s3 = serving()
    with process:
        after = finish(sagemaker, "done")
        assert after["BestTrainingJob"] == before["BestTrainingJob"]
        assert finish(sagemaker, "lost")["FailureReason"].startswith("InternalServerError")
        assert [one["TrainingJobStatus"] for one in trials(sagemaker, "lost")] == ["Failed"]
        process.send_signal(signal.SIGKILL)


REHEARSAL = Rehearsal(
    outcomes={"Fails": Outcome(failure_reason="CapacityError: none left"), "Stops": Outcome(stopped=True)},
    job_seconds=0.05,
)


@pytest.fixture(scope="module")
def rehearsing(open_workbench):
    with open_workbench(stand_in=REHEARSAL, sandbox="rewrite") as bench:
        yield bench


def rehearse(bench, name, step, **members):
    request = request_of(name, Tags=[{"Key": TASK_TAG, "Value": step}], **members)
    bench.sagemaker.create_hyper_parameter_tuning_job(**request)
    return finish(bench.sagemaker, name)


def test_a_rehearsal_has_the_right_number_of_trials_with_objectives_that_differ_and_models_in_their_places(rehearsing):
    limits = {"MaxNumberOfTrainingJobs": 12, "MaxParallelTrainingJobs": 2}
    wide = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]}
    ended = rehearse(rehearsing, "many", "Tune", strategy="Bayesian", limits=limits, ranges=wide)
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    ranked = trials(rehearsing.sagemaker, "many", SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert len({one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in ranked}) == 12
    assert ranked[0]["TrainingJobName"] == ended["BestTrainingJob"]["TrainingJobName"]
    keys = {one["Key"] for one in rehearsing.s3.list_objects_v2(Bucket="test-bucket", Prefix="tuned/")["Contents"]}
    assert keys >= {f"tuned/{one['TrainingJobName']}/output/model.tar.gz" for one in ranked}


def test_a_rehearsed_tuning_job_ends_as_it_is_told(rehearsing):
    failed = rehearse(rehearsing, "fails", "Fails")
    assert (failed["HyperParameterTuningJobStatus"], failed["FailureReason"]) == ("Failed", "CapacityError: none left")
    assert rehearse(rehearsing, "stops", "Stops")["HyperParameterTuningJobStatus"] == "Stopped"


def test_a_rehearsal_takes_what_only_aws_can_do(rehearsing):
    hinted = {"AutoParameters": [{"Name": "x", "ValueHint": "3"}]}
    ended = rehearse(
        rehearsing,
        "hinted",
        "Tune",
        strategy="Bayesian",
        ranges=hinted,
        limits={"MaxNumberOfTrainingJobs": 2},
        Autotune={"Mode": "Enabled"},
    )
    assert ended["HyperParameterTuningJobStatus"] == "Completed"
    assert ended["BestTrainingJob"]["TunedHyperParameters"] == {"x": "3"}
