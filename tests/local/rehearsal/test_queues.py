"""SQS in a rehearsal."""

from __future__ import annotations

import pytest

from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal


@pytest.fixture(scope="module")
def rehearsing(open_workbench):
    with open_workbench(stand_in=Rehearsal(), sandbox="rewrite") as bench:
        yield bench


@pytest.mark.parametrize("name", ["Callbacks", "callbacks.fifo"])
def test_a_queue_is_made_by_the_first_message_for_it(rehearsing, name):
    sqs = rehearsing.client("sqs")
    url = f"https://sqs.us-west-2.amazonaws.com/123456789012/{name}"
    fifo = {"MessageGroupId": "g", "MessageDeduplicationId": "d"} if name.endswith(".fifo") else {}
    for number in range(2):
        if fifo:
            fifo["MessageDeduplicationId"] = str(number)
        sqs.send_message(QueueUrl=url, MessageBody=f"message {number}", **fifo)

    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in found] == ["message 0", "message 1"]


def test_outside_of_a_rehearsal_a_queue_that_is_not_there_is_an_error(bench):
    sqs = bench.client("sqs")
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl="https://sqs.us-west-2.amazonaws.com/123456789012/Nowhere", MessageBody="x")
