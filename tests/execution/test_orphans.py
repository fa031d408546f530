"""Finding running resources that no live task owns."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws.tags import Owner, owner_tags
from airflow_sm_pipelines.execution import orphans
from airflow_sm_pipelines.execution.orphans import find_orphans, stop_orphan
from airflow_sm_pipelines.semantics.ownership import ABSENT


@pytest.fixture
def run_job(sagemaker: Any) -> Any:
    """Start a job with some tags."""
    sagemaker.ending = None

    def create(name: str, tags: list[dict[str, str]]) -> None:
        sagemaker.create_processing_job(ProcessingJobName=name, Tags=tags)

    return create


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str | None, str | None]]:
    """State and recorded resource of each task, by its id."""
    found: dict[str, tuple[str | None, str | None]] = {}
    monkeypatch.setattr(orphans, "_task_facts", lambda owner, _name: found[owner.task_id])
    return found


def owned_by(task_id: str, deployment: str = "blue") -> list[dict[str, str]]:
    return owner_tags(Owner(deployment, "dag", "run", task_id))


def test_only_what_no_live_task_of_the_deployment_owns_is_an_orphan(connection: Any, run_job: Any, facts: Any) -> None:
    run_job("of-live-task", owned_by("Live"))
    run_job("of-failed-task", owned_by("Failed"))
    run_job("of-deleted-run", owned_by("Deleted"))
    run_job("of-earlier-attempt", owned_by("Retried"))
    run_job("of-other-deployment", owned_by("Failed", deployment="green"))
    run_job("of-somebody-else", [{"Key": "team", "Value": "ml"}])
    facts.update(
        {
            "Live": ("deferred", "of-live-task"),
            "Failed": ("failed", "of-failed-task"),
            "Deleted": (ABSENT, None),
            "Retried": ("running", "of-this-attempt"),
        }
    )

    found = {orphan.name: orphan.state for orphan in find_orphans(connection, "blue")}

    assert found == {"of-failed-task": "failed", "of-deleted-run": ABSENT, "of-earlier-attempt": "running"}


def test_an_orphan_is_stopped_once(connection: Any, sagemaker: Any, run_job: Any, facts: Any) -> None:
    run_job("job", owned_by("Failed"))
    facts["Failed"] = ("failed", "job")
    (orphan,) = find_orphans(connection, "blue")

    assert stop_orphan(connection, orphan) is True
    assert stop_orphan(connection, orphan) is False
    assert sagemaker.jobs["job"]["ProcessingJobStatus"] == "Stopped"
    assert list(find_orphans(connection, "blue")) == []
