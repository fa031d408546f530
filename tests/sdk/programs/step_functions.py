"""A pipeline of functions, as the SDK's documents write one: results are handed on, one is looked into."""

import pathlib
import sys

from sagemaker.processing import ProcessingOutput, ScriptProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.function_step import step
from sagemaker.workflow.functions import Join
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.steps import ProcessingStep

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "123456789012.dkr.ecr.us-west-2.amazonaws.com/any-python:1"
places = {"role": ROLE, "image_uri": IMAGE, "instance_type": "ml.m5.large"}
session = PipelineSession()


@step(name="prepare", environment_variables={"SCALE": "10"}, **places)
def prepare(count, source, execution):
    import os
    from collections import namedtuple

    print("prepares", count, "rows of", source)
    rows = [number * int(os.environ["SCALE"]) for number in range(count)]
    return {"rows": rows, "execution": execution, "anything": namedtuple("Anything", "x")(complex(1, 2))}


@step(name="measure", **places)
def measure(prepared, unit="m"):
    return {"sum": sum(prepared["rows"]), "metrics": {"list": [len(prepared["rows"]), 0.5]}, "unit": unit}


@step(name="announce", **places)
def announce(total, first, prepared):
    text = f"{total}/{first} in {prepared['execution']}: {prepared['anything'].x}"
    print("announces", text)
    return text


processor = ScriptProcessor(
    role=ROLE,
    image_uri=IMAGE,
    command=["python3"],
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
)
classic = ProcessingStep(
    name="Classic",
    step_args=processor.run(
        code="classic.py", outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/out")]
    ),
)
source = classic.properties.ProcessingOutputConfig.Outputs["out"].S3Output.S3Uri
count, least = ParameterInteger(name="Count", default_value=4), ParameterFloat(name="Least", default_value=60.0)
prepared = prepare(count, source, ExecutionVariables.PIPELINE_EXECUTION_ID)
measured = measure(prepared)
gate = ConditionStep(
    name="Gate",
    conditions=[ConditionGreaterThanOrEqualTo(left=measured["sum"], right=least)],
    if_steps=[announce(measured["sum"], measured["metrics"]["list"][0], prepared)],
    else_steps=[FailStep(name="TooLittle", error_message=Join(on=" ", values=["sum is", measured["sum"]]))],
)
pipeline = Pipeline(
    name="functions", parameters=[count, least], steps=[classic, measured, gate], sagemaker_session=session
)
pathlib.Path(sys.argv[1]).write_text(pipeline.definition())
