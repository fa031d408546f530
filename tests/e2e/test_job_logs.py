"""What the log of a task shows of its job on a real scheduler and triggerer, and its links in a real API server."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import World, wait_for

pytestmark = pytest.mark.e2e


def test_the_log_of_a_deferred_task_shows_what_its_job_writes_and_then_a_summary(world: World) -> None:
    run = world.trigger("long_job", Seconds=75)
    run.wait_task("Work", "deferred", timeout=150)

    wait_for(lambda: "sleeping 75 s" in run.log("Work"), 60, "the job's first line in the task's log")
    assert run.task("Work")["state"] == "deferred", "the line is there while the job runs"
    assert run.wait(300) == "success"

    log = run.log("Work")
    assert "is InProgress" in log
    again = log.index("The last lines that the job wrote while this task was deferred:")
    assert log.index("will exit 0") >= 0
    assert again < log.index("Summary of the processing job") < log.index("ARN: arn:aws:sagemaker:")


def test_the_api_server_has_the_links_of_a_task_and_none_leads_to_a_console_behind_a_custom_endpoint(
    world: World,
) -> None:
    run = world.trigger("one_step", Seconds=0)
    assert run.wait(150) == "success"

    answer = world.airflow.api.request("GET", f"dags/one_step/dagRuns/{run.run_id}/taskInstances/Work/links")

    names = {"SageMaker console", "CloudWatch logs", "S3 outputs", "Reused run"}
    assert answer["extra_links"] == dict.fromkeys(names)
