"""Where the reports of the best candidate are."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws.auto_ml_reports import best_candidate_properties


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
