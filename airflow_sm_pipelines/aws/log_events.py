"""New lines of a job's log in CloudWatch, look by look."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.calls import Body, call
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.errors import AwsCallError

if TYPE_CHECKING:
    from botocore.client import BaseClient

LEFT_OUT = "(lines before this one may be left out here; CloudWatch has them all)"

_LOGS_OF_OTHERS = frozenset({"tuning-job"})
"""Kinds whose log group is that of the jobs that they make: how many, and under which names, differs."""


def has_log_of_its_own(kind: ResourceKind) -> bool:
    """Tell whether resources of a kind write a log that can be followed."""
    return bool(kind.log_group) and kind.key not in _LOGS_OF_OTHERS


@dataclass(slots=True)
class _Stream:
    """How far one log stream was read.

    Attributes:
        name: Its name, ``<job>/<host>-<number>``.
        until: Timestamp of the newest line that was read, in milliseconds.
        known: The lines with that timestamp, with how often each was read.
    """

    name: str
    until: int = 0
    known: Counter[str] = field(default_factory=Counter)

    @property
    def host(self) -> str:
        """The instance that writes it."""
        return self.name.rpartition("/")[2].rpartition("-")[0] or self.name

    def new(self, events: list[Body], limit: int) -> list[tuple[int, str]]:
        """Return those of the newest events that were not read before, and go on behind them."""
        fresh: list[tuple[int, str]] = []
        again = self.known.copy()
        for event in events:
            when, message = int(event["timestamp"]), str(event["message"])
            if when < self.until:
                continue
            if when == self.until and again[message] > 0:
                again[message] -= 1
                continue
            fresh.append((when, message))
        if fresh and len(fresh) == len(events) == limit:
            fresh[0] = (fresh[0][0], f"{LEFT_OUT}\n{fresh[0][1]}")
        if events:
            newest = int(events[-1]["timestamp"])
            if newest >= self.until:
                self.until = newest
                self.known = Counter(str(one["message"]) for one in events if int(one["timestamp"]) == newest)
        return fresh


class LogEvents:
    """The log of a job, of which each look returns what is new.

    Args:
        kind: The job's row.
        name: The job's name; its log streams start with it.
        limit: The most lines of a stream that one look returns: the newest.
        streams: The most streams that are read.
        again: After so many looks the streams are looked for again.

    Attributes:
        calls: How many calls to AWS were made.
    """

    def __init__(self, kind: ResourceKind, name: str, *, limit: int, streams: int, again: int) -> None:
        self._kind = kind
        self._name = name
        self._limit = limit
        self._most = streams
        self._again = again
        self._streams: dict[str, _Stream] = {}
        self._looks = 0
        self.calls = 0

    def new_lines(self, client: BaseClient) -> list[str]:
        """Return the lines since the last look, in the order of their times; with several streams, whose they are.

        Args:
            client: A boto3 client for CloudWatch Logs.

        Raises:
            AwsCallError: A call failed.
        """
        if not self._streams or self._looks % self._again == 0:
            self._find_streams(client)
        self._looks += 1
        found: list[tuple[int, str]] = []
        for stream in list(self._streams.values()):
            prefix = f"[{stream.host}] " if len(self._streams) > 1 else ""
            fresh = stream.new(self._events(client, stream), self._limit)
            found += [(when, f"{prefix}{line}") for when, text in fresh for line in text.rstrip("\n").split("\n")]
        found.sort(key=lambda event: event[0])
        return [line for _, line in found]

    def _find_streams(self, client: BaseClient) -> None:
        request = {"logGroupName": self._kind.log_group, "logStreamNamePrefix": f"{self._name}/", "limit": 50}
        self.calls += 1
        try:
            answer = call(client, "DescribeLogStreams", request)
        except AwsCallError as error:
            if says_absent(error.code, error.message):
                return
            raise
        for one in answer.get("logStreams", ()):
            if len(self._streams) < self._most:
                self._streams.setdefault(one["logStreamName"], _Stream(one["logStreamName"]))

    def _events(self, client: BaseClient, stream: _Stream) -> list[Body]:
        request = {
            "logGroupName": self._kind.log_group,
            "logStreamName": stream.name,
            "limit": self._limit,
            "startFromHead": False,
        }
        self.calls += 1
        answer = call(client, "GetLogEvents", {**request, **({"startTime": stream.until} if stream.until else {})})
        return list(answer.get("events", ()))
