"""A pipeline that trains, and registers the model with an inference script of its own: the SDK repacks the model."""

import pathlib
import sys

from sagemaker.inputs import TrainingInput
from sagemaker.pytorch.model import PyTorchModel
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.steps import TrainingStep

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
session = PipelineSession()
data = ParameterString(name="Data", default_value="s3://bucket-of-the-team/data")
estimator = SKLearn(
    entry_point="train.py",
    framework_version="1.2-1",
    instance_type="ml.m5.large",
    role=ROLE,
    sagemaker_session=session,
    hyperparameters={"slope": 2},
)
train = TrainingStep(name="Train", step_args=estimator.fit({"train": TrainingInput(data)}))
model = PyTorchModel(
    model_data=train.properties.ModelArtifacts.S3ModelArtifacts,
    entry_point="inference.py",
    source_dir="inference",
    framework_version="2.0",
    py_version="py310",
    role=ROLE,
    sagemaker_session=session,
)
create = ModelStep(name="Create", step_args=model.create(instance_type="ml.m5.large"))
pipeline = Pipeline(name="repack", parameters=[data], steps=[train, create], sagemaker_session=session)
pathlib.Path(sys.argv[1]).write_text(pipeline.definition())
