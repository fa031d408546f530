"""A pipeline that writes data, and registers a model version in a group that the run names."""

from airflow.sdk import Asset

from airflow_sm_pipelines import pipeline_dag

CLEAN = {
    "Name": "Clean",
    "Type": "Processing",
    "Arguments": {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
        "AppSpecification": {
            "ImageUri": "unused",
            "ContainerEntrypoint": ["sh", "-c", "cp /opt/ml/processing/raw/* /opt/ml/processing/clean/"],
        },
        "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        "ProcessingInputs": [
            {
                "InputName": "raw",
                "S3Input": {
                    "S3Uri": "s3://e2e/raw",
                    "LocalPath": "/opt/ml/processing/raw",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "clean",
                    "S3Output": {
                        "S3Uri": "s3://e2e/clean",
                        "LocalPath": "/opt/ml/processing/clean",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    },
}
REGISTER = {
    "Name": "Register",
    "Type": "RegisterModel",
    "DependsOn": ["Clean"],
    "Arguments": {
        "ModelPackageGroupName": {"Get": "Parameters.Group"},
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {
            "Containers": [{"Image": "unused", "ModelDataUrl": "s3://e2e/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        "CustomerMetadataProperties": {"rmse": "2.1"},
    },
}
PIPELINE = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Group", "Type": "String", "DefaultValue": "abalone"}],
    "Steps": [CLEAN, REGISTER],
}

dag = pipeline_dag(
    PIPELINE,
    dag_id="features",
    poll_interval=2,
    # Without a settling time, the step is deferred, and another process ends it.
    overrides={"Clean": {"outlets": [Asset("s3://e2e/clean")], "settle": 0}},
)
