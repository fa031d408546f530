from __future__ import annotations

import pytest

from airflow_sm_pipelines.local.jobs.job_logs import JobLog


class FakeLogs:
    """Keeps what a CloudWatch Logs client is told."""

    class exceptions:  # noqa: N801
        class ResourceAlreadyExistsException(Exception):  # noqa: N818
            pass

        class ResourceNotFoundException(Exception):  # noqa: N818
            pass

    def __init__(self, existing=False):
        self.existing = existing
        self.batches = []
        self.groups = 0

    def create_log_group(self, **_):
        self.groups += 1
        if self.existing:
            raise self.exceptions.ResourceAlreadyExistsException

    def create_log_stream(self, **arguments):
        if not self.groups:
            raise self.exceptions.ResourceNotFoundException
        self.stream = arguments

    def put_log_events(self, **arguments):
        self.batches.append([event["message"] for event in arguments["logEvents"]])


@pytest.fixture
def logs():
    return FakeLogs()


def test_a_group_is_created_for_its_first_stream_only(logs):
    for stream in ("one", "two"):
        JobLog(logs, "group", stream)
        assert logs.stream == {"logGroupName": "group", "logStreamName": stream}
    assert logs.groups == 1


def test_each_line_becomes_an_event(logs):
    log = JobLog(logs, "group", "stream")
    log.write(b"one\ntw")
    log.write(b"o\r\n\nlast")
    log.flush()
    assert logs.batches == [["one", "two", " "]]
    log.close()
    assert logs.batches[1:] == [["last"]]


def test_nothing_is_sent_when_nothing_was_printed(logs):
    log = JobLog(logs, "group", "stream")
    log.flush()
    log.close()
    assert logs.batches == []


def test_an_existing_group_is_used():
    logs = FakeLogs(existing=True)
    JobLog(logs, "group", "stream")
    assert logs.stream == {"logGroupName": "group", "logStreamName": "stream"}


def test_bytes_that_are_not_utf8_do_not_stop_the_log(logs):
    log = JobLog(logs, "group", "stream")
    log.write(b"caf\xe9\n")
    log.close()
    assert logs.batches == [["caf\N{REPLACEMENT CHARACTER}"]]


def test_long_lines_are_cut_and_batches_stay_below_the_limit(logs):
    log = JobLog(logs, "group", "stream")
    log.write(b"x" * 2_000_000)
    log.close()
    sizes = [[len(message) for message in batch] for batch in logs.batches]
    assert sum(map(sum, sizes)) == 2_000_000
    assert max(map(max, sizes)) <= 256_000
    assert max(map(sum, sizes)) <= 1_048_576


def test_many_lines_are_sent_in_several_batches(logs):
    log = JobLog(logs, "group", "stream")
    log.write(b"line\n" * 2_500)
    log.close()
    assert [len(batch) for batch in logs.batches] == [1_000, 1_000, 500]
