from __future__ import annotations

import json

import pytest

from airflow_sm_pipelines.local.jobs.container import JobFailure
from airflow_sm_pipelines.local.services.sagemaker.containers.script_mode import (
    Script,
    arguments,
    decode,
    find_script,
    script_environment,
)

PARAMETERS = {
    "sagemaker_program": '"train.py"',
    "sagemaker_submit_directory": '"s3://b/s.tar.gz"',
    "sagemaker_container_log_level": "20",
    "sagemaker_parameter_server_enabled": "true",
    "alpha": "0.1",
    "n": "3",
    "text": '"{{ a }} b"',
    "raw": "a{b",
    "map": '{"x": 1, "a": 2}',
}
CHANNELS = {"train": {"TrainingInputMode": "File"}, "my-data": {"TrainingInputMode": "File"}}
RESOURCES = {
    "current_host": "algo-1",
    "current_instance_type": "ml.m5.large",
    "current_group_name": "homogeneousCluster",
    "hosts": ["algo-1"],
    "instance_groups": [
        {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}
    ],
    "network_interface_name": "eth0",
}

# What sagemaker-training 5.1 sets (its own Environment.to_env_vars() was run for the same input).
NAMES = (
    "CHANNELS CHANNEL_TRAIN CHANNEL_MY-DATA CURRENT_HOST CURRENT_INSTANCE_GROUP CURRENT_INSTANCE_GROUP_HOSTS "
    "CURRENT_INSTANCE_TYPE DISTRIBUTION_INSTANCE_GROUPS FRAMEWORK_MODULE FRAMEWORK_PARAMS HOSTS HPS HP_ALPHA HP_MAP "
    "HP_N HP_RAW HP_TEXT INPUT_CONFIG_DIR INPUT_DATA_CONFIG INPUT_DIR INSTANCE_GROUPS INSTANCE_GROUPS_DICT IS_HETERO "
    "LOG_LEVEL MODEL_DIR MODULE_DIR MODULE_NAME NETWORK_INTERFACE_NAME NUM_CPUS NUM_GPUS NUM_NEURONS OUTPUT_DATA_DIR "
    "OUTPUT_DIR OUTPUT_INTERMEDIATE_DIR RESOURCE_CONFIG TRAINING_ENV USER_ARGS USER_ENTRY_POINT"
)


@pytest.fixture(scope="module")
def made():
    script = Script("train.py", "s3://b/s.tar.gz")
    return script_environment(script, PARAMETERS, CHANNELS, RESOURCES, "us-west-2", "job-1")


def test_the_variables_are_exactly_those_of_the_toolkit(made):
    assert {name for name in made[0] if name.startswith("SM_")} == {f"SM_{name}" for name in NAMES.split()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SM_HPS", '{"alpha":0.1,"map":{"a":2,"x":1},"n":3,"raw":"a{b","text":"{{ a }} b"}'),
        ("SM_HP_TEXT", "{{ a }} b"),
        ("SM_HP_ALPHA", "0.1"),
        ("SM_CHANNELS", '["my-data","train"]'),
        ("SM_CHANNEL_MY-DATA", "/opt/ml/input/data/my-data"),
        ("SM_MODULE_DIR", "s3://b/s.tar.gz"),
        ("SM_MODULE_NAME", "train"),
        ("SM_USER_ENTRY_POINT", "train.py"),
        ("SM_FRAMEWORK_MODULE", ""),
        ("SM_FRAMEWORK_PARAMS", '{"sagemaker_parameter_server_enabled":true}'),
        ("SM_HOSTS", '["algo-1"]'),
        ("SM_LOG_LEVEL", "20"),
        ("SM_NUM_GPUS", "0"),
        ("SM_IS_HETERO", "false"),
        ("SM_DISTRIBUTION_INSTANCE_GROUPS", '["homogeneousCluster"]'),
        ("SAGEMAKER_REGION", "us-west-2"),
    ],
)
def test_variables_are_text_or_compact_json(made, name, value):
    assert made[0][name] == value


def test_the_training_environment_names_job_and_channels(made):
    described = json.loads(made[0]["SM_TRAINING_ENV"])
    assert described["job_name"] == "job-1"
    assert described["channel_input_dirs"]["train"] == "/opt/ml/input/data/train"
    assert described["hyperparameters"]["map"] == {"x": 1, "a": 2}


def test_arguments_are_sorted_and_leave_sagemakers_parameters_out(made):
    assert made[1] == ["--alpha", "0.1", "--map", "a=2,x=1", "-n", "3", "--raw", "a{b", "--text", "{{ a }} b"]


def test_arguments_have_pythons_words_for_true_and_nothing_for_null():
    assert arguments({"flag": True, "list": [1, 2], "none": None}) == [
        "--flag",
        "True",
        "--list",
        "[1, 2]",
        "--none",
        "",
    ]


def test_values_that_are_no_json_are_texts():
    assert decode({"a": "relu", "b": "1e-3", "c": '"x"'}) == {"a": "relu", "b": 0.001, "c": "x"}


def test_the_script_is_found_in_hyperparameters_or_variables():
    assert find_script(PARAMETERS, {}) == Script("train.py", "s3://b/s.tar.gz")
    variables = {"SAGEMAKER_PROGRAM": "other.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/code"}
    assert find_script(PARAMETERS, variables) == Script("other.py", "/opt/ml/code")
    assert find_script({"alpha": "1"}, {}) is None


@pytest.mark.parametrize("program", ["/bin/sh", "../x.py", "a/../../x.py"])
def test_a_script_outside_of_its_source_is_refused(program):
    with pytest.raises(JobFailure, match="is no path inside of the source directory"):
        script_environment(Script(program, ""), {}, {}, RESOURCES, "us-west-2", "job-1")
