"""Faults, records and routes, seen through a real boto3."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from airflow_sm_pipelines.local.server.application import Application
from airflow_sm_pipelines.local.server.call_log import CallLog
from airflow_sm_pipelines.local.server.control import ControlEndpoints
from airflow_sm_pipelines.local.server.faults import FaultTable
from airflow_sm_pipelines.local.services.sagemaker.executions.operations import PipelineExecutions


@pytest.fixture
def fault(bench):
    """Sets a rule; there are no rules and no records before and after the test."""
    bench.control("DELETE", "calls")

    def set_rule(**rule):
        return bench.control("POST", "faults", {"service": "sagemaker", **rule})

    yield set_rule
    bench.control("DELETE", "faults")
    bench.control("DELETE", "calls")


def outcomes(bench, operation):
    return [(call["outcome"], call["executed"]) for call in bench.calls(operation)]


def exists(bench, name):
    try:
        bench.describe(name)
    except ClientError:
        return False
    return True


def test_error_answers_instead_of_executing(bench, fault):
    fault(operation="CreateProcessingJob", action="error", code="ThrottlingException", times=1)
    with pytest.raises(ClientError, match="Rate exceeded") as caught:
        bench.create("error-1", ["true"])
    assert caught.value.response["Error"]["Code"] == "ThrottlingException"
    assert not exists(bench, "error-1")
    bench.create("error-1", ["true"])
    assert outcomes(bench, "CreateProcessingJob") == [("ThrottlingException", False), ("ok", True)]


def test_a_modelled_error_is_raised_as_its_class(bench, fault):
    fault(operation="Create.*", action="error", code="ResourceLimitExceeded", message="limit is 0 Instances")
    with pytest.raises(bench.sagemaker.exceptions.ResourceLimitExceeded, match="limit is 0 Instances"):
        bench.create("error-2", ["true"])


def test_the_sdks_retries_are_told_apart_from_new_calls(bench, fault):
    fault(operation="ListProcessingJobs", action="error", http_status=500, code="InternalFailure", times=2)
    retrying = bench.client("sagemaker", retries={"mode": "standard", "total_max_attempts": 3})
    retrying.list_processing_jobs()
    retrying.list_processing_jobs()
    invocations = [call["invocation_id"] for call in bench.calls("ListProcessingJobs")]
    assert len(invocations) == 4
    assert len(set(invocations)) == 2
    assert len({call["request_id"] for call in bench.calls("ListProcessingJobs")}) == 4


def test_slow_outlasts_a_read_timeout_and_executes_nevertheless(bench, fault):
    fault(operation="CreateProcessingJob", action="slow", seconds=0.6)
    impatient = bench.client("sagemaker", read_timeout=0.2)
    with pytest.raises(ReadTimeoutError):
        impatient.create_processing_job(**bench.request("slow-1", ["true"]))
    deadline = time.monotonic() + 15
    while not exists(bench, "slow-1"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_drop_before_closes_the_connection_and_executes_nothing(bench, fault):
    fault(operation="CreateProcessingJob", action="drop_before", times=1)
    with pytest.raises(ConnectionClosedError):
        bench.create("drop-1", ["true"])
    assert not exists(bench, "drop-1")
    assert outcomes(bench, "CreateProcessingJob") == [("dropped", False)]


def test_drop_after_executes_and_closes_the_connection(bench, fault):
    fault(operation="CreateProcessingJob", action="drop_after", times=1)
    with pytest.raises(ConnectionClosedError):
        bench.create("drop-2", ["true"])
    assert exists(bench, "drop-2")
    assert outcomes(bench, "CreateProcessingJob") == [("dropped", True)]


CHILD = """
import sys, boto3
session = boto3.Session(aws_access_key_id="k", aws_secret_access_key="s", region_name="us-west-2")
client = session.client("sagemaker", endpoint_url=sys.argv[1])
client.create_processing_job(
    ProcessingJobName="kill-1",
    RoleArn="arn:aws:iam::123456789012:role/SageMakerRole",
    AppSpecification={"ImageUri": "x", "ContainerEntrypoint": ["true"]},
    ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
)
print("survived")
"""


def test_kill_client_after_executes_and_kills_the_calling_process(bench, fault):
    fault(operation="CreateProcessingJob", action="kill_client_after")
    child = subprocess.run(  # noqa: PLW1510 - it is killed
        [sys.executable, "-c", CHILD, bench.aws.endpoint_url], capture_output=True, text=True, timeout=30
    )
    assert (child.returncode, child.stdout) == (-signal.SIGKILL, "")
    assert exists(bench, "kill-1")
    assert outcomes(bench, "CreateProcessingJob") == [("dropped", True)]


def test_kill_client_after_spares_the_process_of_the_local_aws_and_says_so(bench, fault):
    fault(operation="ListProcessingJobs", action="kill_client_after")
    with pytest.raises(ClientError, match="the call was executed, but the client runs in the process") as caught:
        bench.sagemaker.list_processing_jobs()
    assert caught.value.response["Error"]["Code"] == "LocalAwsFault"


def test_job_fail_fails_the_job_without_running_it(bench, fault):
    reason = "CapacityError: Unable to provision requested ML compute capacity."
    fault(operation="CreateProcessingJob", action="job_fail", reason=reason, times=1)
    description = bench.run("fail-1", ["true"])
    assert (description["ProcessingJobStatus"], description["FailureReason"]) == ("Failed", reason)
    assert "ProcessingStartTime" not in description
    assert bench.run("fail-2", ["true"])["ProcessingJobStatus"] == "Completed"


def test_job_slow_delays_the_command_and_can_be_stopped(bench, fault):
    fault(operation="CreateProcessingJob", action="job_slow", seconds=1.5, times=1)
    fault(operation="CreateProcessingJob", action="job_slow", seconds=60)
    began = time.monotonic()
    bench.create("job-slow-1", ["true"])
    assert "ProcessingStartTime" not in bench.describe("job-slow-1"), "the call itself is not delayed"
    assert bench.wait("job-slow-1")["ProcessingJobStatus"] == "Completed"
    assert time.monotonic() - began > 1.5
    bench.create("job-slow-2", ["true"])
    bench.sagemaker.stop_processing_job(ProcessingJobName="job-slow-2")
    assert bench.wait("job-slow-2")["ProcessingJobStatus"] == "Stopped"


def test_match_and_after_choose_the_call(bench, fault):
    fault(
        operation="DescribeProcessingJob",
        action="error",
        code="InternalFailure",
        http_status=500,
        match={"ProcessingJobName": "^chosen$"},
        after=1,
    )
    bench.run("other", ["true"])
    bench.create("chosen", ["true"])
    bench.describe("chosen")
    with pytest.raises(ClientError, match="InternalFailure"):
        bench.describe("chosen")
    bench.describe("other")


def test_motos_services_have_faults_in_their_own_protocols(bench, fault):
    fault(service="s3", operation="PutObject", action="error", code="SlowDown", http_status=503, times=1)
    fault(service="sts", operation="GetCallerIdentity", action="error", code="ExpiredToken", http_status=403)
    with pytest.raises(ClientError, match=r"\(SlowDown\) when calling the PutObject"):
        bench.put("fault", "x")
    bench.put("fault", "x")
    with pytest.raises(ClientError, match=r"\(ExpiredToken\)"):
        bench.client("sts").get_caller_identity()


def test_staging_and_logging_of_jobs_meet_no_fault_and_are_not_recorded(bench, fault, processing_input):
    source = processing_input("data", bench.put("internal/x", "x"))
    fault(service="s3", operation=".*", action="drop_before")
    fault(service="logs", operation=".*", action="drop_before")
    bench.control("DELETE", "calls")
    assert bench.run("internal", ["true"], ProcessingInputs=[source])["ProcessingJobStatus"] == "Completed"
    assert {call["service"] for call in bench.control("GET", "calls")["calls"]} == {"sagemaker"}


def test_calls_are_recorded_with_the_job_that_they_name(bench, fault):
    answer = bench.sagemaker.create_processing_job(**bench.request("record-1", ["true"]))
    [call] = bench.calls("CreateProcessingJob")
    assert call["job_name"] == "record-1"
    assert call["request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert call["http_status"] == 200
    assert call["region"] == "us-west-2"


def test_errors_of_motos_services_are_recorded_with_their_codes(bench, fault):
    with pytest.raises(ClientError):
        bench.s3.get_object(Bucket="test-bucket", Key="nothing")
    with pytest.raises(ClientError):
        bench.logs.describe_log_streams(logGroupName="nothing")
    assert outcomes(bench, "GetObject") == [("NoSuchKey", True)]
    assert outcomes(bench, "DescribeLogStreams") == [("ResourceNotFoundException", True)]


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("sts", "get_caller_identity", {}),
        ("sqs", "create_queue", {"QueueName": "q"}),
        ("iam", "list_roles", {}),
        ("events", "list_rules", {}),
        ("logs", "describe_log_groups", {}),
    ],
)
def test_other_services_are_answered_by_moto(bench, service, operation, arguments):
    answer = getattr(bench.client(service), operation)(**arguments)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_sts_and_arns_agree_about_the_account(bench):
    account = bench.client("sts").get_caller_identity()["Account"]
    assert f":{account}:" in bench.create("account", ["true"])


def test_no_sagemaker_operation_falls_through_to_moto(bench):
    with pytest.raises(ClientError) as caught:
        bench.sagemaker.list_domains()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_the_sagemaker_runtime_does_not_fall_through_to_moto_either(bench):
    with pytest.raises(ClientError) as caught:
        bench.client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=b"x")
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


def test_large_objects_pass_through_unharmed(bench):
    body = bytes(range(256)) * 40_000
    bench.s3.put_object(Bucket="test-bucket", Key="large", Body=body)
    assert bench.s3.get_object(Bucket="test-bucket", Key="large")["Body"].read() == body
    assert bench.s3.head_object(Bucket="test-bucket", Key="large")["ContentLength"] == len(body)


def test_metadata_with_underscores_survives(bench):
    bench.s3.put_object(Bucket="test-bucket", Key="meta", Body=b"", Metadata={"my_key": "1", "other-key": "2"})
    head = bench.s3.head_object(Bucket="test-bucket", Key="meta")
    assert head["Metadata"] == {"my_key": "1", "other-key": "2"}


def test_a_presigned_url_works(bench):
    bench.put("signed", "content")
    url = bench.s3.generate_presigned_url("get_object", Params={"Bucket": "test-bucket", "Key": "signed"})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"content"


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET"])
@pytest.mark.parametrize("path", ["/", "/_local/faults"])
def test_web_pages_of_other_origins_are_refused(bench, fault, method, path):
    headers = {"Origin": "https://example.com", "Access-Control-Request-Headers": "x-amz-target"}
    request = urllib.request.Request(bench.aws.endpoint_url + path, headers=headers, method=method)
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        urllib.request.urlopen(request)
    assert caught.value.headers["Access-Control-Allow-Origin"] is None
    caught.value.close()
    [call] = bench.control("GET", "calls")["calls"]
    assert (call["outcome"], call["executed"]) == ("AccessDeniedException", False)


def test_pages_of_the_local_aws_itself_are_served(bench):
    request = urllib.request.Request(
        f"{bench.aws.endpoint_url}/_local/health", headers={"Origin": bench.aws.endpoint_url}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def test_a_bug_in_a_service_is_an_internal_failure_not_a_lost_connection(caplog):
    class Broken:
        def answer(self, call, context):
            raise RuntimeError("bug")

    faults, calls = FaultTable(), CallLog()
    application = Application(
        services={"sagemaker": Broken()},
        operations={},
        fallback=lambda *_: [],
        control=ControlEndpoints(faults, calls, PipelineExecutions(), dict),
        faults=faults,
        calls=calls,
        default_region="us-west-2",
        internal_access_key_id="internal",
    )
    started = []
    scope = "AWS4-HMAC-SHA256 Credential=k/20260101/us-west-2/sagemaker/aws4_request, x"
    environ = {
        "REQUEST_METHOD": "POST",
        "HTTP_AUTHORIZATION": scope,
        "HTTP_X_AMZ_TARGET": "SageMaker.ListDomains",
        "wsgi.input": io.BytesIO(),
    }
    [body] = application(environ, lambda status, headers: started.append(status))
    assert started == ["500 Internal Server Error"]
    assert b"InternalFailure" in body
    assert calls.records()[0].outcome == "InternalFailure"
    assert "RuntimeError: bug" in caplog.text
