"""What it costs to watch many running jobs of one kind, and how soon an end is told.

Run it with ``python -m tests.scale.watching``; it takes about five minutes. A thousand triggers wait in one event loop,
as in a triggerer, with boto3 clients as they are there. AWS is another process that only counts: it knows the names of
the jobs, which have ended, and when it was asked. Then a process that watches as many is told to end while that AWS
gives no answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import resource
import signal
import statistics
import time
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

NAME = "pipelines-abcdef012345-Step-{:04}-0"
ENDING = 100
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-west-1"}


# -- an AWS that counts ------------------------------------------------------------------------------------------------


class CountingAws(ThreadingHTTPServer):
    """DescribeProcessingJob and ListProcessingJobs over a number of jobs, each of which writes a line at each look.

    Attributes:
        calls: Operation and time of each call.
        ended: The jobs that have ended.
        silent: No call is answered.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, jobs: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.names = [NAME.format(number) for number in reversed(range(jobs))]
        self.calls: list[tuple[str, float]] = []
        self.ended: set[str] = set()
        self.silent = False

    def answer(self, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        """Answer one call."""
        self.calls.append((operation, time.time()))
        if operation == "DescribeProcessingJob":
            name = members["ProcessingJobName"]
            return {"ProcessingJobName": name, "ProcessingJobStatus": self._status(name)}
        if operation == "DescribeLogStreams":
            return {"logStreams": [{"logStreamName": f"{members['logStreamNamePrefix']}algo-1-17"}]}
        if operation == "GetLogEvents":
            return {"events": [{"timestamp": int(time.time() * 1000), "message": "a line"}]}
        start, size = int(members.get("NextToken", 0)), members["MaxResults"]
        page = [
            {"ProcessingJobName": name, "ProcessingJobStatus": self._status(name), "CreationTime": 1.8e9}
            for name in self.names[start : start + size]
        ]
        more = {"NextToken": str(start + size)} if start + size < len(self.names) else {}
        return {"ProcessingJobSummaries": page, **more}

    def _status(self, name: str) -> str:
        return "Completed" if name in self.ended else "InProgress"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CountingAws

    def do_POST(self) -> None:
        members = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers.get("X-Amz-Target", "").partition(".")[2]
        if self.path == "/end":
            self.server.ended.update(members)
            self._send(time.time())
        elif self.path == "/silence":
            self.server.silent = True
            self._send(None)
        elif self.server.silent:
            self.server.calls.append((operation, time.time()))
            time.sleep(120)
        else:
            self._send(self.server.answer(operation, members))

    def do_GET(self) -> None:
        self._send(self.server.calls)

    def _send(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(jobs: int, ready: Connection) -> None:
    server = CountingAws(jobs)
    ready.send(server.server_port)
    server.serve_forever()


@dataclass(frozen=True)
class Aws:
    """The other process.

    Attributes:
        url: Its address.
        process: The process.
    """

    url: str
    process: multiprocessing.Process

    @classmethod
    def start(cls, jobs: int) -> Aws:
        """Start it."""
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=_serve, args=(jobs, theirs), daemon=True)
        process.start()
        return cls(f"http://127.0.0.1:{ours.recv()}", process)

    def ask(self, path: str, body: object = None) -> Any:
        """Ask it something that is not AWS's."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=10) as answer:
            return json.load(answer)


# -- triggers ----------------------------------------------------------------------------------------------------------


@dataclass
class Triggers:
    """Many triggers in one event loop.

    Attributes:
        fired: When each has fired.
    """

    jobs: int
    interval: float
    fired: dict[str, float] = field(default_factory=dict)

    def start(self) -> list[asyncio.Task[None]]:
        """Start them all."""
        return [asyncio.create_task(self._run(NAME.format(number))) for number in range(self.jobs)]

    async def _run(self, name: str) -> None:
        from airflow_sm_pipelines.execution.connection import AwsConnection
        from airflow_sm_pipelines.execution.triggers import JobTrigger

        connection = AwsConnection(None, "eu-west-1").as_arguments()
        trigger = JobTrigger(
            kind="processing-job", name=name, connection=connection, poll_interval=self.interval, logs=True
        )
        async for _ in trigger.run():
            self.fired[name] = time.time()


async def _watch(aws: Aws, jobs: int, interval: float, intervals: int) -> dict[str, Any]:
    triggers = Triggers(jobs, interval)
    began = time.time()
    tasks = triggers.start()
    await asyncio.sleep(10 + 3 * interval)
    steady, cpu = time.time(), time.process_time()
    await asyncio.sleep(intervals * interval)
    cpu = time.process_time() - cpu
    counted = [(operation, when) for operation, when in await asyncio.to_thread(aws.ask, "/calls") if when > began]
    ends: dict[str, float] = {}
    for number in random.sample(range(jobs), min(ENDING, jobs)):
        name = NAME.format(number)
        ends[name] = await asyncio.to_thread(aws.ask, "/end", [name])
        await asyncio.sleep(interval / ENDING)
    deadline = time.time() + 5 * interval
    while len(triggers.fired) < len(ends) and time.time() < deadline:
        await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    late = [triggers.fired[name] - end for name, end in ends.items() if name in triggers.fired]
    per_interval = [0] * intervals
    for _, when in counted:
        if 0 <= (number := int((when - steady) // interval)) < intervals:
            per_interval[number] += 1
    of_logs = [when for operation, when in counted if "Log" in operation and when >= steady]
    first = [int((when - began) // interval) for _, when in counted if when < steady]
    return {
        "jobs": jobs,
        "interval": interval,
        "calls per interval, mean": round(statistics.mean(per_interval), 1),
        "calls per interval, most": max(per_interval),
        "calls per interval for logs, mean": round(len(of_logs) / intervals, 1),
        "calls in an interval at the start, most": max(first.count(number) for number in set(first)),
        "seconds from end to event, median": round(statistics.median(late), 1),
        "seconds from end to event, most": round(max(late), 1),
        "ends not told": len(ends) - len(late),
        "CPU, % of a core": round(100 * cpu / (intervals * interval), 1),
        "memory of the process, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _measure(aws: Aws, jobs: int, interval: float, intervals: int, answer: Connection) -> None:
    _quiet(aws)
    answer.send(asyncio.run(_watch(aws, jobs, interval, intervals)))


def _wait(aws: Aws, jobs: int) -> None:
    _quiet(aws)

    async def wait() -> None:
        await asyncio.gather(*Triggers(jobs, 1.0).start())

    try:
        asyncio.run(wait())
    except KeyboardInterrupt:
        return


def _quiet(aws: Aws) -> None:
    import logging

    os.environ.update(_CREDENTIALS, AWS_ENDPOINT_URL=aws.url)
    from airflow_sm_pipelines.execution.triggers import JobTrigger

    # What a trigger says goes through Airflow's supervisor to a file there, which is not measured here.
    logging.getLogger("unmeasured").disabled = True
    JobTrigger.log = logging.getLogger("unmeasured")  # type: ignore[assignment]


def watched(jobs: int, interval: float = 10.0, intervals: int = 6) -> dict[str, Any]:
    """Let a process watch jobs, and return what it cost.

    Args:
        jobs: How many.
        interval: The ``poll_interval`` of their steps, in seconds.
        intervals: For how many of them to count calls.
    """
    aws = Aws.start(jobs)
    ours, theirs = multiprocessing.Pipe()
    url_only = Aws(aws.url, None)  # type: ignore[arg-type]  # a process cannot be handed on
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_measure, args=(url_only, jobs, interval, intervals, theirs))
    process.start()
    figures: dict[str, Any] = ours.recv()
    process.join()
    aws.process.kill()
    return figures


def seconds_to_end(jobs: int) -> float:
    """Tell a process that watches jobs to end while AWS gives no answer; return how long that takes.

    Args:
        jobs: How many.
    """
    aws = Aws.start(jobs)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_wait, args=(Aws(aws.url, None), jobs))  # type: ignore[arg-type]
    process.start()
    while not aws.ask("/calls"):
        time.sleep(0.5)
    aws.ask("/silence", {})
    time.sleep(5)
    told = time.monotonic()
    os.kill(process.pid or 0, signal.SIGINT)
    process.join(120)
    took = time.monotonic() - told
    aws.process.kill()
    return round(took, 1)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--jobs", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--interval", type=float, default=10.0)
    arguments = parser.parse_args()
    for jobs in arguments.jobs:
        print(json.dumps(watched(jobs, arguments.interval), indent=1))
    print(json.dumps({"seconds to end while AWS gives no answer": seconds_to_end(max(arguments.jobs))}))


if __name__ == "__main__":
    main()
