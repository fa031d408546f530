"""The built-in XGBoost algorithm end to end: training, then batch transform with the model."""

from __future__ import annotations

import pickle
import random
import time

import pytest

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
XGBOOST = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost"
PARAMETERS = {"num_round": "8", "objective": "reg:linear", "eta": "0.5", "max_depth": "3", "eval_metric": "rmse,mae"}


def rows(count, seed):
    """Rows of target, feature, noise; the target is twice the feature."""
    chance = random.Random(seed)
    return [(2 * (n % 10), n % 10, chance.random()) for n in range(count)]


def csv(lines):
    return "".join(",".join(map(str, line)) + "\n" for line in lines)


def channel(name, uri, content_type):
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "ContentType": content_type}


def request_of(name, parameters, tag="1.7-1", content_type="text/csv", channels=("train", "validation"), **members):
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": f"{XGBOOST}:{tag}", "TrainingInputMode": "File"},
        "HyperParameters": parameters,
        "InputDataConfig": [
            channel("train" if one == "libsvm" else one, f"s3://test-bucket/xgb/{one}", content_type)
            for one in channels
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://test-bucket/xgb/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }


@pytest.fixture(scope="module")
def train(bench):
    bench.put("xgb/train/one.csv", csv(rows(150, 1)))
    bench.put("xgb/train/two.csv", csv(rows(50, 2)))
    bench.put("xgb/validation/x.csv", csv(rows(60, 3)))
    libsvm = "".join(f"{target} 0:{feature} 1:{noise}\n" for target, feature, noise in rows(200, 4))
    bench.put("xgb/libsvm/x", libsvm)

    def run(name, parameters=PARAMETERS, **members):
        bench.sagemaker.create_training_job(**request_of(name, parameters, **members))
        return bench.finish("training", name)

    return run


@pytest.fixture(scope="module")
def trained(train):
    """A model that the algorithm has trained, described."""
    return train("xgb")


def test_the_algorithm_learns(trained):
    assert trained["TrainingJobStatus"] == "Completed", trained.get("FailureReason")
    metrics = {metric["MetricName"]: metric["Value"] for metric in trained["FinalMetricDataList"]}
    assert set(metrics) == {"train:rmse", "train:mae", "validation:rmse", "validation:mae"}
    assert metrics["validation:rmse"] < 0.5


def test_each_round_is_printed_as_the_container_does(bench, trained):
    lines = bench.log_lines("xgb", "/aws/sagemaker/TrainingJobs")
    [last] = [line for line in lines if line.startswith("[7]")]
    assert last.startswith("[7]#011train-rmse:")
    assert "#011validation-rmse:" in last
    assert "Train matrix has 200 rows" in lines


def test_the_model_is_what_xgboost_saves(bench, trained, tmp_path):
    import xgboost

    files = bench.archive(trained["ModelArtifacts"]["S3ModelArtifacts"])
    assert list(files) == ["xgboost-model"]
    booster = xgboost.Booster(model_file=bytearray(files["xgboost-model"]))
    assert booster.num_boosted_rounds() == 8


def test_old_images_pickle_their_model_and_libsvm_is_the_other_format(bench, train):
    description = train("xgb-pickled", tag="1.0-1-cpu-py3", content_type="text/libsvm", channels=("libsvm",))
    assert description["TrainingJobStatus"] == "Completed", description.get("FailureReason")
    files = bench.archive(description["ModelArtifacts"]["S3ModelArtifacts"])
    assert pickle.loads(files["xgboost-model"]).num_boosted_rounds() == 8


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("extra", {"colour": "blue"}, "ClientError: Extraneous hyperparameter found: colour, exit code: 1"),
        ("objective", {"objective": "reg:nonsense"}, "ClientError: "),
    ],
)
def test_wrong_hyperparameters_are_the_clients_error(train, name, parameters, expected):
    description = train(f"xgb-{name}", parameters={**PARAMETERS, **parameters})
    assert description["TrainingJobStatus"] == "Failed"
    assert expected in description["FailureReason"]


def test_a_stopped_training_saves_its_model_and_goes_on_from_its_checkpoint(bench, train):
    config = {"S3Uri": "s3://test-bucket/xgb/checkpoints"}
    begin = bench.sagemaker.create_training_job
    begin(**request_of("xgb-stopped", {**PARAMETERS, "num_round": "1000000"}, CheckpointConfig=config))
    deadline = time.monotonic() + 20
    while not bench.objects_below("xgb/checkpoints/"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    bench.sagemaker.stop_training_job(TrainingJobName="xgb-stopped")
    stopped = bench.finish("training", "xgb-stopped")
    assert stopped["TrainingJobStatus"] == "Stopped"
    assert "xgboost-model" in bench.archive(stopped["ModelArtifacts"]["S3ModelArtifacts"])
    kept = max(int(name.rpartition(".")[2]) for name in bench.objects_below("xgb/checkpoints/"))
    parameters = {**PARAMETERS, "num_round": str(kept + 3)}
    begin(**request_of("xgb-resumed", parameters, CheckpointConfig=config))
    assert bench.finish("training", "xgb-resumed")["TrainingJobStatus"] == "Completed"
    lines = bench.log_lines("xgb-resumed", "/aws/sagemaker/TrainingJobs")
    assert f"Resuming from iteration {kept + 1}" in lines
    assert [line.partition("#")[0] for line in lines if line.startswith("[")] == [f"[{kept + 1}]", f"[{kept + 2}]"]


@pytest.fixture(scope="module")
def model(bench, trained):
    container = {
        "Image": f"{XGBOOST}:1.7-1",
        "ModelDataUrl": trained["ModelArtifacts"]["S3ModelArtifacts"],
    }
    bench.sagemaker.create_model(ModelName="xgb", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    return "xgb"


def test_the_model_predicts_one_line_for_each_record(bench, model):
    bench.put("xgb/batch/data.csv", csv([(feature, 0.5) for feature in range(10)]))
    bench.sagemaker.create_transform_job(
        TransformJobName="xgb",
        ModelName=model,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://test-bucket/xgb/batch"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": "s3://test-bucket/xgb/predictions", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    description = bench.finish("transform", "xgb")
    assert description["TransformJobStatus"] == "Completed", description
    lines = bench.objects("xgb/predictions/")["data.csv.out"].splitlines()
    assert [abs(float(line) - 2 * feature) < 1 for feature, line in enumerate(lines)] == [True] * 10


def test_wrong_data_are_the_clients_error(bench, model):
    bench.put("xgb/wrong/data.csv", "1,2,3\n")
    bench.sagemaker.create_transform_job(
        TransformJobName="xgb-wrong",
        ModelName=model,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://test-bucket/xgb/wrong"}}
        },
        TransformOutput={"S3OutputPath": "s3://test-bucket/xgb/wrong-out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    description = bench.finish("transform", "xgb-wrong")
    assert description["FailureReason"] == "ClientError: See job logs for more information"
    text = "\n".join(bench.log_lines("xgb-wrong", "/aws/sagemaker/TransformJobs"))
    assert "Feature size of csv inference data 3 is not 2, that of the model" in text
    assert bench.objects("xgb/wrong-out/") == {}
