"""Job steps against the local AWS of a rehearsal: model customization jobs, by category and name."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.kinds import MODEL_CUSTOMIZATION_JOB
from airflow_sm_pipelines.definition.paths import look_up, parse_path
from airflow_sm_pipelines.errors import StepError, StepFailedError
from airflow_sm_pipelines.execution import step_run
from airflow_sm_pipelines.execution.records import RECORD_KEY

pytestmark = pytest.mark.loopback

DOCUMENT = '{"BaseModelArn": "arn:x", "OutputDataConfig": {"S3OutputPath": "s3://bucket/out/"}}'


@pytest.fixture
def task(make_tasks: Any, ti: Any, hosting: Any) -> Any:
    arguments = {
        "JobCategory": "AgentRFT",
        "JobConfigSchemaVersion": "1.0.0",
        "JobConfigDocument": DOCUMENT,
    }
    role = "arn:aws:iam::123456789012:role/Pipeline"
    task = make_tasks({"Name": "Tune", "Type": "Job", "Arguments": arguments}, role_arn=role)["Tune"]
    ti.task_id, ti.task = task.task_id, task
    return task


def test_a_job_is_run_and_a_reference_enters_its_document(task: Any, context: Any) -> None:
    properties = task.execute(context)

    assert properties["JobStatus"] == "Completed"
    assert look_up(properties, parse_path("JobConfigDocument.BaseModelArn")) == "arn:x"
    assert context["task_state_store"].get(RECORD_KEY)["reference"] == f"AgentRFT/{properties['JobName']}"


def test_a_failed_job_fails_the_step(task: Any, context: Any, fail_deployments: Any) -> None:
    fail_deployments("CreateJob", "ResourceLimitExceeded: the limit is 1 job")

    with pytest.raises(StepFailedError, match="ended Failed: ResourceLimitExceeded") as caught:
        task.execute(context)

    assert caught.value.exception_type == "SageMaker.RESOURCE_LIMIT"


@pytest.mark.parametrize("before", [True, False], ids=["before-a-call", "after-a-call"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_crash_at_any_call_makes_one_job(
    task: Any, context: Any, hosting: Any, through: Any, before: bool, at: int
) -> None:
    already = len(hosting.list_jobs(JobCategory="AgentRFT", MaxResults=100)["JobSummaries"])
    crashing = through(at, before=before)
    with pytest.raises(crashing.Crashed):
        task.execute(context)
    through()
    context["ti"].try_number = 2

    assert task.execute(context)["JobStatus"] == "Completed"
    assert len(hosting.list_jobs(JobCategory="AgentRFT", MaxResults=100)["JobSummaries"]) == already + 1


def test_a_killed_task_stops_its_job(task: Any, context: Any, hosting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_run, "task_state", lambda *_: "failed")
    described, stopped = hosting.describe_job, []

    def running(**request: Any) -> Any:
        task.on_kill()
        return {**described(**request), "JobStatus": "InProgress"}

    monkeypatch.setattr(hosting, "describe_job", running)
    monkeypatch.setattr(hosting, "stop_job", lambda **request: stopped.append(request) or {})

    with pytest.raises(StepError, match="its job was stopped"):
        task.execute(context)

    assert [request["JobCategory"] for request in stopped] == ["AgentRFT"]


def test_running_jobs_of_all_categories_are_found_by_name(hosting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def list_jobs(**request: Any) -> dict[str, Any]:
        asked.append(request)
        if request["JobCategory"] != "AgentRFTEvaluation" or request["StatusEquals"] != "InProgress":
            return {"JobSummaries": []}
        return {"JobSummaries": [{"JobName": "pipelines-x-1", "JobArn": "arn"}]}

    monkeypatch.setattr(hosting, "list_jobs", list_jobs)

    found = list(jobs.running(hosting, MODEL_CUSTOMIZATION_JOB, "pipelines-x"))

    assert found == [("AgentRFTEvaluation/pipelines-x-1", "arn")]
    assert {request["NameContains"] for request in asked} == {"pipelines-x"}
    assert len({request["JobCategory"] for request in asked}) > 1
