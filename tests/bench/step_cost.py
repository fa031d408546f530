"""What a deferred job step costs Airflow, beside the amazon provider's deferrable operator for the same job.

Run it: ``python -m tests.bench.step_cost``. A step that waits for its job takes two processes: the first creates the
job and defers, the second looks at the ended job and publishes it. Both are real task processes here: Airflow's own
supervisor forks them, and they load the DAG file and run the task as in a worker. What stands around them is a
stand-in: the API server answers from memory, and SageMaker is a few lines on the loopback interface.

Told is, of rounds in which the two kinds take turns:

- the processor time of each task process, as a median. What it inherits from its parent, which has loaded what a worker
  of LocalExecutor has, costs it nothing.
- the requests that Airflow's API server gets for it, by kind. One of each process is Airflow's own: it starts the task.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import uuid6

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 9
CPU_GOAL = 0.75
REQUESTS_GOAL = 1.5
RUN, STEP = "manual__2026-01-01", "Second"
REQUEST = {
    "ProcessingResources": {
        "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
    },
    "AppSpecification": {"ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/image:1"},
    "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole",
    "Environment": {"STEP": "1"},
}
# The second of two steps: the first one of a run also notes what the run has started with.
DEFINITION = {
    "Version": "2020-12-01",
    "Steps": [
        {"Name": "First", "Type": "Processing", "Arguments": REQUEST},
        {"Name": STEP, "Type": "Processing", "Arguments": REQUEST, "DependsOn": ["First"]},
    ],
}
DAG_FILES = {
    "ours": """
from airflow_sm_pipelines import pipeline_dag

dag = pipeline_dag("pipeline.json", dag_id="ours", overrides={"Processing": {"settle": 0}})
""",
    "amazon": """
import json
from pathlib import Path

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerProcessingOperator
from airflow.sdk import DAG

with DAG("amazon", schedule=None) as dag:
    first, second = [
        SageMakerProcessingOperator(
            task_id=step["Name"],
            config={"ProcessingJobName": "amazon-" + step["Name"], **step["Arguments"]},
            deferrable=True,
        )
        for step in json.loads(Path(__file__).with_name("pipeline.json").read_text())["Steps"]
    ]
    first >> second
""",
}


@dataclass
class Spent:
    """What one task process has cost.

    Attributes:
        cpu: Its processor time in milliseconds.
        requests: How many requests the API server got for it, by kind.
    """

    cpu: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    with tempfile.TemporaryDirectory(prefix="step-cost-") as folder, sagemaker() as aws:
        prepare(Path(folder))
        airflow = StandInAirflow(aws.endpoint_url)
        become_a_worker()
        spent: dict[str, list[tuple[Spent, ...]]] = {kind: [] for kind in DAG_FILES}
        for number in range(ROUNDS + 1):
            for kind, found in spent.items():
                step = run_step(kind, airflow, aws)
                if number:  # the first round writes the bytecode
                    found.append(step)
        report(spent)


# -- around the task processes -----------------------------------------------------------------------------------------


def prepare(folder: Path) -> None:
    """Write the DAG files, and tell Airflow where they are."""
    (folder / "pipeline.json").write_text(json.dumps(DEFINITION))
    for kind, text in DAG_FILES.items():
        (folder / f"{kind}.py").write_text(text)
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundle = {"name": "bench", "classpath": local, "kwargs": {"path": str(folder)}}
    os.environ |= {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        # A supervisor may notice the end of its process only when the next heartbeat is due.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "PYTHONPATH": str(ROOT),
    }


def become_a_worker() -> None:
    """Load what a worker of LocalExecutor, a fork of the scheduler, has loaded when it forks a task process."""
    import airflow.executors.local_executor
    import airflow.jobs.scheduler_job_runner
    import airflow.sdk.execution_time.task_runner  # noqa: F401
    from airflow.sdk.listener import get_listener_manager

    get_listener_manager()  # loads the plugins

    gc.freeze()


class StandInSageMaker(BaseHTTPRequestHandler):
    """SageMaker, with one processing job, which has ended when it is said to have."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        answer = self.answer(self.headers["X-Amz-Target"].rpartition(".")[2], request)
        body = json.dumps(answer or {"__type": "ValidationException", "message": "Could not find it"}).encode()
        self.send_response(200 if answer else 400)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        aws: StandInAws = self.server  # type: ignore[assignment]
        if operation == "ListProcessingJobs":
            return {"ProcessingJobSummaries": []}
        if operation == "CreateProcessingJob":
            arn = f"arn:aws:sagemaker:eu-west-1:123456789012:processing-job/{request['ProcessingJobName']}"
            aws.job = {**request, "ProcessingJobArn": arn, "CreationTime": datetime.now(UTC).timestamp()}
            return {"ProcessingJobArn": arn}
        if operation == "DescribeProcessingJob" and request["ProcessingJobName"] == aws.job.get("ProcessingJobName"):
            return {**aws.job, "ProcessingJobStatus": "Completed" if aws.job_has_ended else "InProgress"}
        return {}

    def log_message(self, *_: object) -> None:
        pass


