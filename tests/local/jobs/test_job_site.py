from __future__ import annotations

import json
import os
import subprocess
import sys

import moto
import pytest

from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.jobs.job_site import Clients, JobSite
from airflow_sm_pipelines.local.jobs.sandbox import RewriteSandbox
from airflow_sm_pipelines.local.settings import LocalSettings


def site_of(tmp_path, **settings):
    clients = Clients("http://127.0.0.1:1", "key")
    return JobSite(LocalSettings(**settings), tmp_path, RewriteSandbox(), clients, {"AWS_REGION": "x"})


def test_python_is_the_interpreter_of_the_settings_with_its_packages(tmp_path):
    site = site_of(tmp_path)
    site.create_commands()
    site.furnish(tmp_path / "home")
    code = "import sys, moto; print(sys.base_prefix, sys.prefix, moto.__file__)"
    for name in ("python", "python3", f"python3.{sys.version_info.minor}"):
        said = subprocess.run(
            [name, "-c", code], env=site.environment(tmp_path / "home"), capture_output=True, text=True, check=True
        ).stdout
        assert said.split() == [sys.base_prefix, str(tmp_path / "home" / "venv"), moto.__file__]


@pytest.mark.parametrize("pip", ["pip", "pip3", f"pip3.{sys.version_info.minor}"])
def test_pip_is_that_of_the_jobs_environment(tmp_path, pip):
    site = site_of(tmp_path)
    site.create_commands()
    site.furnish(tmp_path / "home")
    environment = site.environment(tmp_path / "home")
    said = subprocess.run([pip, "inspect"], env=environment, capture_output=True, text=True, check=True).stdout
    assert json.loads(said)["environment"]["sys_platform"] == sys.platform
    debug = [pip, "config", "debug"]
    said = subprocess.run(debug, env=environment, capture_output=True, text=True, check=True).stdout
    assert str(tmp_path / "home" / "venv" / "pip.conf") in said


def test_an_interpreter_is_found_on_the_path(tmp_path, monkeypatch):
    tools = tmp_path / "my tools"
    tools.mkdir()
    (tools / "odd 'python").write_text(f'#!/bin/sh\necho used >>{tmp_path}/odd\nexec {sys.executable} "$@"\n')
    (tools / "odd 'python").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    site = site_of(tmp_path, python="odd 'python")
    site.create_commands()
    assert (tmp_path / "odd").read_text() == "used\n"


def test_an_interpreter_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(LocalAwsError, match="/no/python is not an executable file"):
        site_of(tmp_path, python="/no/python").create_commands()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("#!/bin/sh\necho too old; exit 3\n", "exit code is 3, its output: too old$"),
        ("#!/bin/sh\necho too old\n", "exit code is 0, its output: too old$"),
        ("no program", "Exec format error"),
    ],
)
def test_an_interpreter_that_cannot_make_an_environment_is_told(tmp_path, script, told):
    python = tmp_path / "python"
    python.write_text(script)
    python.chmod(0o755)
    with pytest.raises(LocalAwsError, match=f"cannot make a virtual environment; jobs need Python 3.9 .*{told}"):
        site_of(tmp_path, python=str(python)).create_commands()


def test_the_environment_of_a_kept_folder_is_made_anew(tmp_path):
    for _ in range(2):
        site_of(tmp_path).create_commands()
        assert not (tmp_path / "environment" / "left").exists()
        (tmp_path / "environment" / "left").touch()


def test_a_job_gets_none_of_this_processs_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "real")
    environment = site_of(tmp_path).environment(tmp_path / "home")
    assert "real" not in environment.values()
    assert environment["HOME"] == str(tmp_path / "home")
    assert environment["AWS_REGION"] == "x"


def test_clients_are_made_once_for_service_and_region(tmp_path):
    clients = Clients("http://127.0.0.1:1", "key")
    assert clients.get("s3", "us-west-2") is clients.get("s3", "us-west-2")
    assert clients.get("s3", "us-west-2") is not clients.get("s3", "eu-west-1")
    clients.close()


def test_clients_reach_loopback_directly_whatever_the_proxy_variables_say(bench, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    clients = Clients(bench.aws.endpoint_url, "key")
    assert clients.get("s3", "us-west-2").list_buckets()["Buckets"][0]["Name"] == "test-bucket"
    clients.close()
