"""Links from a task in Airflow's UI, as the API server resolves them."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from airflow_sm_pipelines import pipeline_dag
from airflow_sm_pipelines.execution.links import CacheSourceLink, registered_links
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.execution.xcoms import CACHE_KEY, PROPERTIES_KEY
from tests.airflow_database import Database

NAME = "pipelines-abcdef012345-Step-t0k3nt0k3n-0"
ATTEMPT = {
    "epoch": "3/3",
    "name": NAME,
    "reference": NAME,
    "submitted_at": "2026-01-02T03:04:05+00:00",
    "kind": "training-job",
    "region": "eu-west-1",
    "partition": "aws",
    "type": "job",
}
TASK = SimpleNamespace(dag_id="dag", run_id="run", task_id="Ask", map_index=-1, try_number=1)


def publish(database: Database, key: str, value: Any) -> None:
    """Write an XCom as Airflow's API server does, whose workers send JSON text."""
    from airflow.models.xcom import XComModel

    stored = XComModel.serialize_value(value)
    place = {"dag_run_id": 7, "dag_id": "dag", "run_id": "run", "task_id": "Ask", "map_index": -1}
    database.insert(XComModel, key=key, value=stored, timestamp=datetime.now(UTC), **place)


def links(**task: Any) -> dict[str, str]:
    """The links of a task, by name, without empty ones."""
    key: Any = SimpleNamespace(**{**vars(TASK), **task})
    operator: Any = None
    found = {link.name: link.get_link(operator, ti_key=key) for link in registered_links()}
    return {name: url for name, url in found.items() if url}


def test_a_task_links_to_its_job_as_soon_as_aws_has_it(database: Database) -> None:
    assert links() == {}

    database.put(RECORD_KEY, {**ATTEMPT, "submitted_at": ""})
    assert links() == {}, "there may be no such job"

    database.put(RECORD_KEY, ATTEMPT)
    found = links()
    assert found["SageMaker console"].endswith(f"#/jobs/{NAME}")
    assert NAME in found["CloudWatch logs"]
    assert "S3 outputs" not in found


def test_a_task_of_another_step_has_no_links_from_it(database: Database) -> None:
    database.put(RECORD_KEY, ATTEMPT)

    assert links(task_id="Other") == links(run_id="other") == links(map_index=3) == {}


def test_a_job_that_has_ended_links_to_its_outputs(database: Database) -> None:
    database.put(RECORD_KEY, ATTEMPT)
    publish(database, PROPERTIES_KEY, {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/job/output/model.tar.gz"}})

    assert links()["S3 outputs"].endswith("/s3/buckets/b?region=eu-west-1&prefix=job%2Foutput%2F")


def test_properties_that_a_backend_of_the_deployment_keeps_elsewhere_lead_nowhere(database: Database) -> None:
    database.put(RECORD_KEY, ATTEMPT)
    publish(database, PROPERTIES_KEY, "s3://xcoms/key")

    assert "S3 outputs" not in links()


def test_behind_a_custom_endpoint_a_job_has_no_links(database: Database) -> None:
    database.put(RECORD_KEY, {**ATTEMPT, "partition": ""})
    publish(database, PROPERTIES_KEY, {"ModelArtifacts": {"S3ModelArtifacts": "s3://b/job/output/model.tar.gz"}})

    assert links() == {}


@pytest.mark.parametrize("record", [{"type": "invocation", "epoch": "3/3"}, {**ATTEMPT, "kind": "of-a-newer-version"}])
def test_a_task_without_a_job_that_we_know_has_no_links(database: Database, record: dict[str, str]) -> None:
    database.put(RECORD_KEY, record)

    assert links() == {}


def test_a_reused_result_links_to_the_job_and_to_the_run_that_it_is_from(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/team/")
    database.put(RECORD_KEY, {**ATTEMPT, "submitted_at": ""})
    run_id = "manual__2026-01-02T03:04:05+00:00"
    publish(database, CACHE_KEY, {"outcome": "hit", "run_id": run_id, "resource": "earlier"})

    found = links()

    assert found["SageMaker console"].endswith("#/jobs/earlier")
    assert found["Reused run"] == (
        "https://airflow.example/team/dags/dag/runs/manual__2026-01-02T03%3A04%3A05%2B00%3A00/tasks/Ask"
    )


def test_without_an_address_of_the_api_server_the_link_is_one_within_its_pages(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "")
    publish(database, CACHE_KEY, {"outcome": "hit", "run_id": "a b", "resource": ""})

    assert links() == {"Reused run": "/dags/dag/runs/a%20b/tasks/Ask"}


def test_a_step_that_has_run_has_no_link_to_a_reused_run(database: Database) -> None:
    publish(database, CACHE_KEY, {"outcome": "miss", "because": "no earlier run has a result to reuse"})

    assert links() == {}


# -- which tasks have which links --------------------------------------------------------------------------------------


def names_of(step_type: str) -> set[str]:
    from airflow_sm_pipelines.catalog import CATALOG

    operator = CATALOG[step_type].operator_class()
    return {link.name for link in registered_links() if operator in link.operators}


@pytest.mark.parametrize(
    ("step_type", "names"),
    [
        ("Training", {"SageMaker console", "CloudWatch logs", "S3 outputs", "Reused run"}),
        ("RegisterModel", {"Model package"}),
        ("Endpoint", {"Endpoint", "CloudWatch logs"}),
        ("EMR", {"EMR console", "Reused run"}),
        ("Callback", {"Reused run"}),
        ("Condition", set()),
    ],
)
def test_a_task_has_the_links_that_fit_its_step(step_type: str, names: set[str]) -> None:
    assert names_of(step_type) == names


def test_airflow_lays_the_links_over_the_tasks_that_the_api_server_reads(
    definition: Any, processing_arguments: Any, database: Database
) -> None:
    """Through Airflow's own plugin manager: the package is installed here, and its plugin is an entry point."""
    database.put(RECORD_KEY, {**ATTEMPT, "kind": "processing-job"})
    step = {"Name": "A", "Type": "Processing", "Arguments": processing_arguments}
    dag = pipeline_dag(definition(step), dag_id="dag")
    served = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("A")
    ti: Any = SimpleNamespace(key=TASK)

    assert served.get_extra_links(ti, "SageMaker console").endswith(f"#/processing-jobs/{NAME}")
    assert served.get_extra_links(ti, CacheSourceLink.name) == ""
