"""Pipelines through ``dag.test()``: branches, triggers and texts on a real Airflow task path."""

from __future__ import annotations

from collections.abc import Callable

import boto3
import pytest

from tests.integration.conftest import Ended

RunDag = Callable[..., Ended]

# Airflow's own test path warns of what it uses itself (starlette's test client, SQLAlchemy's legacy API).
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]


@pytest.mark.parametrize("dag", ["branches", "branches_grouped"])
def test_the_chosen_branches_run_and_the_others_are_skipped(run_dag: RunDag, dag: str) -> None:
    tested = run_dag(dag, Outer=True, Inner=True)
    assert tested.tasks == {
        "OuterChoice": "success",
        "InnerChoice": "success",
        "InnerIf": "success",
        "InnerElse": "skipped",
        "Work": "skipped",
        "Notify": "skipped",
        "AfterOuter": "success",
        "AfterBoth": "skipped",
        "Always": "skipped",
        "pipeline_status": "success",
    }
    assert tested.state == "success"
    assert tested.xcoms["OuterChoice"] == {"Outcome": True}
    assert tested.xcoms["AfterOuter"] == {"Outcome": True}


def test_a_failed_step_runs_those_that_wait_for_its_failure_and_the_run_fails(run_dag: RunDag) -> None:
    tested = run_dag("branches", Outer=False, ExitCode=1)
    assert tested.tasks == {
        "OuterChoice": "success",
        "InnerChoice": "skipped",
        "InnerIf": "skipped",
        "InnerElse": "skipped",
        "Work": "failed",
        "Notify": "success",
        "AfterOuter": "success",
        "AfterBoth": "skipped",
        "Always": "success",
        "pipeline_status": "failed",
    }
    assert tested.state == "failed", "CompletedWithFailures is a failed run"
    assert tested.xcoms["Notify"] == {"Outcome": True}, "the properties of a failed step can be read"
    assert tested.xcoms["Work"]["ProcessingJobStatus"] == "Failed"


def test_a_step_that_waits_for_a_failure_is_skipped_after_success(run_dag: RunDag) -> None:
    tested = run_dag("branches", Outer=False, ExitCode=0)
    assert tested.tasks["Work"] == "success"
    assert tested.tasks["Notify"] == "skipped"
    assert tested.tasks["Always"] == "success"
    assert tested.state == "success"


def test_text_reaches_the_api_and_the_job_verbatim(run_dag: RunDag) -> None:
    tested = run_dag("verbatim")
    assert tested.state == "success", tested.tasks
    assert tested.xcoms["Read"] == {"Outcome": True}
    properties = tested.xcoms["Echo"]
    sent = boto3.client("sagemaker").describe_processing_job(ProcessingJobName=properties["ProcessingJobName"])
    environment = sent["Environment"]
    assert environment["JINJA"] == "{{ ds }} {% raw %} {# c #}"
    assert environment["FILE"] == "run.sh"
    assert environment["QUOTES"] == 'it\'s "q" \\ \n'
    assert environment["UNICODE"] == "naïve – 日本 ✓"
    assert environment["PARAMETER"] == "{{ ds }} from a parameter.sh"
    assert environment["JOB"] == properties["ProcessingJobName"]
    assert properties["ProcessingJobName"].startswith(f"pipelines-{environment['RUN']}-Echo-")


def test_a_parameter_keeps_its_type_on_the_way_to_the_api(run_dag: RunDag) -> None:
    tested = run_dag("verbatim", Volume=7)
    assert tested.xcoms["Echo"]["ProcessingResources"]["ClusterConfig"]["VolumeSizeInGB"] == 7


def test_a_parameter_of_the_wrong_type_fails_the_run(run_dag: RunDag) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match="Volume"):
        run_dag("verbatim", Volume="seven")
