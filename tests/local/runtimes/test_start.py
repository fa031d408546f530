from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import airflow_sm_pipelines

PROGRAM = (
    "import sys\nfor name in sys.argv.pop(1).split(','): sys.modules[name] = None\n"
    "from airflow_sm_pipelines.local.runtimes.start import main\nmain()\n"
)


def run(base, name, *arguments, without="none"):
    root = Path(airflow_sm_pipelines.__file__).parents[1]
    command = [sys.executable, "-c", PROGRAM, without, name, str(base), *arguments]
    variables = {**os.environ, "LOCAL_AWS_PYTHON": "/of/the/settings/python"}
    return subprocess.run(command, capture_output=True, text=True, cwd=root, env=variables, check=False)


def test_a_missing_library_is_named_with_its_cure(tmp_path):
    done = run(tmp_path, "xgboost_training", "ubj", without="xgboost")
    assert done.returncode == 1
    failure = (tmp_path / "output" / "failure").read_text()
    told = "/of/the/settings/python has no xgboost; in its environment: pip install xgboost-cpu"
    assert failure == f"ClientError: the local runtime xgboost_training cannot run: {told}"


def test_the_exit_code_is_that_of_the_runtime(tmp_path):
    done = run(tmp_path, "training_script", "train.py")
    assert done.returncode == 1
    expected = "ClientError: sagemaker_program train.py is not in the source directory"
    assert (tmp_path / "output" / "failure").read_text() == expected
    assert expected in done.stderr


def test_the_script_mode_runtime_needs_the_standard_library_only(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("print('ran')")
    done = run(tmp_path, "training_script", "train.py", without="numpy,boto3,botocore,airflow,moto,pydantic")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "ran")


def test_a_failure_that_the_script_has_written_stays(tmp_path):
    (tmp_path / "code").mkdir()
    place = tmp_path / "output"
    place.mkdir()
    code = f"import pathlib; pathlib.Path({str(place)!r}, 'failure').write_text('my reason'); raise SystemExit(7)"
    (tmp_path / "code" / "train.py").write_text(code)
    assert run(tmp_path, "training_script", "train.py").returncode == 7
    assert (place / "failure").read_text() == "my reason"
