"""Definitions of steps that only sleep (no DAG here)."""


def step(name, seconds, *depends_on, exit_code=None):
    text = {"Std:Join": {"On": "", "Values": [seconds]}}
    code = {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.ExitCode"} if exit_code is None else exit_code]}}
    script = 'echo "sleeping $1 s"; sleep "$1"; echo "will exit $2" >&2; exit "$2"'
    return {
        "Name": name,
        "Type": "Processing",
        "DependsOn": list(depends_on),
        "Arguments": {
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
            },
            "AppSpecification": {
                "ImageUri": "unused",
                "ContainerEntrypoint": ["sh", "-c", script, "sleeper"],
                "ContainerArguments": [text, code],
            },
            "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        },
    }


def definition(*steps):
    return {
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "Seconds", "Type": "Integer", "DefaultValue": 0},
            {"Name": "ExitCode", "Type": "Integer", "DefaultValue": 0},
        ],
        "Steps": list(steps),
    }
