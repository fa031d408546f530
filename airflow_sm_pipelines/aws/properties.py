"""From a Describe response to a step's properties.

A step's properties are the Describe response of its resource (developer guide, "Step properties"): the values that
``Get: Steps.<name>…`` references read, published as the task's ``return_value``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_sm_pipelines.aws.calls import Body

# Member of BestCandidateProperties -> prefix in the best candidate's CandidateArtifactLocations, file below it.
# Source: the SDK's integration test of the AutoML step compares what the service puts there with these files.
_BEST_CANDIDATE_REPORTS = {
    "ModelInsightsJsonReportPath": ("ModelInsights", "statistics.json"),
    "ExplainabilityJsonReportPath": ("Explainability", "analysis.json"),
}

BEST_CANDIDATE_PROPERTIES = tuple(_BEST_CANDIDATE_REPORTS)
"""Members of ``BestCandidateProperties``."""


def plain_properties(description: Body) -> dict[str, Any]:
    """Return a Describe response as plain JSON: ISO 8601 times, no response metadata.

    Args:
        description: The response as boto3 returns it.
    """
    return {key: _plain(value) for key, value in description.items() if key != "ResponseMetadata"}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def best_candidate_properties(description: Body) -> dict[str, str]:
    """Return ``BestCandidateProperties`` of an AutoML job: the S3 URIs of the JSON reports that its best candidate has.

    Args:
        description: The DescribeAutoMLJob response.
    """
    candidate = description.get("BestCandidate") or {}
    places = (candidate.get("CandidateProperties") or {}).get("CandidateArtifactLocations") or {}
    return {
        member: f"{places[prefix].rstrip('/')}/{file}"
        for member, (prefix, file) in _BEST_CANDIDATE_REPORTS.items()
        if places.get(prefix)
    }
