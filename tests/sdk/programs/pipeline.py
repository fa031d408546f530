"""A user's pipeline, as the SDK's documents write one."""

from sagemaker.processing import ProcessingOutput, ScriptProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionLessThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.parameters import ParameterFloat
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep

threshold = ParameterFloat(name="Threshold", default_value=6.0)
report = PropertyFile(name="Report", output_name="evaluation", path="evaluation.json")
processor = ScriptProcessor(
    role="arn:aws:iam::123456789012:role/SageMakerRole",
    image_uri="123456789012.dkr.ecr.us-west-2.amazonaws.com/any-python:1",
    command=["python3"],
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=PipelineSession(),
)
evaluate = ProcessingStep(
    name="Evaluate",
    step_args=processor.run(
        code="evaluate.py",
        outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
    ),
    property_files=[report],
)
mse = JsonGet(step_name="Evaluate", property_file=report, json_path="mse")
gate = ConditionStep(
    name="Gate",
    conditions=[ConditionLessThanOrEqualTo(left=mse, right=threshold)],
    else_steps=[FailStep(name="TooBad", error_message=Join(on=" ", values=["mse is", mse]))],
)
pipeline = Pipeline(name="evaluation", parameters=[threshold], steps=[evaluate, gate])
