"""What the page says of single tasks, and the numbers that it compares over runs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws_json import RefusedRequestError
from airflow_sm_pipelines.pipeline_page.details import safe_links


def details(report: Any, run: str, task: str) -> dict[str, Any]:
    (found,) = report("details", run=run, task=task)["details"]
    return dict(found)


def test_a_job_is_told_with_its_times_machines_metrics_and_links(report: Any) -> None:
    found = details(report, "good", "Train@-1")
    assert found["job"] == "good"
    times = {name: found[name] for name in ("waiting", "provisioning", "running", "billable")}
    assert times == {"waiting": None, "provisioning": 90, "running": 600, "billable": 240}
    assert found["machines"] == ["2 x ml.m5.xlarge"]
    assert found["metrics"] == {"validation:rmse": pytest.approx(0.51)}
    assert found["outputs"] == ["s3://bucket/good/model.tar.gz"]
    (link,) = found["links"]
    assert link["label"] == "SageMaker console"


def test_a_reused_result_names_its_run_and_costs_no_time_here(report: Any) -> None:
    found = details(report, "bad", "Train@-1")
    assert found["cache"] == {"outcome": "hit", "run_id": "good", "resource": "r"}
    assert found["metrics"]
    assert not {"running", "billable", "machines"} & found.keys()


def test_a_condition_is_told_with_what_it_compared(report: Any) -> None:
    found = details(report, "bad", "Check@-1")["condition"]
    assert (found["outcome"], found["conditions"]) == (False, [{"text": "Eval.mse 7.5 <= MaxMse 6", "holds": False}])


def test_a_failure_is_told_with_its_reason(report: Any) -> None:
    assert details(report, "bad", "Stop@-1")["reason"] == "the error is too large"


def test_a_running_step_names_the_job_of_its_attempt(report: Any, airflow: Any) -> None:
    airflow.add_run("abalone", "now")
    airflow.add_task("now", "Train", "TrainingOperator", "deferred")
    record = {"type": "job", "epoch": "4/4", "name": "n", "reference": "job-1", "arn": "arn:aws:x:training-job/job-1"}
    airflow.stored["now", "Train", -1, "sm_pipelines_attempt"] = record
    assert details(report, "now", "Train@-1")["job"] == "job-1"


def test_an_iteration_is_told_by_its_map_index(report: Any, airflow: Any) -> None:
    airflow.add_task("good", "Each.Train", "TrainingOperator", "failed", map_index=3)
    airflow.xcoms["good", "Each.Train", 3, "sm_pipelines_failure"] = "the fourth"
    assert details(report, "good", "Each.Train@3")["reason"] == "the fourth"


def test_a_task_that_is_not_there_is_left_out(report: Any) -> None:
    assert report("details", run="good", task="Gone@-1") == {"details": []}


def test_who_may_not_read_what_tasks_publish_sees_the_rest(report: Any, airflow: Any) -> None:
    refused = RefusedRequestError("AccessDeniedException", "no XComs")
    airflow.refusals["dags", "abalone", "dagRuns", "good", "taskInstances", "~", "xcomEntries"] = refused
    found = details(report, "good", "Train@-1")
    assert found["links"]
    assert (found["job"], found["condition"]) == ("", {})


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", " https://x", "//x", "", None])
def test_a_link_that_is_no_page_of_the_web_is_left_out(url: str | None) -> None:
    assert safe_links({"one": url}) == []


def test_the_numbers_of_a_run_are_its_metrics_and_what_its_conditions_compared(report: Any) -> None:
    assert report("measures", run="good") == {
        "run": "good",
        "metrics": {"Train validation:rmse": pytest.approx(0.51), "Eval.mse": 5.1},
        "billable": 240,
    }


def test_what_a_reused_result_has_cost_is_not_counted_again(report: Any) -> None:
    assert report("measures", run="bad")["billable"] is None


def test_a_step_without_numbers_is_not_asked_for_them(report: Any, airflow: Any) -> None:
    report("measures", run="good")
    assert not [path for path in airflow.asked if "Register" in path]


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:sagemaker:eu-west-1:123456789012:training-job/abalone-1", "abalone-1"),
        ("arn:aws:sagemaker:eu-west-1:123456789012:model-package/abalone/3", "abalone/3"),
        ("arn:aws:emr-serverless:eu-west-1:123456789012:/applications/00app/jobruns/00run", "00run"),
    ],
)
def test_a_job_is_called_what_its_arn_ends_with(report: Any, airflow: Any, arn: str, name: str) -> None:
    airflow.xcoms["good", "Train", -1, "return_value"] = {"TrainingJobArn": arn}
    assert details(report, "good", "Train@-1")["job"] == name
