from __future__ import annotations

from airflow_sm_pipelines.local.server.call_log import CallLog, CallRecord
from airflow_sm_pipelines.local.server.faults import FaultAction, FaultRule
from airflow_sm_pipelines.local.wire.aws_call import AwsCall

CALL = AwsCall(
    request_id="id",
    invocation_id="sdk-id",
    service="sagemaker",
    region="us-west-2",
    operation="CreateProcessingJob",
    protocol="json",
    members={"ProcessingJobName": "etl", "Environment": {"PASSWORD": "secret"}},
    access_key_id="AKIASECRET",
    peer=("127.0.0.1", 1),
)


def record_of(fault=None):
    return CallRecord.of(CALL, fault, began=12.5, seconds=0.25, http_status=200, outcome="ok", executed=True)


def test_a_record_tells_what_was_called_and_what_came_of_it():
    log = CallLog()
    log.add(record_of(FaultRule("sagemaker", ".*", FaultAction.SLOW)))
    assert log.describe() == [
        {
            "time": 12.5,
            "service": "sagemaker",
            "operation": "CreateProcessingJob",
            "region": "us-west-2",
            "request_id": "id",
            "invocation_id": "sdk-id",
            "job_name": "etl",
            "http_status": 200,
            "outcome": "ok",
            "executed": True,
            "fault": "slow",
            "seconds": 0.25,
        }
    ]


def test_no_member_and_no_credential_is_kept():
    assert "SECRET" not in str(record_of()).upper()


def test_clear_forgets_all():
    log = CallLog()
    log.add(record_of())
    log.clear()
    assert log.records() == []
