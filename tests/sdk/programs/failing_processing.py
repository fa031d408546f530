"""A user's program: a processing job whose script fails; what the SDK raises is the answer."""

import json
import sys

from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.processing import ScriptProcessor

processor = ScriptProcessor(
    role="arn:aws:iam::123456789012:role/SageMakerRole",
    image_uri="123456789012.dkr.ecr.us-west-2.amazonaws.com/any-python:1",
    command=["python3"],
    instance_count=1,
    instance_type="ml.m5.large",
)
try:
    processor.run(code="fail.py", wait=True, logs=True)
except UnexpectedStatusException as error:
    with open(sys.argv[1], "w") as answers:
        json.dump({"actual": error.actual_status, "message": str(error)}, answers)
