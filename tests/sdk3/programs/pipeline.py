"""A user's pipeline of functions and a training job, as the documents of SDK 3 write one."""

from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.parameters import ParameterInteger
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.function_step import step
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, SourceCode

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "123456789012.dkr.ecr.us-west-2.amazonaws.com/any-python:1"
places = {"role": ROLE, "image_uri": IMAGE, "instance_type": "ml.m5.large"}
session = PipelineSession()


@step(name="prepare", **places)
def prepare(count):
    print("prepares", count, "rows")
    return {"rows": list(range(count))}


@step(name="measure", **places)
def measure(prepared):
    return {"sum": sum(prepared["rows"])}


trainer = ModelTrainer(
    training_image=IMAGE,
    role=ROLE,
    base_job_name="train",
    source_code=SourceCode(source_dir="source", entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"offset": 1},
    sagemaker_session=session,
)
count = ParameterInteger(name="Count", default_value=4)
measured = measure(prepare(count))
gate = ConditionStep(
    name="Gate",
    conditions=[ConditionGreaterThanOrEqualTo(left=measured["sum"], right=6)],
    if_steps=[TrainingStep(name="Train", step_args=trainer.train())],
    else_steps=[FailStep(name="TooLittle", error_message=Join(on=" ", values=["sum is", measured["sum"]]))],
)
pipeline = Pipeline(name="functions", parameters=[count], steps=[measured, gate], sagemaker_session=session)
