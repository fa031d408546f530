"""A user's program: train in script mode on an uploaded folder; waits, and prints the job's log."""

import json
import sys

from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.session import Session
from sagemaker.sklearn import SKLearn

session = Session()
folder = f"s3://{session.default_bucket()}/line"
train = S3Uploader.upload("train", f"{folder}/train")
estimator = SKLearn(
    entry_point="line.py",
    framework_version="1.2-1",
    py_version="py3",
    role="arn:aws:iam::123456789012:role/SageMakerRole",
    instance_count=1,
    instance_type="ml.m5.large",
    base_job_name="line",
    hyperparameters={"offset": 1, "label": "it's {{ y }}"},
    metric_definitions=[{"Name": "train:slope", "Regex": "slope=([0-9.]+)"}],
    output_path=f"{folder}/models",
)
estimator.fit({"train": train}, wait=True, logs="All")
name = estimator.latest_training_job.name
job = session.sagemaker_client.describe_training_job(TrainingJobName=name)
with open(sys.argv[1], "w") as answers:
    json.dump(
        {
            "name": name,
            "status": job["TrainingJobStatus"],
            "model": estimator.model_data,
            "models": S3Downloader.list(f"{folder}/models"),
            "metrics": {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]},
        },
        answers,
    )
