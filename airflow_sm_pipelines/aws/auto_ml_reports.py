"""AutoML jobs: what the Pipelines service publishes beside the Describe response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Member of BestCandidateProperties -> prefix in the best candidate's CandidateArtifactLocations, file below it.
# Source: the SDK's integration test of the AutoML step compares what the service puts there with these files.
_REPORTS = {
    "ModelInsightsJsonReportPath": ("ModelInsights", "statistics.json"),
    "ExplainabilityJsonReportPath": ("Explainability", "analysis.json"),
}


def best_candidate_properties(description: Mapping[str, Any]) -> dict[str, str]:
    """Return ``BestCandidateProperties``: the S3 URIs of the best candidate's JSON reports, as far as it has them.

    Args:
        description: A DescribeAutoMLJob response.
    """
    candidate = description.get("BestCandidate") or {}
    places = (candidate.get("CandidateProperties") or {}).get("CandidateArtifactLocations") or {}
    return {
        member: f"{places[prefix].rstrip('/')}/{file}"
        for member, (prefix, file) in _REPORTS.items()
        if places.get(prefix)
    }