class StandInAws(ThreadingHTTPServer):
    """The server of `StandInSageMaker`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), StandInSageMaker)
        self.job: dict[str, Any] = {}
        self.job_has_ended = False

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def sagemaker() -> Iterator[StandInAws]:
    with StandInAws() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class StandInAirflow:
    """Airflow's API server as the supervisor of one task sees it.

    Args:
        endpoint_url: Where the connection ``aws_default`` leads.
    """

    def __init__(self, endpoint_url: str) -> None:
        extra = {"region_name": "eu-west-1", "endpoint_url": endpoint_url}
        self._connection = {
            "conn_id": "aws_default",
            "conn_type": "aws",
            "login": "key",
            "password": "secret",
            "host": None,
            "schema": None,
            "port": None,
            "extra": json.dumps(extra),
        }
        self.begin("")

    def begin(self, dag_id: str) -> None:
        """Forget the last step; the next one is of a DAG."""
        self._dag_id = dag_id
        self._stored: dict[str, Any] = {}
        self._deferred: dict[str, Any] = {}
        self.task_instance_id, self.dag_version_id = uuid6.uuid7(), uuid6.uuid7()
        self.requests: Counter[str] = Counter()

    def answer(self, request: Any) -> Any:
        """Answer a request of the supervisor."""
        import httpx

        method, path = request.method, request.url.path
        what, _, rest = path.strip("/").partition("/")
        body = json.loads(request.content) if request.content else None
        if path.endswith("/heartbeat"):
            return httpx.Response(204)
        self.requests[f"{method} {what}/{rest.rpartition('/')[2] if what == 'task-instances' else '…'}"] += 1
        if path.endswith("/state"):
            self._deferred = body if body["state"] == "deferred" else {}
        elif what == "store" and method == "PUT":
            self._stored[path] = body["value"]
        elif what == "store" and path not in self._stored:
            return httpx.Response(404, json={"detail": {"reason": "not_found"}})
        known = {
            "connections": self._connection,
            "variables": {"key": rest, "value": "bench"},
            "store": {"value": self._stored.get(path)},
        }
        return httpx.Response(200, json=self._context() if path.endswith("/run") else known.get(what, {"ok": True}))

    def _context(self) -> dict[str, Any]:
        """Return what Airflow tells a task process when it starts."""
        # A run that starts within a minute of a change of its definition compares the two.
        now = (datetime.now(UTC) + timedelta(minutes=2)).isoformat()
        run = {
            "dag_id": self._dag_id,
            "run_id": RUN,
            "logical_date": None,
            "data_interval_start": None,
            "data_interval_end": None,
            "run_after": now,
            "start_date": now,
            "end_date": None,
            "run_type": "manual",
            "state": "running",
            "conf": {},
            "consumed_asset_events": [],
            "partition_key": None,
        }
        context: dict[str, Any] = {"dag_run": run, "max_tries": 8, "should_retry": True}
        if self._deferred:
            context["next_method"] = self._deferred["next_method"]
            context["next_kwargs"] = {**self._deferred["next_kwargs"], "event": self._event()}
        return context

    def _event(self) -> dict[str, Any]:
        arguments = self._deferred["trigger_kwargs"]
        if self._dag_id == "ours":
            return {"name": arguments["name"], "status": "Completed"}
        return {"status": "success", "message": "done", "job_name": arguments["job_name"]}


# -- a step ------------------------------------------------------------------------------------------------------------


def run_step(kind: str, airflow: StandInAirflow, aws: StandInAws) -> tuple[Spent, ...]:
    """Run both processes of a step; return what each has cost."""
    airflow.begin(kind)
    aws.job = {}
    spent = []
    for aws.job_has_ended in (False, True):
        airflow.requests = Counter()
        cpu = run_process(kind, airflow)
        spent.append(Spent(cpu, airflow.requests))
        if aws.job_has_ended == bool(airflow._deferred):
            raise RuntimeError(f"{kind}: the task has {'not ended' if aws.job_has_ended else 'not deferred'}")
    return tuple(spent)


def run_process(kind: str, airflow: StandInAirflow) -> float:
    """Run one task process under Airflow's supervisor; return its processor time in milliseconds."""
    import httpx
    from airflow.executors.workloads.base import BundleInfo
    from airflow.executors.workloads.task import TaskInstanceDTO
    from airflow.sdk.api.client import Client
    from airflow.sdk.execution_time.supervisor import supervise_task

    ti = TaskInstanceDTO(
        id=airflow.task_instance_id,
        task_id=STEP,
        dag_id=kind,
        run_id=RUN,
        try_number=1,
        dag_version_id=airflow.dag_version_id,
        pool_slots=1,
        priority_weight=1,
        queue="default",
    )
    client = Client(base_url="http://airflow", token="", transport=httpx.MockTransport(airflow.answer))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = supervise_task(
        ti=ti, bundle_info=BundleInfo(name="bench"), dag_rel_path=f"{kind}.py", token="", client=client
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        raise RuntimeError(f"{kind}: the task process has ended with code {code}")
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


# -- the figures -------------------------------------------------------------------------------------------------------


def report(spent: dict[str, list[tuple[Spent, ...]]]) -> None:
    cpu = {kind: [median(step[index].cpu for step in steps) for index in (0, 1)] for kind, steps in spent.items()}
    requests = {kind: [step.requests for step in steps[-1]] for kind, steps in spent.items()}
    for index, process in enumerate(("first", "second")):
        for kind, found in requests.items():
            listed = ", ".join(f"{name} {count}" for name, count in sorted(found[index].items()))
            print(
                f"{process} process, {kind:6} {cpu[kind][index]:4.0f} ms, {found[index].total():2} requests: {listed}"
            )
    say("processor time", {kind: sum(found) for kind, found in cpu.items()}, " ms", CPU_GOAL)
    totals = {kind: float(sum(one.total() for one in found)) for kind, found in requests.items()}
    say("requests", totals, "", REQUESTS_GOAL)


def say(what: str, found: dict[str, float], unit: str, goal: float) -> None:
    ratio = found["ours"] / found["amazon"]
    reached = "reached" if ratio <= goal else "MISSED"
    listed = "  ".join(f"{kind} {value:.0f}{unit}" for kind, value in found.items())
    print(f"{what} of a step: {listed}  goal <= {goal:g} x amazon, is {ratio:.2f}: {reached}")


if __name__ == "__main__":
    main()
