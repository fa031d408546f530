"""Links from a task in Airflow's UI."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.execution.job_reference import JobReference
from airflow_sm_pipelines.execution.links import CacheSourceLink, EmrConsoleLink, JobConsoleLink, JobLogsLink


@pytest.mark.parametrize(
    ("link", "method"),
    [(JobConsoleLink(), "console_url"), (EmrConsoleLink(), "console_url"), (JobLogsLink(), "logs_url")],
)
def test_a_task_links_to_its_job_as_soon_as_it_has_one(link: Any, method: str) -> None:
    job = JobReference(PROCESSING_JOB, "pipelines-abcdef012345-Step-t0k3nt0k3n-0", "eu-west-1", "aws")

    assert link.get_link(SimpleNamespace(job=None), ti_key=None) == ""
    assert link.get_link(SimpleNamespace(job=job), ti_key=None) == getattr(job, method)()


# -- the run that a result is from -------------------------------------------------------------------------------------


def cached_task(run_id: str) -> Any:
    return SimpleNamespace(dag_id="my dag", task_id="Train", reused_run=run_id)


def test_a_hit_links_to_the_task_of_the_run_that_computed_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/team/")

    link = CacheSourceLink().get_link(cached_task("manual__2026-01-02T03:04:05+00:00"), ti_key=None)  # type: ignore[arg-type]

    assert link == (
        "https://airflow.example/team/dags/my%20dag/runs/manual__2026-01-02T03%3A04%3A05%2B00%3A00/tasks/Train"
    )


def test_without_an_address_of_the_api_server_the_link_is_one_within_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "")

    assert CacheSourceLink().get_link(cached_task("one"), ti_key=None) == "/dags/my%20dag/runs/one/tasks/Train"  # type: ignore[arg-type]


def test_a_step_that_has_run_has_no_such_link() -> None:
    assert CacheSourceLink().get_link(cached_task(""), ti_key=None) == ""  # type: ignore[arg-type]
