from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest

from airflow_sm_pipelines.cli import local
from airflow_sm_pipelines.demo.examples import DIABETES
from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.settings import LocalSettings
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal

pytestmark = pytest.mark.loopback

PROGRAM = (
    "import argparse, sys\n"
    "from airflow_sm_pipelines.cli import local\n"
    "parser = argparse.ArgumentParser()\n"
    "local.add_arguments(parser)\n"
    "sys.exit(local.run(parser.parse_args()))\n"
)


def arguments_of(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    local.add_arguments(parser)
    return parser.parse_args(words)


def start(*words: str, code: str = PROGRAM, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )


def test_defaults_are_those_of_the_settings():
    args = arguments_of()
    defaults = LocalSettings()
    assert (args.sandbox, args.region, args.python) == (defaults.sandbox, defaults.region, defaults.python)
    assert (args.port, args.work_dir, args.state) == (4599, None, None)


def test_options_are_read():
    args = arguments_of(
        "--port", "0", "--sandbox", "rewrite", "--work-dir", "w", "--region", "eu-west-1", "--state", "s"
    )
    assert args.state == Path("s")
    assert (args.port, args.sandbox, args.work_dir, args.region) == (0, "rewrite", Path("w"), "eu-west-1")


def test_without_docker_its_sandbox_is_refused_with_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert local.run(arguments_of("--port", "0", "--sandbox", "docker")) == 1
    assert capsys.readouterr().err == (
        "sm-pipelines local: sandbox docker does not work here: there is no program docker on the PATH; install Docker "
        "(on Debian: apt-get install docker.io), or choose another sandbox\n"
    )


@pytest.mark.parametrize(("words", "rehearsal"), [((), None), (("--rehearse",), Rehearsal())])
def test_jobs_are_rehearsed_if_asked_for(words, rehearsal, monkeypatch):
    seen = []

    def note(settings):
        seen.append(settings.stand_in)
        raise LocalAwsError("enough")

    monkeypatch.setattr(local, "_import_server", lambda: SimpleNamespace(LocalAws=note))
    assert local.run(arguments_of(*words)) == 1
    assert seen == [rehearsal]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_what_to_paste_and_serves_until_a_signal(number):
    with start("--port", "0", "--region", "eu-west-1", "--sandbox", "rewrite") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(9)]
        pasted = "".join(lines) + "python3 -c 'import urllib.request, os; print(urllib.request.urlopen("
        pasted += 'os.environ["AWS_ENDPOINT_URL"] + "/_local/health").status, os.environ["AWS_REGION"])\'\n'
        shell = subprocess.run(["sh", "-c", pasted], capture_output=True, text=True, check=True)
        assert shell.stdout == "200 eu-west-1\n"
        assert any(line.startswith("export SAGEMAKER_USER_CONFIG_OVERRIDE=") for line in lines), "for the SageMaker SDK"
        assert "sandbox: rewrite" in lines[0]
        assert "Not a security boundary" in lines[0]
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stdout.read() == ""


def test_it_brings_the_scripts_of_the_examples_at_each_start(tmp_path):
    for _ in range(2):
        with start("--port", "0", "--state", str(tmp_path), "--examples", "--sandbox", "rewrite") as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(9)]
            [address] = [
                line.partition("=")[2].strip() for line in lines if line.startswith("export AWS_ENDPOINT_URL=")
            ]
            keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
            s3 = boto3.client("s3", endpoint_url=address, region_name="us-west-2", **keys)
            found = {one["Key"] for one in s3.list_objects_v2(Bucket=DIABETES.bucket)["Contents"]}
            process.send_signal(signal.SIGTERM)
        assert found >= {f"{DIABETES.code_prefix}/{script.name}" for script in DIABETES.scripts}


def test_a_state_folder_is_used_by_one_server_at_a_time(tmp_path, capsys):
    with start("--port", "0", "--state", str(tmp_path)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert local.run(arguments_of("--port", "0", "--state", str(tmp_path))) == 1
        process.send_signal(signal.SIGTERM)
    assert "cannot be used: database is locked" in capsys.readouterr().err


def test_an_error_is_one_line_and_exit_code_1(capsys):
    assert local.run(arguments_of("--port", "0", "--python", "/no/python")) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ("sm-pipelines local: the jobs' interpreter /no/python is not an executable file\n")


@pytest.mark.parametrize("module", ["moto", "flask", "flask_cors"])
def test_without_the_extra_it_says_what_to_install(module):
    hide = f"import sys; sys.modules[{module!r}] = None\n"
    with start("--port", "0", code=hide + PROGRAM) as process:
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    [line] = err.splitlines()
    assert line.startswith("sm-pipelines local needs ")
    assert "pip install 'airflow-sm-pipelines[local]'" in line


def test_importing_the_command_costs_neither_moto_nor_boto3():
    code = "import sys, airflow_sm_pipelines.cli.local; print(sorted({'moto', 'botocore', 'flask'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
