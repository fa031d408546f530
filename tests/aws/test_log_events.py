"""New lines of a job's log, look by look."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.aws.kinds import MODEL, PROCESSING_JOB, TRAINING_JOB, TUNING_JOB
from airflow_sm_pipelines.aws.log_events import LEFT_OUT, LogEvents, has_log_of_its_own
from airflow_sm_pipelines.errors import AwsCallError
from tests.conftest import FakeLogs

NAME = "pipelines-abcdef012345-Step-t0k3nt0k3n-0"


def log_of(limit: int = 100, streams: int = 4, again: int = 10) -> LogEvents:
    return LogEvents(PROCESSING_JOB, NAME, limit=limit, streams=streams, again=again)


def test_each_look_returns_what_is_new_and_costs_one_call() -> None:
    logs: Any = FakeLogs(**{"algo-1-17": ["one", "two"]})
    log = log_of()

    assert log.new_lines(logs) == ["one", "two"]
    assert log.new_lines(logs) == []
    logs.lines["algo-1-17"] += ["two", "three"]
    assert log.new_lines(logs) == ["two", "three"]
    assert [operation for operation, _ in logs.calls] == ["DescribeLogStreams", *["GetLogEvents"] * 3]
    assert log.calls == len(logs.calls)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab")), max_size=30), st.lists(st.integers(1, 30)))
def test_every_line_is_returned_once_also_if_many_have_one_time_and_one_text(
    steps: list[tuple[int, str]], looks: list[int]
) -> None:
    when, events = 1, []
    for later, message in steps:
        when += later
        events.append({"timestamp": when, "message": message})

    class Logs:
        visible = 0

        def describe_log_streams(self, **_: Any) -> dict[str, Any]:
            return {"logStreams": [{"logStreamName": f"{NAME}/algo-1-17"}]}

        def get_log_events(self, **request: Any) -> dict[str, Any]:
            since = [one for one in events[: self.visible] if one["timestamp"] >= request.get("startTime", 0)]
            return {"events": since[-request["limit"] :]}

    logs: Any = Logs()
    log, found = log_of(limit=1000), []
    for number in [*looks, len(events)]:
        logs.visible = min(logs.visible + number, len(events))
        found += log.new_lines(logs)

    assert found == [event["message"] for event in events]


def test_of_a_flood_the_newest_lines_are_returned_and_it_says_that_there_were_more() -> None:
    logs: Any = FakeLogs(**{"algo-1-17": ["0"]})
    log = log_of(limit=3)
    log.new_lines(logs)
    logs.lines["algo-1-17"] += [str(number) for number in range(1, 50)]

    assert log.new_lines(logs) == [LEFT_OUT, "47", "48", "49"]


def test_the_lines_of_several_instances_say_whose_they_are() -> None:
    logs: Any = FakeLogs(**{"algo-1-17": ["a"], "algo-2-18": ["b"]})

    assert log_of().new_lines(logs) == ["[algo-1] a", "[algo-2] b"]


def test_instances_that_begin_later_are_found_and_no_more_than_the_limit() -> None:
    logs: Any = FakeLogs(**{"algo-1-17": ["a"]})
    log = log_of(streams=2, again=3)
    log.new_lines(logs)
    logs.lines |= {"algo-2-18": ["b"], "algo-3-19": ["c"]}

    assert [log.new_lines(logs) for _ in range(3)] == [[], [], ["[algo-2] b"]]


def test_a_job_that_has_written_nothing_has_no_lines(client_error: Any) -> None:
    logs: Any = FakeLogs()
    assert log_of().new_lines(logs) == []
    logs.fault = client_error("ResourceNotFoundException", "The specified log group does not exist.")
    assert log_of().new_lines(logs) == []


def test_a_refusal_is_raised(client_error: Any) -> None:
    logs: Any = FakeLogs()
    logs.fault = client_error("AccessDeniedException", "no")

    with pytest.raises(AwsCallError):
        log_of().new_lines(logs)


def test_a_message_of_several_lines_is_several_lines() -> None:
    logs: Any = FakeLogs(**{"algo-1-17": ["one\n  two\n"]})

    assert log_of().new_lines(logs) == ["one", "  two"]


def test_the_requests_fit_the_api() -> None:
    logs: Any = FakeLogs(**{"algo-1-17": ["one"]})
    log = log_of()
    log.new_lines(logs)
    log.new_lines(logs)
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    model = boto3.client("logs", region_name="eu-west-1", **keys).meta.service_model

    for operation, request in logs.calls:
        shape = model.operation_model(operation).input_shape
        assert not ParamValidator().validate(request, shape).has_errors()


def test_a_tuning_job_writes_no_log_but_its_training_jobs_do() -> None:
    assert [has_log_of_its_own(kind) for kind in (TRAINING_JOB, TUNING_JOB, MODEL)] == [True, False, False]
