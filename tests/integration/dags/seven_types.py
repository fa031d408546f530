"""A step of each of seven types (an Airflow dag)."""

from airflow_sm_pipelines import pipeline_dag

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


def output_of(step):
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['data'].S3Output.S3Uri"}


PREPARE = {
    "ProcessingResources": {"ClusterConfig": CLUSTER},
    "AppSpecification": {"ImageUri": "image:1", "ContainerEntrypoint": ["true"]},
    "ProcessingOutputConfig": {
        "Outputs": [
            {
                "OutputName": "data",
                "S3Output": {
                    "S3Uri": {
                        "Std:Join": {"On": "/", "Values": ["s3://bucket", {"Get": "Execution.PipelineExecutionId"}]}
                    },
                    "LocalPath": "/opt/ml/processing/data",
                    "S3UploadMode": "EndOfJob",
                },
            }
        ]
    },
}
TRAIN = {
    "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
    "InputDataConfig": [
        {
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": output_of("Prepare")}},
        }
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
    "ResourceConfig": CLUSTER,
    "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    "HyperParameters": {"rounds": {"Get": "Parameters.Rounds"}},
}
MODEL_DATA = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
REGISTER = {
    "ModelPackageGroupName": "seven-types",
    "InferenceSpecification": {
        "Containers": [{"Image": "image:1", "ModelDataUrl": MODEL_DATA}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    },
}
PREDICT = {
    "ModelName": {"Get": "Steps.Create.ModelName"},
    "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": output_of("Prepare")}}},
    "TransformOutput": {"S3OutputPath": "s3://bucket/predictions"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}
DEFINITION = {
    "Version": "2020-12-01",
    "PipelineExperimentConfig": {"TrialName": {"Get": "Execution.PipelineExecutionId"}},
    "Parameters": [{"Name": "Rounds", "Type": "Integer", "DefaultValue": 5}],
    "Steps": [
        {"Name": "Prepare", "Type": "Processing", "Arguments": PREPARE},
        {"Name": "Train", "Type": "Training", "Arguments": TRAIN},
        {
            "Name": "Check",
            "Type": "Condition",
            "DependsOn": ["Train"],
            "Arguments": {
                "Conditions": [
                    {"Type": "Equals", "LeftValue": {"Get": "Steps.Train.TrainingJobStatus"}, "RightValue": "Completed"}
                ],
                "IfSteps": [
                    {"Name": "Register", "Type": "RegisterModel", "Arguments": REGISTER},
                    {
                        "Name": "Create",
                        "Type": "Model",
                        "Arguments": {"PrimaryContainer": {"Image": "image:1", "ModelDataUrl": MODEL_DATA}},
                    },
                    {"Name": "Predict", "Type": "Transform", "Arguments": PREDICT},
                ],
                "ElseSteps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "not trained"}}],
            },
        },
    ],
}

dag = pipeline_dag(DEFINITION, dag_id="seven_types", role_arn=ROLE, deferrable=False, poll_interval=1)
