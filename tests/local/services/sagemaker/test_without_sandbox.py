"""Training and transform where ``/opt/ml`` is replaced in scripts, because no sandbox works."""

from __future__ import annotations

from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
TRAIN = """
import os, pathlib
pathlib.Path(os.environ["SM_MODEL_DIR"], "factor").write_text(pathlib.Path("/opt/ml/input/data/train/x").read_text())
"""
INFERENCE = """
import pathlib
def model_fn(model_dir):
    return int(pathlib.Path("/opt/ml/model/factor").read_text())
def transform_fn(model, data, content_type, accept):
    return str(model * int(data))
"""


def test_a_model_is_trained_and_used_without_any_sandbox(open_workbench):
    existed = Path("/opt/ml").exists()
    with open_workbench(sandbox="rewrite") as bench:
        bench.put("rewrite/data/x", "6")
        source = bench.put_archive("rewrite/sourcedir.tar.gz", {"train.py": TRAIN})
        data = {"S3DataType": "S3Prefix", "S3Uri": "s3://test-bucket/rewrite/data"}
        bench.sagemaker.create_training_job(
            TrainingJobName="rewritten",
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": source},
            InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": data}}],
            OutputDataConfig={"S3OutputPath": "s3://test-bucket/rewrite/models"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )
        trained = bench.finish("training", "rewritten")
        assert trained["TrainingJobStatus"] == "Completed", trained
        code = bench.put_archive("rewrite/code.tar.gz", {"serve.py": INFERENCE})
        container = {
            "Image": IMAGE,
            "ModelDataUrl": trained["ModelArtifacts"]["S3ModelArtifacts"],
            "Environment": {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": code},
        }
        bench.sagemaker.create_model(ModelName="rewritten", ExecutionRoleArn=ROLE, PrimaryContainer=container)
        bench.put("rewrite/batch/y", "7")
        batch = {"S3DataType": "S3Prefix", "S3Uri": "s3://test-bucket/rewrite/batch"}
        bench.sagemaker.create_transform_job(
            TransformJobName="rewritten",
            ModelName="rewritten",
            TransformInput={"DataSource": {"S3DataSource": batch}},
            TransformOutput={"S3OutputPath": "s3://test-bucket/rewrite/predictions"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )
        assert bench.finish("transform", "rewritten")["TransformJobStatus"] == "Completed"
        assert bench.objects("rewrite/predictions/") == {"y.out": "42"}
    assert Path("/opt/ml").exists() == existed
