"""What jobs install, end to end."""

from __future__ import annotations

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
PROJECT = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"


@pytest.fixture
def package(bench, processing_input):
    bench.put("pip/package/pyproject.toml", PROJECT)
    bench.put("pip/package/backend.py", BACKEND)
    return processing_input("package", "s3://test-bucket/pip/package")


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


def test_nothing_of_the_interpreters_own_is_uninstalled(bench):
    code = "pip uninstall --yes moto; python -c 'import moto; print(moto.__name__)'"
    assert bench.run("uninstalling", ["sh", "-ec", code])["ProcessingJobStatus"] == "Completed"
    assert bench.log_lines("uninstalling")[-1] == "moto"
