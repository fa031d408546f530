"""The steps of the attacked pipelines (no DAG here)."""


def sleeping(name, kind="Processing"):
    """Return a step whose job sleeps as long as the run says."""
    return {"Name": name, "Type": kind, "Arguments": _ARGUMENTS[kind]}


_SECONDS = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Seconds"}]}}
_RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
_ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
_ARGUMENTS = {
    "Processing": {
        "ProcessingResources": {"ClusterConfig": _RESOURCES},
        "AppSpecification": {
            "ImageUri": "unused",
            "ContainerEntrypoint": ["sh", "-c", 'sleep "$1"', "sleeper"],
            "ContainerArguments": [_SECONDS],
        },
        "RoleArn": _ROLE,
    },
    "Training": {
        "AlgorithmSpecification": {
            "TrainingImage": "unused",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["sh", "-c", 'sleep "$1"', "sleeper"],
            "ContainerArguments": [_SECONDS],
        },
        "OutputDataConfig": {"S3OutputPath": "s3://attacks/models"},
        "ResourceConfig": _RESOURCES,
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
        "RoleArn": _ROLE,
    },
}


def callback(outputs):
    """Return a step that waits for an answer."""
    return {
        "Name": "Ask",
        "Type": "Callback",
        "Arguments": {},
        "SqsQueueUrl": {"Get": "Parameters.QueueUrl"},
        "OutputParameters": [{"OutputName": name, "OutputType": kind} for name, kind in outputs.items()],
    }


def pipeline(*steps):
    """Return a definition."""
    return {
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "Seconds", "Type": "Integer", "DefaultValue": 0},
            {"Name": "QueueUrl", "Type": "String", "DefaultValue": "unused"},
        ],
        "Steps": list(steps),
    }
