"""A user's program: train a model and transform a folder of data with it."""

import json
import sys

from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.session import Session
from sagemaker.sklearn import SKLearn

folder = f"s3://{Session().default_bucket()}/transform"
train, batch = (S3Uploader.upload(name, f"{folder}/{name}") for name in ("train", "batch"))
estimator = SKLearn(
    entry_point="line.py",
    framework_version="1.2-1",
    py_version="py3",
    role="arn:aws:iam::123456789012:role/SageMakerRole",
    instance_count=1,
    instance_type="ml.m5.large",
    hyperparameters={"offset": 1, "label": "y"},
)
estimator.fit({"train": train}, wait=True)
transformer = estimator.transformer(
    instance_count=1,
    instance_type="ml.m5.large",
    strategy="SingleRecord",
    assemble_with="Line",
    output_path=f"{folder}/predictions",
)
transformer.transform(batch, content_type="text/csv", split_type="Line", wait=True, logs=True)
with open(sys.argv[1], "w") as answers:
    json.dump({"predictions": S3Downloader.read_file(f"{folder}/predictions/points.csv.out")}, answers)
