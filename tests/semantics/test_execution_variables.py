"""The forms of execution variables."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.semantics.execution_variables import (
    entity_name,
    execution_arn,
    execution_time,
    pipeline_arn,
)

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime.fromisoformat("1970-01-03"), datetime.fromisoformat("9999-01-01"), timezones=ZONES)


@pytest.fixture(scope="module")
def model(sagemaker_client: Any) -> Any:
    """The API's own model, which has the patterns."""
    return sagemaker_client.meta.service_model


def test_a_time_is_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))

    assert execution_time(moment) == "2026-01-02T01:04:05.678Z"
    assert execution_time(moment.replace(microsecond=0)) == "2026-01-02T01:04:05.000Z"


@given(moment=MOMENTS)
def test_every_time_has_one_form_that_python_reads_back(moment: datetime) -> None:
    text = execution_time(moment)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert datetime.fromisoformat(text) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@given(one=MOMENTS, other=MOMENTS)
def test_times_compare_as_texts_as_they_do_as_times(one: datetime, other: datetime) -> None:
    """A condition may compare them with each other, or with a text of the definition."""
    if abs(one - other) >= timedelta(milliseconds=1):
        assert (execution_time(one) < execution_time(other)) == (one < other)


def test_a_start_compares_with_a_day() -> None:
    assert execution_time(datetime(2026, 1, 2, tzinfo=UTC)) > "2026-01-01T00:00:00Z"
    assert execution_time(datetime(2026, 1, 2, tzinfo=UTC)) > "2026-01-02"


@given(
    partition=st.sampled_from(["aws", "aws-cn", "aws-us-gov"]),
    region=st.from_regex(r"[a-z]{2}-[a-z]{4,9}-[0-9]", fullmatch=True),
    account=st.from_regex(r"[0-9]{12}", fullmatch=True),
    name=st.from_regex(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,40}", fullmatch=True),
    execution=st.from_regex(r"[a-z0-9]{12}", fullmatch=True),
)
def test_arns_are_such_as_the_api_takes(
    model: Any, partition: str, region: str, account: str, name: str, execution: str
) -> None:
    pipeline = pipeline_arn(partition, region, account, name)
    own = execution_arn(pipeline, execution)

    assert re.fullmatch(model.shape_for("PipelineArn").metadata["pattern"], pipeline)
    assert re.fullmatch(model.shape_for("PipelineExecutionArn").metadata["pattern"], own)
    assert pipeline.split(":")[-1] == f"pipeline/{name}", "the name keeps its case"
    assert own == f"{pipeline}/execution/{execution}"


@given(name=st.text(min_size=1, max_size=300))
def test_every_dag_id_gives_the_name_of_an_experiment(model: Any, name: str) -> None:
    rule = model.shape_for("ExperimentEntityName").metadata

    assert re.fullmatch(rule["pattern"], entity_name(name))
    assert len(entity_name(name)) <= rule["max"]


@given(name=st.from_regex(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,50}", fullmatch=True))
def test_the_name_of_a_pipeline_of_the_service_is_kept(name: str) -> None:
    assert entity_name(name[:82].rstrip("-")) == name[:82].rstrip("-")


def test_underscores_and_dots_of_a_dag_id_become_hyphens() -> None:
    assert entity_name("team.abalone_v2") == "team-abalone-v2"
