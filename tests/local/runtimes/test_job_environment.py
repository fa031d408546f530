"""What jobs install, end to end: each into an environment of its own."""

from __future__ import annotations

import importlib
import site
import sys
from pathlib import Path

import pytest

# A package that builds itself, so that neither network nor setuptools is needed.
BACKEND = """
import zipfile
def build_wheel(directory, *_):
    name = "only_in_job-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{directory}/{name}", "w") as wheel:
        info = "only_in_job-1.dist-info"
        wheel.writestr("only_in_job.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: only-in-job\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
SKLEARN = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
PROJECT = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"


@pytest.fixture
def package(bench, processing_input):
    bench.put("pip/package/pyproject.toml", PROJECT)
    bench.put("pip/package/backend.py", BACKEND)
    return processing_input("package", "s3://test-bucket/pip/package")


@pytest.fixture
def installed():
    """What is installed for the jobs' interpreter, which is this one."""

    def names():
        importlib.invalidate_caches()
        paths = [entry for folder in site.getsitepackages() for entry in Path(folder).iterdir()]
        return {entry.name for entry in paths} | {entry.name for entry in Path(sys.prefix, "bin").iterdir()}

    return names


@pytest.mark.parametrize("pip", ["pip", "python -m pip", "python3 -m pip"])
def test_what_a_job_installs_is_there_for_the_job_only(bench, package, pip):
    code = (
        f"{pip} install --no-index --disable-pip-version-check /opt/ml/processing/package; "
        "cd / && python -c 'import only_in_job; print(only_in_job.__file__)'"
    )
    name = f"installing-{pip.replace(' ', '')}"
    description = bench.run(name, ["sh", "-ec", code], ProcessingInputs=[package])
    lines = bench.log_lines(name)
    assert description["ProcessingJobStatus"] == "Completed", lines
    assert "/home/venv/lib/" in lines[-1]
    with pytest.raises(ModuleNotFoundError):
        import only_in_job  # noqa: F401


SCRIPT = """
import subprocess, sys
subprocess.run([sys.executable, "-m", "pip", "install", "--no-index", PACKAGE], check=True)
import only_in_job
print(only_in_job.__file__)
"""


@pytest.mark.parametrize("kind", ["processing", "training"])
def test_what_a_script_installs_with_its_own_interpreter_is_importable_in_it_and_nowhere_else(
    bench, package, processing_input, installed, kind
):
    before = installed()
    if kind == "processing":
        script = SCRIPT.replace("PACKAGE", "'/opt/ml/processing/package'")
        bench.put("pip/script/run.py", script)
        inputs = [package, processing_input("script", "s3://test-bucket/pip/script")]
        bench.create("by-script", ["python3", "/opt/ml/processing/script/run.py"], ProcessingInputs=inputs)
        description = bench.finish("processing", "by-script")
        lines = bench.log_lines("by-script")
    else:
        script = SCRIPT.replace("PACKAGE", "'/opt/ml/input/data/package'")
        code = bench.put_archive("pip/sourcedir.tar.gz", {"train.py": script})
        bench.sagemaker.create_training_job(**training_request("by-script", code))
        description = bench.finish("training", "by-script")
        lines = bench.log_lines("by-script", "/aws/sagemaker/TrainingJobs")
    assert description[f"{kind.capitalize()}JobStatus"] == "Completed", lines
    assert any("/home/venv/lib/" in line for line in lines if line.endswith("only_in_job.py")), lines
    assert installed() == before


def training_request(name, code):
    return {
        "TrainingJobName": name,
        "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
        "AlgorithmSpecification": {"TrainingImage": SKLEARN, "TrainingInputMode": "File"},
        "HyperParameters": {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": f'"{code}"'},
        "InputDataConfig": [
            {
                "ChannelName": "package",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://test-bucket/pip/package"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://test-bucket/pip/trained"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def test_nothing_of_the_interpreters_own_is_uninstalled(bench):
    code = "pip uninstall --yes moto; python -c 'import moto; print(moto.__name__)'"
    assert bench.run("uninstalling", ["sh", "-ec", code])["ProcessingJobStatus"] == "Completed"
    assert bench.log_lines("uninstalling")[-1] == "moto"
