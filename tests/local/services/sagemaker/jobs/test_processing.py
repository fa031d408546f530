"""Processing jobs end to end: a real boto3 against a local AWS, scripts that really run."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

SCRIPT = """
import json, os, pathlib, sys
print("arguments", sys.argv[1:])
print("warned", file=sys.stderr)
data = pathlib.Path("/opt/ml/processing/data")
texts = {str(path.relative_to(data)): path.read_text() for path in sorted(data.rglob("*")) if path.is_file()}
result = pathlib.Path("/opt/ml/processing/result")
(result / "deep").mkdir()
(result / "texts.json").write_text(json.dumps(texts))
(result / "deep" / "environment.json").write_text(json.dumps(dict(os.environ)))
(result / "config.json").write_text(pathlib.Path("/opt/ml/config/processingjobconfig.json").read_text())
(result / "resources.json").write_text(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text())
(result / "link.json").symlink_to(result / "texts.json")
pathlib.Path("/opt/ml/output/message").write_text("done " * 500)
sys.exit(int(os.environ.get("EXIT_CODE", 0)))
"""


def io(bench, processing_input, processing_output, name):
    """Inputs (a script, a prefix with data) and the output of a job that runs SCRIPT."""
    bench.put(f"{name}/data/a.txt", "A")
    bench.put(f"{name}/data/sub/b.txt", "B")
    return {
        "ProcessingInputs": [
            processing_input("code", bench.put(f"{name}/code/run.py", SCRIPT)),
            processing_input("data", f"s3://test-bucket/{name}/data"),
        ],
        "ProcessingOutputConfig": {
            "Outputs": [processing_output("result", f"s3://test-bucket/{name}/out/")],
        },
    }


COMMAND = ["python3", "/opt/ml/processing/code/run.py"]


@pytest.fixture(scope="module")
def completed(bench, processing_input, processing_output):
    """A job that ran SCRIPT to success, described."""
    request = bench.request(
        "success",
        COMMAND,
        **io(bench, processing_input, processing_output, "success"),
        Environment={"COLOUR": "blue"},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
        NetworkConfig={"EnableNetworkIsolation": False},
        ExperimentConfig={"TrialComponentDisplayName": "shown"},
        Tags=[{"Key": "team", "Value": "ml"}],
    )
    request["AppSpecification"]["ContainerArguments"] = ["--rows", "3"]
    arn = bench.sagemaker.create_processing_job(**request)["ProcessingJobArn"]
    return request, arn, bench.wait("success")


def test_a_script_reads_inputs_and_its_outputs_are_uploaded(bench, completed):
    assert completed[2]["ProcessingJobStatus"] == "Completed"
    outputs = bench.objects("success/out/")
    assert outputs["texts.json"] == '{"a.txt": "A", "sub/b.txt": "B"}'
    assert "deep/environment.json" in outputs


def test_symbolic_links_are_not_uploaded(bench, completed):
    assert "link.json" not in bench.objects("success/out/")


def test_describe_echoes_the_request_without_its_tags(completed):
    request, _, description = completed
    members = {name: value for name, value in request.items() if name != "Tags"}
    assert members.items() <= description.items()
    assert "Tags" not in description


def test_arn_has_account_and_signed_region(completed):
    assert completed[1] == "arn:aws:sagemaker:us-west-2:123456789012:processing-job/success"
    assert completed[2]["ProcessingJobArn"] == completed[1]


def test_times_are_in_order(completed):
    description = completed[2]
    names = ("CreationTime", "ProcessingStartTime", "ProcessingEndTime", "LastModifiedTime")
    times = [description[name] for name in names]
    assert times == sorted(times)
    assert times[-1] - times[0] < timedelta(seconds=30)


def test_exit_message_is_the_first_kilobyte_of_the_message_file(completed):
    assert completed[2]["ExitMessage"] == ("done " * 500)[:1024]
    assert "FailureReason" not in completed[2]


def test_a_job_sees_its_own_variables_and_those_of_the_local_aws(bench, completed):
    environment = bench.objects("success/out/deep/")["environment.json"]
    for text in (
        '"COLOUR": "blue"',
        '"PROCESSING_JOB_NAME": "success"',
        f'"PROCESSING_JOB_ARN": "{completed[1]}"',
        f'"AWS_ENDPOINT_URL": "{bench.aws.endpoint_url}"',
        '"AWS_REGION": "us-west-2"',
    ):
        assert text in environment


def test_a_job_does_not_see_the_variables_of_this_process(bench, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret-of-the-user")
    check = "import os, sys; sys.exit('AWS_SESSION_TOKEN' in os.environ)"
    assert bench.run("secrets", ["python", "-c", check])["ProcessingJobStatus"] == "Completed"


def test_configuration_files_describe_job_and_hosts(bench, completed):
    outputs = bench.objects("success/out/")
    assert f'"ProcessingJobArn": "{completed[1]}"' in outputs["config.json"]
    assert outputs["resources.json"] == '{"current_host": "algo-1", "hosts": ["algo-1"]}'


def test_every_line_of_output_is_in_the_log(bench, completed):
    assert bench.log_lines("success") == ["arguments ['--rows', '3']", "warned"]


def test_a_failing_script_fails_the_job_and_its_outputs_are_uploaded(bench, processing_input, processing_output):
    members = io(bench, processing_input, processing_output, "fails")
    description = bench.run("fails", COMMAND, **members, Environment={"EXIT_CODE": "3"})
    assert description["ProcessingJobStatus"] == "Failed"
    assert description["FailureReason"] == "AlgorithmError: , exit code: 3"
    assert description["ExitMessage"].startswith("done")
    assert "texts.json" in bench.objects("fails/out/")


def test_a_traceback_is_in_the_log(bench):
    bench.run("traceback", ["python3", "-c", "raise RuntimeError('broken')"])
    assert bench.log_lines("traceback")[-1] == "RuntimeError: broken"


def test_a_command_that_does_not_exist_fails_as_in_a_container(bench):
    description = bench.run("no-command", ["no-such-command"])
    assert description["FailureReason"] == "AlgorithmError: , exit code: 127"
    assert bench.log_lines("no-command") == ["no-such-command: No such file or directory"]


def test_a_message_that_is_not_utf8_fails_the_job(bench):
    code = r"open('/opt/ml/output/message', 'wb').write(b'\xff\xfe')"
    description = bench.run("not-utf8", ["python3", "-c", code])
    assert description["FailureReason"].startswith("ClientError: /opt/ml/output/message is not UTF-8")


def test_a_missing_input_fails_the_job_and_names_it(bench, processing_input):
    source = processing_input("data", "s3://test-bucket/nothing/here")
    description = bench.run("no-input", ["true"], ProcessingInputs=[source])
    assert description["ProcessingJobStatus"] == "Failed"
    assert description["FailureReason"] == (
        "ClientError: Data download failed: input data: no S3 objects found under s3://test-bucket/nothing/here"
    )
    assert "ProcessingStartTime" not in description


def test_a_missing_bucket_fails_the_job(bench, processing_input):
    source = processing_input("data", "s3://no-such-bucket/x")
    description = bench.run("no-bucket", ["true"], ProcessingInputs=[source])
    assert "NoSuchBucket" in description["FailureReason"]


def test_a_failed_upload_does_not_hide_why_the_script_failed(bench, processing_output):
    target = processing_output("result", "s3://no-such-bucket/x")
    code = "open('/opt/ml/processing/result/x', 'w').close(); raise SystemExit(4)"
    outputs = {"ProcessingOutputConfig": {"Outputs": [target]}}
    reason = bench.run("no-target", ["python3", "-c", code], **outputs)["FailureReason"]
    assert reason.startswith("AlgorithmError: , exit code: 4; ClientError: Data upload failed: output result")


def test_a_job_without_entrypoint_fails_because_its_image_has_no_local_runtime(bench):
    request = bench.request("image-only", ["unused"])
    del request["AppSpecification"]["ContainerEntrypoint"]
    bench.sagemaker.create_processing_job(**request)
    reason = bench.wait("image-only")["FailureReason"]
    assert reason.startswith("ClientError: no local runtime for image some-image:1")
    assert reason.endswith("; a local AWS that is started with --sandbox docker runs the image")


def test_a_spark_job_without_pyspark_says_what_to_install(bench):
    ended = bench.run("no-spark", ["smspark-submit", "/opt/ml/processing/input/code/x.py"])
    assert ended["ProcessingJobStatus"] == "Failed"
    assert ended["FailureReason"].startswith("ClientError: the local runtime smspark_submit cannot run: ")
    assert ended["FailureReason"].endswith(" has no pyspark; in its environment: pip install pyspark")


def test_what_is_not_supported_fails_the_job_and_is_named(bench, processing_input):
    source = processing_input("data", "s3://test-bucket/x", S3InputMode="Pipe")
    reason = bench.run("pipe", ["true"], ProcessingInputs=[source])["FailureReason"]
    assert "ProcessingInputs[data].S3Input.S3InputMode=Pipe" in reason


def test_continuous_outputs_are_uploaded_while_the_job_runs(bench, processing_output):
    target = processing_output("result", "s3://test-bucket/continuous/", S3UploadMode="Continuous")
    code = "import time; open('/opt/ml/processing/result/early', 'w').write('now'); time.sleep(60)"
    outputs = {"ProcessingOutputConfig": {"Outputs": [target]}}
    bench.create("continuous", ["python3", "-c", code], **outputs)
    deadline = time.monotonic() + 10
    while not bench.objects("continuous/") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert bench.objects("continuous/") == {"early": "now"}
    assert bench.describe("continuous")["ProcessingJobStatus"] == "InProgress"
    bench.sagemaker.stop_processing_job(ProcessingJobName="continuous")
    bench.wait("continuous")


def test_stop_lets_the_script_save_its_work(bench, processing_input, processing_output):
    code = (
        "import pathlib, signal, sys, time\n"
        "def save(*_):\n"
        "    pathlib.Path('/opt/ml/processing/result/partial').write_text('saved')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "print('ready')\n"
        "time.sleep(60)\n"
    )
    target = processing_output("result", "s3://test-bucket/stopped/")
    outputs = {"ProcessingOutputConfig": {"Outputs": [target]}}
    source = processing_input("code", bench.put("stopped-code/run.py", code))
    bench.create("stopped", COMMAND, ProcessingInputs=[source], **outputs)
    bench.wait_for_line("stopped", "ready")
    bench.sagemaker.stop_processing_job(ProcessingJobName="stopped")
    description = bench.wait("stopped")
    assert description["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in description
    assert bench.objects("stopped/") == {"partial": "saved"}


def test_stop_goes_through_stopping_and_ends_with_sigkill(bench):
    bench.create("stubborn", ["sh", "-c", "trap '' TERM; echo ready; sleep 60 & wait; sleep 60"])
    bench.wait_for_line("stubborn", "ready")
    began = time.monotonic()
    bench.sagemaker.stop_processing_job(ProcessingJobName="stubborn")
    assert bench.describe("stubborn")["ProcessingJobStatus"] == "Stopping"
    assert bench.wait("stubborn")["ProcessingJobStatus"] == "Stopped"
    assert 0.4 < time.monotonic() - began < 5


def test_stopping_twice_is_accepted_and_signals_once(bench):
    loop = "trap 'echo caught' TERM; echo ready; while :; do sleep 0.05; done"
    bench.create("twice", ["sh", "-c", loop])
    bench.wait_for_line("twice", "ready")
    bench.sagemaker.stop_processing_job(ProcessingJobName="twice")
    time.sleep(0.2)  # or the two signals could become one
    bench.sagemaker.stop_processing_job(ProcessingJobName="twice")
    assert bench.wait("twice")["ProcessingJobStatus"] == "Stopped"
    assert bench.log_lines("twice") == ["ready", "caught"]


def test_a_job_that_exceeds_its_maximum_run_time_is_stopped(bench):
    description = bench.run("too-long", ["sleep", "60"], StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert description["ProcessingJobStatus"] == "Stopped"
    ran = description["ProcessingEndTime"] - description["ProcessingStartTime"]
    assert timedelta(seconds=0.9) < ran < timedelta(seconds=5)


def test_a_name_stays_taken_after_the_end_of_its_job(bench, completed):
    with pytest.raises(bench.sagemaker.exceptions.ResourceInUse) as caught:
        bench.create("success", ["true"])
    assert caught.value.response["Error"]["Message"] == (
        "Job name must be unique within an AWS account and region, and a job with this name already exists "
        f"({completed[1]})"
    )


def test_a_name_is_free_in_another_region(bench, completed):
    elsewhere = bench.client("sagemaker", region="eu-central-1")
    arn = elsewhere.create_processing_job(**bench.request("success", ["true"]))["ProcessingJobArn"]
    assert arn == "arn:aws:sagemaker:eu-central-1:123456789012:processing-job/success"


def error_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error["Code"], error["Message"]


def test_describing_an_unknown_job_is_a_validation_exception(bench):
    assert error_of(bench.sagemaker.describe_processing_job, ProcessingJobName="unknown") == (
        "ValidationException",
        "Could not find requested job with name: unknown",
    )


def test_stopping_an_unknown_job_is_resource_not_found(bench):
    code, message = error_of(bench.sagemaker.stop_processing_job, ProcessingJobName="unknown")
    assert (code, message) == ("ResourceNotFound", "Could not find job to update with name: unknown")


def test_stopping_a_job_that_has_ended_is_a_validation_exception(bench, completed):
    assert error_of(bench.sagemaker.stop_processing_job, ProcessingJobName="success") == (
        "ValidationException",
        "The request was rejected because the processing job is in status Completed.",
    )


def test_two_inputs_for_one_path_are_refused(bench, processing_input):
    sources = [processing_input("a", "s3://b/x"), processing_input("b", "s3://b/y", LocalPath="/opt/ml/processing/a")]
    request = bench.request("same-path", ["true"], ProcessingInputs=sources)
    code, message = error_of(bench.sagemaker.create_processing_job, **request)
    assert code == "ValidationException"
    assert "/opt/ml/processing/a occurs 2 times" in message


def test_all_faults_of_inputs_and_outputs_are_told_at_once(bench, processing_input, processing_output):
    outside = processing_input("outside", "s3://b/x", LocalPath="/data")
    target = processing_output("nowhere", "s3://b/x")
    del target["S3Output"]["LocalPath"]
    request = bench.request(
        "faulty",
        ["true"],
        ProcessingInputs=[outside, {"InputName": "empty"}],
        ProcessingOutputConfig={"Outputs": [target]},
    )
    _, message = error_of(bench.sagemaker.create_processing_job, **request)
    assert message.split("; ") == [
        "ProcessingInput outside: LocalPath must begin with /opt/ml/processing/",
        "ProcessingInput empty must specify exactly one of S3Input or DatasetDefinition",
        "ProcessingOutput nowhere: LocalPath is required when AppManaged is False",
    ]


def test_a_refused_job_does_not_exist(bench, processing_input):
    request = bench.request("refused", ["true"], ProcessingInputs=[{"InputName": "empty"}])
    error_of(bench.sagemaker.create_processing_job, **request)
    assert error_of(bench.sagemaker.describe_processing_job, ProcessingJobName="refused")[0] == ("ValidationException")


def test_app_managed_inputs_and_outputs_are_left_to_the_application(bench, processing_input, processing_output):
    source = {**processing_input("data", "s3://test-bucket/nothing"), "AppManaged": True}
    target = {**processing_output("result", "s3://test-bucket/app-managed/"), "AppManaged": True}
    outputs = {"ProcessingOutputConfig": {"Outputs": [target]}}
    description = bench.run("app-managed", ["true"], ProcessingInputs=[source], **outputs)
    assert description["ProcessingJobStatus"] == "Completed"


def test_eight_jobs_at_once_see_only_their_own_opt_ml(bench, processing_input, processing_output):
    existed = Path("/opt/ml").exists()
    code = (
        "import os, pathlib, sys, time\n"
        "name = os.environ['PROCESSING_JOB_NAME']\n"
        "pathlib.Path('/opt/ml', name).touch()\n"
        "time.sleep(0.5)\n"
        "seen = sorted(os.listdir('/opt/ml')) + [pathlib.Path('/opt/ml/processing/mine/name').read_text()]\n"
        "pathlib.Path('/opt/ml/processing/result/seen').write_text(' '.join(seen))\n"
    )
    names = [f"crowd-{number}" for number in range(8)]
    script = processing_input("code", bench.put("crowd-code/run.py", code))
    for name in names:
        source = processing_input("mine", bench.put(f"{name}/in/name", name))
        outputs = {"Outputs": [processing_output("result", f"s3://test-bucket/{name}/out/")]}
        bench.create(name, COMMAND, ProcessingInputs=[script, source], ProcessingOutputConfig=outputs)
    for name in names:
        assert bench.wait(name, seconds=30)["ProcessingJobStatus"] == "Completed"
        assert bench.objects(f"{name}/out/") == {"seen": f"config {name} output processing {name}"}
    assert Path("/opt/ml").exists() == existed


def test_a_job_may_use_the_local_aws_by_itself(bench):
    code = "import boto3; boto3.client('s3').put_object(Bucket='test-bucket', Key='by-job', Body=b'hello')"
    assert bench.run("own-client", ["python3", "-c", code])["ProcessingJobStatus"] == "Completed"
    assert bench.objects("by-job") == {"": "hello"}
