from __future__ import annotations

import yaml

from airflow_sm_pipelines.local.sagemaker_sdk import write_sdk_configuration


def test_the_file_names_the_bucket_that_the_sdk_would_make_up(tmp_path):
    variables = write_sdk_configuration(tmp_path, "eu-west-1")
    with open(variables["SAGEMAKER_USER_CONFIG_OVERRIDE"]) as file:
        sdk = yaml.safe_load(file)["SageMaker"]["PythonSDK"]["Modules"]
    assert sdk == {"Session": {"DefaultS3Bucket": "sagemaker-eu-west-1-123456789012"}, "TelemetryOptOut": True}


def test_roles_need_not_exist(tmp_path):
    assert write_sdk_configuration(tmp_path, "eu-west-1")["SAGEMAKER_VALIDATE_ROLE"] == "false"


def test_it_goes_with_a_running_local_aws_and_its_jobs(bench):
    variables = {name: value for name, value in bench.aws.environment().items() if name.startswith("SAGEMAKER_")}
    assert set(variables) == {"SAGEMAKER_USER_CONFIG_OVERRIDE", "SAGEMAKER_VALIDATE_ROLE"}
    bench.run("sdk-settings", ["sh", "-c", "env | grep ^SAGEMAKER_; cat $SAGEMAKER_USER_CONFIG_OVERRIDE"])
    printed = bench.log_lines("sdk-settings")
    assert {f"{name}={value}" for name, value in variables.items()} <= set(printed)
    assert any("sagemaker-us-west-2-123456789012" in line for line in printed)
