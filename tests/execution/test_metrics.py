"""What Airflow's statistics get of a step."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk.exceptions import AirflowException
from airflow.sdk.observability.stats import initialize

from airflow_sm_pipelines.aws.jobs import Outcome
from airflow_sm_pipelines.errors import StepFailedError, StepTimeoutError
from airflow_sm_pipelines.execution.metrics import count_cache, count_created, count_ended, count_retry
from tests.execution.step_stand_ins import DeferredError


class NoLogs:
    """A boto3 client for CloudWatch Logs that finds nothing."""

    def describe_log_streams(self, **_: Any) -> Any:
        return {"logStreams": []}


TAGS = {"dag_id": "dag", "step_type": "Processing"}


class Receiver:
    """Stands for StatsD."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Any, dict[str, str]]] = []

    def incr(self, stat: str, count: int = 1, *, tags: dict[str, str]) -> None:
        self.got.append((stat, count, tags))

    def timing(self, stat: str, dt: timedelta, *, tags: dict[str, str]) -> None:
        self.got.append((stat, dt, tags))

    @property
    def names(self) -> list[str]:
        return [name.removeprefix("sm_pipelines.") for name, _, _ in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    initialize(factory=lambda: receiver, export_legacy_names=True)  # type: ignore[arg-type,return-value]
    yield receiver
    initialize(factory=NoStatsLogger, export_legacy_names=True)


def test_names_are_airflows_way_and_what_varies_is_in_tags(receiver: Receiver, context: Any) -> None:
    dag_id = context["ti"].dag_id
    tags = {**TAGS, "dag_id": dag_id}

    count_created(context, "Processing")
    count_cache(context, "Processing", hit=True)
    count_cache(context, "Processing", hit=False)

    assert receiver.got == [
        ("sm_pipelines.jobs_created", 1, tags),
        ("sm_pipelines.cache_hits", 1, tags),
        ("sm_pipelines.cache_misses", 1, tags),
    ]


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (Outcome.SUCCEEDED, "jobs_succeeded"),
        (Outcome.FAILED, "jobs_failed"),
        (Outcome.STOPPED, "jobs_stopped"),
    ],
)
def test_a_job_is_counted_by_its_outcome_and_timed(
    receiver: Receiver, context: Any, outcome: Outcome, name: str
) -> None:
    count_ended(context, "Training", outcome, timedelta(seconds=90))

    assert receiver.names == [name, "job_duration"]
    assert receiver.got[1][1] == timedelta(seconds=90)


def test_retries_are_counted_by_exception_type(receiver: Receiver, context: Any) -> None:
    count_retry(context, "Training", StepFailedError("A", "no", exception_type="SageMaker.CAPACITY_ERROR"))
    count_retry(context, "Training", StepTimeoutError("A", "late"))
    count_retry(context, "Training", AirflowException("other"))

    assert [tags["exception_type"] for _, _, tags in receiver.got] == [
        "SageMaker.CAPACITY_ERROR",
        "StepTimeoutError",
        "AirflowException",
    ]


# -- of a step ---------------------------------------------------------------------------------------------------------


def test_a_step_counts_its_job_once_when_it_is_created_and_once_when_it_has_ended(
    receiver: Receiver, make_task: Any, context: Any, sagemaker: Any
) -> None:
    sagemaker.ending = None
    with pytest.raises(DeferredError):
        make_task().step(context).start()
    assert receiver.names == ["jobs_created"]
    (job,) = sagemaker.jobs.values()
    job["ProcessingJobStatus"] = "Completed"

    make_task().step(context).resume({})

    assert receiver.names == ["jobs_created", "jobs_succeeded", "job_duration"]


def test_a_failed_job_is_counted(
    receiver: Receiver, make_task: Any, context: Any, sagemaker: Any, connection: Any
) -> None:
    connection.clients["logs"] = NoLogs()
    sagemaker.ending = {"ProcessingJobStatus": "Failed", "FailureReason": "AlgorithmError: exit 1"}

    with pytest.raises(StepFailedError):
        make_task().step(context).start()

    assert receiver.names == ["jobs_created", "jobs_failed", "job_duration"]


def test_a_found_job_is_not_counted_again(receiver: Receiver, make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    for context["ti"].try_number in (1, 2):
        with pytest.raises(DeferredError):
            make_task().step(context).start()

    assert receiver.names == ["jobs_created"]


def test_without_a_receiver_a_metric_does_nothing(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a socket was opened"))
    initialize(factory=NoStatsLogger, export_legacy_names=True)

    count_ended(context, "Training", Outcome.FAILED, timedelta(seconds=1))
