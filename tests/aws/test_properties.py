"""From a Describe response to a step's properties."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_sm_pipelines.aws.properties import best_candidate_properties, plain_properties

CREATED = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def test_properties_are_the_describe_response_without_its_metadata() -> None:
    description = {"ProcessingJobName": "job", "ResponseMetadata": {"RequestId": "1"}, "Environment": {"A": "b"}}

    assert plain_properties(description) == {"ProcessingJobName": "job", "Environment": {"A": "b"}}


def test_only_the_responses_own_metadata_goes() -> None:
    nested = {"Environment": {"ResponseMetadata": "the user's own"}}

    assert plain_properties(nested) == nested


def test_times_are_iso_8601_at_every_depth() -> None:
    cet = CREATED.astimezone(timezone(timedelta(hours=1)))
    description = {"CreationTime": CREATED, "History": [{"At": (cet,)}]}

    assert plain_properties(description) == {
        "CreationTime": "2026-01-02T03:04:05.678000+00:00",
        "History": [{"At": ["2026-01-02T04:04:05.678000+01:00"]}],
    }


def test_other_values_keep_their_types() -> None:
    description = {"InstanceCount": 1, "Rate": 0.5, "Isolated": False, "Name": "1", "Nothing": None, "Empty": []}

    properties = plain_properties(description)

    assert properties == description
    assert json.loads(json.dumps(properties)) == description


# -- where the reports of an AutoML job's best candidate are -------------------------------------------------------


@pytest.mark.parametrize(
    "description",
    [{}, {"BestCandidate": {}}, {"BestCandidate": {"CandidateProperties": {"CandidateArtifactLocations": {}}}}],
)
def test_a_job_without_reports_has_no_paths(description: dict[str, Any]) -> None:
    assert best_candidate_properties(description) == {}


def test_a_report_that_is_there_alone_has_its_path() -> None:
    places = {"CandidateArtifactLocations": {"Explainability": "s3://bucket/why/"}}

    found = best_candidate_properties({"BestCandidate": {"CandidateProperties": places}})

    assert found == {"ExplainabilityJsonReportPath": "s3://bucket/why/analysis.json"}
