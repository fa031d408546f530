"""A user's program: train a script on an uploaded folder with ModelTrainer; waits, and prints the job's log."""

import json
import socket
import sys

asked, look_up = set(), socket.getaddrinfo


def note(host, *rest, **named):
    asked.add(host)
    return look_up(host, *rest, **named)


socket.getaddrinfo = note  # before the SDK is imported: also what it does then is seen

from sagemaker.core.helper.session_helper import Session  # noqa: E402
from sagemaker.train import ModelTrainer  # noqa: E402
from sagemaker.train.configs import Compute, InputData, SourceCode  # noqa: E402

session = Session()
trainer = ModelTrainer(
    training_image="123456789012.dkr.ecr.us-west-2.amazonaws.com/any-python:1",
    role="arn:aws:iam::123456789012:role/SageMakerRole",
    base_job_name="line",
    source_code=SourceCode(source_dir="source", entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"offset": 1},
    sagemaker_session=session,
)
train = session.upload_data("points", key_prefix="line/train")
trainer.train(input_data_config=[InputData(channel_name="train", data_source=train)], wait=True, logs=True)
job = trainer._latest_training_job
with open(sys.argv[1], "w") as answers:
    json.dump(
        {
            "bucket": session.default_bucket(),
            "status": job.training_job_status,
            "model": job.model_artifacts.s3_model_artifacts,
            "asked": sorted(asked),
        },
        answers,
    )
