"""A user's program that starts a pipeline and follows it, as the SDK's documents write one; but for three lines.

Arguments: ``export FILE``, or ``run FILE``, with the address and a token of Airflow in AIRFLOW_URL and AIRFLOW_TOKEN.
"""

import json
import os
import pathlib
import sys
import time

from sagemaker.workflow.function_step import step
from sagemaker.workflow.parallelism_config import ParallelismConfiguration
from sagemaker.workflow.parameters import ParameterInteger
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession

places = {
    "role": "arn:aws:iam::123456789012:role/SageMakerRole",
    "image_uri": "123456789012.dkr.ecr.us-west-2.amazonaws.com/any-python:1",
    "instance_type": "ml.m5.large",
}
session = PipelineSession()
seconds = ParameterInteger(name="Seconds", default_value=0)


@step(name="double", **places)
def double(seconds):
    import time

    time.sleep(seconds)
    return {"doubled": [21 * 2], "seconds": seconds}


pipeline = Pipeline(name="sdk-functions", parameters=[seconds], steps=[double(seconds)], sagemaker_session=session)

if sys.argv[1] == "export":
    pathlib.Path(sys.argv[2]).write_text(pipeline.definition())
    sys.exit()


def to_airflow(request, event_name, **_):
    if "PipelineExecution" in event_name or event_name.endswith("ForExecution"):
        request.url = f"{os.environ['AIRFLOW_URL']}/sm-pipelines/api"
        request.headers["Authorization"] = f"Bearer {os.environ['AIRFLOW_TOKEN']}"


session.sagemaker_client.meta.events.register("before-send.sagemaker", to_airflow)

answers = {}
execution = pipeline.start(
    parameters={"Seconds": 1},
    execution_display_name="by-the-sdk",
    execution_description="why",
    parallelism_config=ParallelismConfiguration(2),
)
execution.wait(delay=2, max_attempts=60)
answers["described"] = execution.describe()
answers["steps"] = execution.list_steps()
answers["parameters"] = execution.list_parameters()["PipelineParameters"]
answers["result"] = execution.result("double")
answers["rebuilt"] = pipeline.build_parameters_from_execution(execution.arn, {"Seconds": 600})
long = pipeline.start(parameters=answers["rebuilt"])
while not any(one.get("Metadata") for one in long.list_steps()):
    time.sleep(1)
long.stop()
answers["stopped"] = long.describe()["PipelineExecutionStatus"]
answers["stopped steps"] = {one["StepName"]: one["StepStatus"] for one in long.list_steps()}
answers["executions"] = pipeline.list_executions()["PipelineExecutionSummaries"]
try:
    pipeline.start(parameters={"Secondes": 1})
except Exception as error:
    answers["error"] = str(error)
pathlib.Path(sys.argv[2]).write_text(json.dumps(answers, default=str))
