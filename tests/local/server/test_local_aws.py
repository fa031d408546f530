from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import boto3
import pytest

from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.server.local_aws import LocalAws


def processes_of_job(name: str) -> list[int]:
    """Processes that have this job's name in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"PROCESSING_JOB_NAME={name}".encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


SERVER = """
import time
from airflow_sm_pipelines.local.server.local_aws import LocalAws
with LocalAws() as aws:
    print(aws.endpoint_url, flush=True)
    time.sleep(600)
"""


def test_no_process_of_a_job_outlives_a_server_that_was_killed(bench, tmp_path):
    name = f"orphan-{uuid.uuid4().hex}"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    arguments = [sys.executable, "-c", SERVER]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        session = boto3.Session(aws_access_key_id="k", aws_secret_access_key="s")
        client = session.client("sagemaker", region_name="us-west-2", endpoint_url=server.stdout.readline().strip())
        code = "trap '' TERM; (setsid sleep 600 &); sleep 600 & sleep 600"
        client.create_processing_job(**bench.request(name, ["sh", "-c", code]))
        wait_until(lambda: len(processes_of_job(name)) >= 4)
        server.send_signal(signal.SIGKILL)
        client.close()
    wait_until(lambda: not processes_of_job(name))


def test_stop_ends_running_jobs_and_leaves_nothing_behind(open_workbench, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    name = f"running-{uuid.uuid4().hex}"
    with open_workbench() as bench:
        bench.create(name, ["sh", "-c", "trap '' TERM; sleep 600 & sleep 600; sleep 600"])
        wait_until(lambda: len(processes_of_job(name)) >= 3)
        assert list(tmp_path.iterdir())
    assert processes_of_job(name) == []
    assert list(tmp_path.iterdir()) == []


def test_a_jobs_folder_is_removed_at_its_end(open_workbench, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with open_workbench() as bench:
        bench.run("short", ["true"])
        [work_dir] = tmp_path.glob("sm-pipelines-local-*")
        assert {path.name for path in work_dir.iterdir()} == {"bin", "environment", "packages", "sagemaker-sdk.yaml"}


def test_with_a_work_dir_the_jobs_folders_are_kept(open_workbench, tmp_path):
    with open_workbench(work_dir=tmp_path / "new" / "work") as bench:
        bench.run("kept", ["sh", "-c", "echo hello > /opt/ml/output/file"])
    [file] = (tmp_path / "new" / "work").glob("us-west-2-processing-job-kept-*/opt/ml/output/file")
    assert file.read_text() == "hello\n"


def test_the_environment_is_all_that_an_sdk_needs(bench):
    code = "import boto3; print(boto3.client('s3').list_buckets()['Buckets'][0]['Name'])"
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **bench.aws.environment()}
    child = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert child.stdout == "test-bucket\n"


def test_the_environment_names_endpoint_region_and_placeholders(bench):
    variables = {name: value for name, value in bench.aws.environment().items() if not name.startswith("SAGEMAKER_")}
    assert variables == {
        "AWS_ENDPOINT_URL": bench.aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_REGION": "us-west-2",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_the_region_can_be_set(open_workbench):
    with open_workbench(region="eu-central-1") as bench:
        assert bench.aws.environment()["AWS_REGION"] == "eu-central-1"
        assert ":eu-central-1:" in bench.create("somewhere", ["true"])


def test_its_clients_need_no_settings_and_may_be_led_elsewhere(bench, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "of-the-user")
    s3 = bench.aws.client("s3")
    assert s3 is bench.aws.client("s3")
    assert (s3.meta.region_name, s3.meta.endpoint_url) == (bench.aws.settings.region, bench.aws.endpoint_url)
    assert "test-bucket" in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    elsewhere = bench.aws.client("s3", endpoint_url="http://127.0.0.1:1")
    assert elsewhere.meta.endpoint_url == "http://127.0.0.1:1"


def test_health_tells_version_sandbox_and_jobs(open_workbench):
    with open_workbench(version="1.2.3") as bench:
        bench.run("healthy", ["true"])
        health = bench.control("GET", "health")
        assert (health["status"], health["sandbox"]) == ("ok", bench.aws.sandbox)
    assert health["version"] == "1.2.3"
    assert health["jobs"]["Completed"] == 1


def test_a_new_server_starts_empty_although_motos_state_is_the_process():
    """Not with the module's fixture: while another one runs, both share moto's state."""
    code = (
        "import boto3\n"
        "from airflow_sm_pipelines.local.server.local_aws import LocalAws\n"
        "session = boto3.Session(aws_access_key_id='k', aws_secret_access_key='s', region_name='us-east-1')\n"
        "for _ in range(2):\n"
        "    with LocalAws() as aws:\n"
        "        s3 = session.client('s3', endpoint_url=aws.endpoint_url)\n"
        "        print(len(s3.list_buckets()['Buckets']))\n"
        "        s3.create_bucket(Bucket='left-over')\n"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.split() == ["0", "0"]


def test_two_servers_in_one_process_share_buckets_but_not_jobs(bench, open_workbench):
    bench.put("shared", "x")
    with open_workbench(region="us-east-2") as other:
        assert other.client("s3", region="us-west-2").head_object(Bucket="test-bucket", Key="shared")
        assert other.sagemaker.list_processing_jobs()["ProcessingJobSummaries"] == []
    assert bench.objects("shared") == {"": "x"}


def test_a_port_that_is_taken_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalAwsError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            LocalAws(port=port).start()


def test_a_missing_interpreter_is_told_and_nothing_keeps_running():
    aws = LocalAws(python="/no/python")
    with pytest.raises(LocalAwsError, match="/no/python"):
        aws.start()
    with pytest.raises(LocalAwsError, match="not running"):
        aws.endpoint_url  # noqa: B018


def test_it_cannot_be_started_twice(bench):
    with pytest.raises(LocalAwsError, match="is already running at http"):
        bench.aws.start()


def test_stopping_twice_does_nothing():
    aws = LocalAws()
    aws.start()
    aws.stop()
    aws.stop()


def test_the_same_script_runs_without_any_sandbox(open_workbench, processing_input, processing_output):
    script = (
        "import pathlib\n"
        "text = pathlib.Path('/opt/ml/processing/data/x').read_text()\n"
        "pathlib.Path('/opt/ml/processing/result/y').write_text(text.upper())\n"
    )
    with open_workbench(sandbox="rewrite") as bench:
        existed = Path("/opt/ml").exists()
        inputs = [
            processing_input("code", bench.put("code/run.py", script)),
            processing_input("data", bench.put("data/x", "hello")),
        ]
        outputs = {"Outputs": [processing_output("result", "s3://test-bucket/result")]}
        command = ["python3", "/opt/ml/processing/code/run.py"]
        description = bench.run("rewritten", command, ProcessingInputs=inputs, ProcessingOutputConfig=outputs)
        assert description["ProcessingJobStatus"] == "Completed"
        assert bench.objects("result/") == {"y": "HELLO"}
        assert bench.control("GET", "health")["sandbox"] == "rewrite"
        assert Path("/opt/ml").exists() == existed
