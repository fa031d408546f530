"""A user's program: one processing job, from a script and data beside it; waits, and prints the job's log."""

import json
import sys

import sagemaker
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.s3 import S3Downloader

processor = ScriptProcessor(
    role="arn:aws:iam::123456789012:role/SageMakerRole",
    image_uri="123456789012.dkr.ecr.us-west-2.amazonaws.com/any-python:1",
    command=["python3"],
    instance_count=1,
    instance_type="ml.m5.large",
    base_job_name="double",
    env={"GREETING": "hello {{ world }}"},
    tags=[{"Key": "team", "Value": "ml"}],
)
processor.run(
    code="double.py",
    inputs=[ProcessingInput(source="data", destination="/opt/ml/processing/input/data", input_name="data")],
    outputs=[ProcessingOutput(source="/opt/ml/processing/doubled", output_name="doubled")],
    arguments=["--factor", "2"],
    wait=True,
    logs=True,
)
job = processor.latest_job.describe()
[output] = job["ProcessingOutputConfig"]["Outputs"]
with open(sys.argv[1], "w") as answers:
    json.dump(
        {
            "status": job["ProcessingJobStatus"],
            "name": job["ProcessingJobName"],
            "files": S3Downloader.list(output["S3Output"]["S3Uri"]),
            "text": S3Downloader.read_file(f"{output['S3Output']['S3Uri']}/doubled.txt"),
            "tags": sagemaker.Session().list_tags(job["ProcessingJobArn"]),
        },
        answers,
    )
