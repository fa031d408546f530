"""CreateHyperParameterTuningJob requests: what they ask for, and what is refused."""

from __future__ import annotations

import pytest

from airflow_sm_pipelines.local.services.sagemaker.tuning.request import Objective, read_tuning, tuning_problems

XGBOOST = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:1.7-1"
MINIMIZE = {"Type": "Minimize", "MetricName": "validation:rmse"}
DEPTH = {"IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "5"}]}
BOOSTER = {"CategoricalParameterRanges": [{"Name": "booster", "Values": ["gbtree", "dart"]}]}


def definition(image=XGBOOST, **members):
    return {
        "StaticHyperParameters": {"num_round": "5"},
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }


def config(strategy="Random", limits=None, **members):
    limits = {"MaxNumberOfTrainingJobs": 4} if limits is None else limits
    return {
        "Strategy": strategy,
        "ResourceLimits": {"MaxParallelTrainingJobs": 2, **limits},
        "HyperParameterTuningJobObjective": MINIMIZE,
        "ParameterRanges": DEPTH,
        **members,
    }


def request(configuration=None, **members):
    if "TrainingJobDefinitions" not in members:
        members = {"TrainingJobDefinition": definition(), **members}
    return {
        "HyperParameterTuningJobName": "tune",
        "HyperParameterTuningJobConfig": config() if configuration is None else configuration,
        **members,
    }


def several(*definitions):
    configuration = {"Strategy": "Random", "ResourceLimits": config()["ResourceLimits"]}
    return request(configuration, TrainingJobDefinitions=list(definitions))


def named(name, **members):
    return definition(**{"DefinitionName": name, "TuningObjective": MINIMIZE, "HyperParameterRanges": DEPTH, **members})


def test_a_valid_request_has_no_problems():
    assert list(tuning_problems(request())) == []
    assert list(tuning_problems(several(named("a"), named("b")))) == []


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (request(TrainingJobDefinition=definition(), TrainingJobDefinitions=[named("a")]), "exactly one of"),
        (several(definition(TuningObjective=MINIMIZE, HyperParameterRanges=DEPTH)), "DefinitionName is required"),
        (several(named("a"), named("a")), "a occurs 2 times"),
        (several(definition(DefinitionName="a", HyperParameterRanges=DEPTH)), "an objective is required"),
        (request(config(limits={})), "MaxNumberOfTrainingJobs is required for the strategy Random"),
        (
            request(TrainingJobDefinition=definition(StaticHyperParameters={"max_depth": "3"})),
            "max_depth is both static and tuned",
        ),
        (
            request(config(HyperParameterTuningJobObjective={"Type": "Minimize", "MetricName": "validation:rsme"})),
            "[validation:rsme], isn't valid",
        ),
        (
            request(
                config(ParameterRanges={"IntegerParameterRanges": [{"Name": "n", "MinValue": "x", "MaxValue": "2"}]})
            ),
            "is not an integer",
        ),
        (request(config("Grid", limits={})), "only categorical parameters are supported when using the Grid strategy"),
        (
            request(config("Grid", limits={"MaxNumberOfTrainingJobs": 3}, ParameterRanges=BOOSTER)),
            "is 3, but the grid has 2 combinations",
        ),
    ],
)
def test_what_the_service_refuses_is_a_problem(wrong, problem):
    assert problem in "; ".join(tuning_problems(wrong))


def test_a_definition_without_resources_is_a_problem():
    without = {name: value for name, value in definition().items() if name != "ResourceConfig"}
    assert "one of ResourceConfig" in "; ".join(tuning_problems(request(TrainingJobDefinition=without)))


def test_the_objective_of_an_algorithm_with_metric_definitions_must_be_one_of_them():
    algorithm = {"TrainingImage": "mine:1", "TrainingInputMode": "File"}
    metrics = [{"Name": "validation:rmse", "Regex": "x"}]
    for emitted, problems in ((metrics, 0), ([{"Name": "loss", "Regex": "x"}], 1), ([], 0)):
        mine = definition(AlgorithmSpecification={**algorithm, "MetricDefinitions": emitted})
        assert len(list(tuning_problems(request(TrainingJobDefinition=mine)))) == problems


def test_a_grid_counts_its_combinations_over_all_algorithms():
    asked = several(named("a", HyperParameterRanges=BOOSTER), named("b", HyperParameterRanges=BOOSTER))
    asked["HyperParameterTuningJobConfig"] = {"Strategy": "Grid", "ResourceLimits": {"MaxParallelTrainingJobs": 1}}
    assert list(tuning_problems(asked)) == []
    assert read_tuning(asked).most_trials == 4


def test_a_request_is_read():
    criteria = {
        "TargetObjectiveMetricValue": 0.5,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3},
    }
    limits = {"MaxNumberOfTrainingJobs": 9, "MaxRuntimeInSeconds": 120}
    warm = {
        "WarmStartType": "TransferLearning",
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "p"}],
    }
    tuning = read_tuning(
        request(config(limits=limits, TuningJobCompletionCriteria=criteria, RandomSeed=1), WarmStartConfig=warm)
    )
    assert (tuning.most_trials, tuning.most_parallel, tuning.max_seconds, tuning.seed) == (9, 2, 120, 1)
    assert (tuning.target, tuning.most_without_progress) == (0.5, 3)
    assert (tuning.parents, tuning.shares_results) == (("p",), False)
    assert [one.space.names for one in tuning.definitions] == [("max_depth",)]


def test_better_is_less_when_minimizing_and_more_when_maximizing():
    least, most = Objective("Minimize", "m"), Objective("Maximize", "m")
    assert least.is_better(1, than=2)
    assert not least.is_better(2, than=1)
    assert most.is_better(2, than=1)
    assert least.is_reached(0.5, 0.5)
    assert least.is_reached(0.4, 0.5)
    assert not most.is_reached(0.4, 0.5)
