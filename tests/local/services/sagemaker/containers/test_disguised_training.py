"""Training jobs that train nothing: functions and notebooks. The SDK's own are in tests/sdk."""

from __future__ import annotations

import json
import sys

import pytest

from airflow_sm_pipelines.local.services.sagemaker.containers.training import entrypoint_command

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BOOTSTRAP = "sagemaker_remote_function_bootstrap"
NOTEBOOKS = "sagemaker_headless_execution_pipelinestep"

PAPERMILL = """
import json

class PapermillExecutionError(Exception):
    pass

def execute_notebook(source, target, parameters, kernel_name, cwd, progress_bar, log_output):
    notebook = json.load(open(source))
    said = {"parameters": parameters, "kernel": kernel_name, "beside": open(f"{cwd}/beside.txt").read()}
    json.dump({**notebook, "ran": said}, open(target, "w"))
    print("cell 1")
    if notebook["cells"] == ["raise"]:
        raise PapermillExecutionError("cell 2: ZeroDivisionError: division by zero")
"""


def request_of(name, algorithm, channel, uri, **members):
    source = {"S3DataType": "S3Prefix", "S3Uri": uri}
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File", **algorithm},
        "InputDataConfig": [{"ChannelName": channel, "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://test-bucket/{name}/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **members,
    }


def test_entrypoints_tell_what_runs():
    driver = ["/bin/bash", f"/opt/ml/input/data/{BOOTSTRAP}/job_driver.sh"]
    runtime = ("local-aws-runtime", "remote_function", "/opt/ml")
    assert entrypoint_command(driver, ["--region", "r"]) == (*runtime, *driver, "--region", "r")
    assert entrypoint_command(["amazon_sagemaker_scheduler"], []) == ("local-aws-runtime", "notebook_job", "/opt/ml")
    assert entrypoint_command(["python", "train.py"], ["-x"]) == ("python", "train.py", "-x")


def test_a_function_runs_in_an_environment_of_its_own_that_sees_what_is_installed(bench):
    script = (
        'python -c "import sys, boto3; print(sys.prefix, sys.executable, sys.argv)" "$@"\n'
        "python -c \"import os; print(os.environ['SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY'])\"\n"
        "exit 7\n"
    )
    bench.put("functions/code/job_driver.sh", script)
    algorithm = {
        "ContainerEntrypoint": ["/bin/bash", f"/opt/ml/input/data/{BOOTSTRAP}/job_driver.sh"],
        "ContainerArguments": ["--property_references", "Parameters.X", "a b"],
    }
    caches = []
    for name in ("function-1", "function-2"):
        uri = "s3://test-bucket/functions/code"
        bench.sagemaker.create_training_job(**request_of(name, algorithm, BOOTSTRAP, uri))
        assert "exit code: 7" in bench.finish("training", name)["FailureReason"]
        first, cache = bench.log_lines(name, "/aws/sagemaker/TrainingJobs")
        prefix, executable, *words = first.split(" ", 2)
        assert prefix.endswith("/home/venv")
        assert prefix != sys.prefix
        assert executable == f"{prefix}/bin/python"
        assert words == ["['-c', '--property_references', 'Parameters.X', 'a b']"]
        caches.append(cache)
    assert caches[0] == caches[1], "what pip downloads is there for the next job"


@pytest.fixture(scope="module")
def notebooks(open_workbench, tmp_path_factory):
    """A local AWS whose jobs have a papermill that runs nothing."""
    folder = tmp_path_factory.mktemp("python")
    (folder / "papermill.py").write_text(PAPERMILL)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    with open_workbench(python=str(python)) as bench:
        yield bench


def run_notebook(bench, name, cells, notebook="work.ipynb"):
    bench.put(f"{name}/in/work.ipynb", json.dumps({"cells": cells}))
    bench.put(f"{name}/in/beside.txt", "here")
    algorithm = {"ContainerEntrypoint": ["amazon_sagemaker_scheduler"]}
    environment = {
        "SM_EXECUTION_INPUT_PATH": f"/opt/ml/input/data/{NOTEBOOKS}",
        "SM_INPUT_NOTEBOOK_NAME": notebook,
        "SM_OUTPUT_NOTEBOOK_NAME": "result.ipynb",
        "SM_KERNEL_NAME": "python3",
    }
    request = request_of(name, algorithm, NOTEBOOKS, f"s3://test-bucket/{name}/in")
    bench.sagemaker.create_training_job(**request, Environment=environment, HyperParameters={"bucket": "s3://b"})
    return bench.finish("training", name)


def test_a_notebook_runs_with_its_parameters_and_is_kept_with_its_outputs(notebooks):
    ended = run_notebook(notebooks, "notebook", ["print"])
    assert ended["TrainingJobStatus"] == "Completed", ended.get("FailureReason")
    files = notebooks.archive("s3://test-bucket/notebook/out/notebook/output/output.tar.gz")
    result = json.loads(next(text for name, text in files.items() if name.endswith("result.ipynb")))
    assert result["ran"] == {"parameters": {"bucket": "s3://b"}, "kernel": "python3", "beside": "here"}
    assert "cell 1" in notebooks.log_lines("notebook", "/aws/sagemaker/TrainingJobs")


def test_a_notebook_that_fails_says_where(notebooks):
    ended = run_notebook(notebooks, "failing-notebook", ["raise"])
    assert ended["TrainingJobStatus"] == "Failed"
    assert "PapermillExecutionError: cell 2: ZeroDivisionError: division by zero" in ended["FailureReason"]


def test_a_notebook_that_is_not_there_is_named(notebooks):
    ended = run_notebook(notebooks, "no-notebook", [], notebook="absent.ipynb")
    assert "the notebook absent.ipynb is not among the inputs" in ended["FailureReason"]


def test_without_papermill_a_notebook_job_fails_with_what_to_install(bench):
    ended = run_notebook(bench, "without-papermill", [])
    assert ended["TrainingJobStatus"] == "Failed"
    assert "notebook_job cannot run" in ended["FailureReason"]
    assert "pip install papermill ipykernel" in ended["FailureReason"]
