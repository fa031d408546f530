"""Images of processing jobs in a real Docker."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.docker

ENTRY = """#!/bin/sh
echo "entry $*"
"""
CONTRACT = """#!/bin/sh
cat /opt/ml/processing/in/folder/x
echo "$OWN|$MINE|$PROCESSING_JOB_NAME|$AWS_REGION|$HOSTNAME"
test -f /opt/ml/config/processingjobconfig.json && cat /opt/ml/config/resourceconfig.json && echo
grep -o "127.0.0.1.*algo-1" /etc/hosts | tr "\\t" " "
mkdir /opt/ml/processing/out/a; echo result > /opt/ml/processing/out/a/b
echo elsewhere > /data/results/c
"""
AS_WORKER = """#!/bin/sh
id -u
cat /opt/ml/processing/in/x > /opt/ml/processing/out/x && echo done > /opt/ml/output/message
cat /opt/ml/code/baked
"""


@pytest.fixture(scope="module")
def bench(open_workbench, docker_daemon):
    with open_workbench(sandbox="docker") as opened:
        yield opened


@pytest.fixture(scope="module")
def image(make_image):
    return make_image("smp-test:1", {"/entry": ENTRY}, 'ENTRYPOINT ["/entry"]', 'CMD ["from", "cmd"]', "ENV OWN=image")


def application(image, entrypoint=None, arguments=None):
    members = {"ContainerEntrypoint": entrypoint, "ContainerArguments": arguments}
    return {"ImageUri": image, **{name: value for name, value in members.items() if value is not None}}


def sh(image, script):
    return application(image, ["/bin/sh"], ["-c", script])


def run(bench, name, specification, **members):
    return bench.run(name, [], AppSpecification=specification, **members)


@pytest.fixture(autouse=True)
def _nothing_is_left(run_docker):
    yield
    assert run_docker("ps", "--all", "--quiet", "--filter", "label=airflow-sm-pipelines.local-aws") == ""
    assert run_docker("volume", "ls", "--quiet") == ""


@pytest.mark.parametrize(
    ("name", "entrypoint", "arguments", "line"),
    [
        ("image-alone", None, None, "entry from cmd"),
        ("arguments", None, ["a", "b c"], "entry a b c"),
        ("entrypoint", ["/bin/echo", "-n", "x"], None, "x"),
        ("both", ["/bin/echo", "a"], ["--privileged", "$HOME"], "a --privileged $HOME"),
    ],
)
def test_entrypoint_and_arguments_replace_those_of_the_image(bench, image, name, entrypoint, arguments, line):
    ended = run(bench, name, application(image, entrypoint, arguments))
    assert ended["ProcessingJobStatus"] == "Completed", (
        ended["FailureReason"],
        bench.log_lines(ended["ProcessingJobName"]),
    )
    assert bench.log_lines(name) == [line]


def test_inputs_variables_and_configuration_are_those_of_the_service(
    bench, make_image, processing_input, processing_output
):
    image = make_image("smp-test-contract:1", {"/contract": CONTRACT}, 'CMD ["/contract"]', "ENV OWN=image")
    uri = bench.put("docker/in/folder/x", "six\n").removesuffix("folder/x")
    elsewhere = processing_output("elsewhere", "s3://test-bucket/docker/elsewhere", LocalPath="/data/results")
    ended = run(
        bench,
        "contract",
        application(image),
        Environment={"MINE": "two\nlines"},
        ProcessingInputs=[processing_input("in", uri)],
        ProcessingOutputConfig={"Outputs": [processing_output("out", "s3://test-bucket/docker/out"), elsewhere]},
    )
    assert ended["ProcessingJobStatus"] == "Completed", (
        ended["FailureReason"],
        bench.log_lines(ended["ProcessingJobName"]),
    )
    assert bench.log_lines("contract") == [
        "six",
        "image|two",
        "lines|contract|us-west-2|algo-1",
        '{"current_host": "algo-1", "hosts": ["algo-1"]}',
        "127.0.0.1 algo-1",
    ]
    assert bench.objects("docker/out/") == {"a/b": "result\n"}
    assert bench.objects("docker/elsewhere/") == {"c": "elsewhere\n"}


def test_an_image_with_a_user_of_its_own_reads_inputs_and_writes_outputs(
    bench, make_image, processing_input, processing_output
):
    own = make_image(
        "smp-test-user:1", {"/entry": AS_WORKER, "/opt/ml/code/baked": "in the image"}, "USER worker", 'CMD ["/entry"]'
    )
    uri = bench.put("docker/user/x", "data")
    ended = run(
        bench,
        "own-user",
        application(own),
        ProcessingInputs=[processing_input("in", uri)],
        ProcessingOutputConfig={"Outputs": [processing_output("out", "s3://test-bucket/docker/user-out")]},
    )
    assert bench.log_lines("own-user") == ["1234", "in the image"]
    assert (ended["ProcessingJobStatus"], ended["ExitMessage"]) == ("Completed", "done\n")
    assert bench.objects("docker/user-out/") == {"x": "data"}


def test_a_job_reaches_the_local_aws_by_the_host_network(bench, image):
    ended = run(
        bench, "reaches", sh(image, 'wget -q -O - "$AWS_ENDPOINT_URL/_local/health" | grep -o "sandbox.*docker"')
    )
    assert ended["ProcessingJobStatus"] == "Completed", bench.log_lines("reaches")


def test_a_container_has_few_rights_and_gains_none(bench, image):
    run(bench, "rights", sh(image, "grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status"))
    allowed = f"{sum(1 << bit for bit in (0, 1, 3, 5, 6, 7)):016x}"  # linux/capability.h
    assert bench.log_lines("rights") == [f"CapEff:\t{allowed}", f"CapBnd:\t{allowed}", "NoNewPrivs:\t1"]


def test_the_exit_code_of_the_container_is_the_jobs(bench, image):
    ended = run(bench, "fails", sh(image, "echo oops >&2; exit 7"))
    assert (ended["ProcessingJobStatus"], ended["FailureReason"]) == ("Failed", "AlgorithmError: , exit code: 7")
    assert bench.log_lines("fails") == ["oops"]


def test_an_entrypoint_that_the_image_does_not_have_is_told(bench, image):
    ended = run(bench, "no-entry", application(image, ["/no/such/program"]))
    assert ended["ProcessingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("ClientError: the container cannot be started: ")
    assert "/no/such/program" in ended["FailureReason"]


def test_an_image_that_docker_neither_has_nor_can_pull_fails_the_job_and_says_what_to_do(bench):
    ended = run(bench, "no-image", application("127.0.0.1:9/no/such-image:1"))
    assert ended["ProcessingJobStatus"] == "Failed"
    reason = ended["FailureReason"]
    assert reason.startswith(
        "ClientError: Docker on this machine does not have image 127.0.0.1:9/no/such-image:1 and cannot pull it: "
    )
    assert reason.endswith("Build or tag the image there, or log in to its registry with docker login")


def test_an_image_cannot_give_docker_options(bench):
    ended = run(bench, "options", application("--privileged"))
    assert "image --privileged and cannot pull it" in ended["FailureReason"]


def test_a_stopped_job_gets_sigterm_and_its_outputs_are_uploaded(bench, image, processing_output):
    script = (
        "trap 'echo last > /opt/ml/processing/out/x; echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    )
    outputs = {"Outputs": [processing_output("out", "s3://test-bucket/docker/stopped")]}
    bench.create("stops", [], AppSpecification=sh(image, script), ProcessingOutputConfig=outputs)
    bench.wait_for_line("stops", "ready")
    bench.sagemaker.stop_processing_job(ProcessingJobName="stops")
    assert bench.wait("stops")["ProcessingJobStatus"] == "Stopped"
    assert bench.log_lines("stops") == ["ready", "bye"]
    assert bench.objects("docker/stopped/") == {"x": "last\n"}


def test_sigkill_follows_for_one_that_ignores_sigterm(bench, image):
    bench.create("stubborn", [], AppSpecification=sh(image, "trap '' TERM; echo ready; while :; do sleep 0.1; done"))
    bench.wait_for_line("stubborn", "ready")
    began = time.monotonic()
    bench.sagemaker.stop_processing_job(ProcessingJobName="stubborn")
    assert bench.wait("stubborn")["ProcessingJobStatus"] == "Stopped"
    assert time.monotonic() - began >= 0.5  # stop_grace_seconds of these tests


def test_a_job_that_is_stopped_while_it_starts_does_not_run_on(bench, image):
    bench.create("early", [], AppSpecification=sh(image, "sleep 60"))
    bench.sagemaker.stop_processing_job(ProcessingJobName="early")
    assert bench.wait("early")["ProcessingJobStatus"] == "Stopped"


def test_continuous_outputs_are_uploaded_while_the_container_runs(bench, image, processing_output):
    output = processing_output("out", "s3://test-bucket/docker/continuous", S3UploadMode="Continuous")
    script = "echo 1 > /opt/ml/processing/out/x; echo ready; while :; do sleep 0.1; done"
    bench.create("continuous", [], AppSpecification=sh(image, script), ProcessingOutputConfig={"Outputs": [output]})
    deadline = time.monotonic() + 15
    while bench.objects("docker/continuous/") != {"x": "1\n"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    bench.sagemaker.stop_processing_job(ProcessingJobName="continuous")
    assert bench.wait("continuous")["ProcessingJobStatus"] == "Stopped"


def test_an_output_folder_that_the_container_has_removed_is_empty(bench, image, processing_output):
    outputs = {"Outputs": [processing_output("out", "s3://test-bucket/docker/removed")]}
    ended = run(bench, "removes", sh(image, "rmdir /opt/ml/processing/out"), ProcessingOutputConfig=outputs)
    assert ended["ProcessingJobStatus"] == "Completed", (
        ended["FailureReason"],
        bench.log_lines(ended["ProcessingJobName"]),
    )
    assert bench.objects("docker/removed/") == {}


def test_an_output_folder_that_is_a_link_leads_to_the_containers_files(bench, image, processing_output):
    outputs = {"Outputs": [processing_output("out", "s3://test-bucket/docker/link")]}
    script = "echo inside > /etc/x; cd /opt/ml/processing; rmdir out; ln -s /etc out"
    ended = run(bench, "links", sh(image, script), ProcessingOutputConfig=outputs)
    assert ended["ProcessingJobStatus"] == "Completed", (ended["FailureReason"], bench.log_lines("links"))
    assert bench.objects("docker/link/")["x"] == "inside\n"


ALONE = """
import sys, time
from airflow_sm_pipelines.local.server.local_aws import LocalAws
with LocalAws(sandbox="docker") as aws:
    aws.client("sagemaker").create_processing_job(
        ProcessingJobName="orphan",
        RoleArn="arn:aws:iam::123456789012:role/SageMakerRole",
        AppSpecification={"ImageUri": sys.argv[1], "ContainerEntrypoint": ["/bin/sleep", "600"]},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
    )
    time.sleep(600)
"""


def test_a_container_does_not_outlive_a_local_aws_that_is_killed(image, run_docker):
    def containers():
        return run_docker("ps", "--all", "--format", "{{.State}}", "--filter", "label=airflow-sm-pipelines.local-aws")

    def wait_for(state):
        deadline = time.monotonic() + 30
        while containers() != state:
            assert time.monotonic() < deadline, containers()
            time.sleep(0.1)

    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", ALONE, image], env=dict(os.environ)) as server:
        try:
            wait_for("running")
        finally:
            server.kill()
    wait_for("")
