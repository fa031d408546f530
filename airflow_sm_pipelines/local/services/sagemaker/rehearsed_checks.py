"""What the jobs of Model Monitor and Clarify put out in a rehearsal: AWS's file names, nothing computed.

Files: developer guide, "Schema for Statistics", "Schema for Constraints", "Schema for Violations", and for Clarify
"Run SageMaker Clarify Processing Jobs", "Bias Drift Violations", "Model Feature Attribution Drift Violations".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_sm_pipelines.local.rehearsal import NOTE
from airflow_sm_pipelines.local.services.sagemaker.images import is_clarify, is_model_monitor

_VIOLATIONS_FILE = "constraint_violations.json"
_BASELINE_VARIABLE = "baseline_constraints"
"""A job with this environment variable checks its data against a baseline."""

_LABEL = {"rehearsal": NOTE}
_QUALITY = {
    "statistics.json": {**_LABEL, "version": 0.0, "dataset": {"item_count": 0}, "features": []},
    "constraints.json": {**_LABEL, "version": 0.0, "features": []},
}
_CLARIFY_REPORTS = {
    "analysis.json": {**_LABEL, "version": "1.0"},
    "report.html": _LABEL,
    "report.ipynb": _LABEL,
    "report.pdf": _LABEL,
}
_QUALITY_VIOLATION = {"feature_name": "rehearsal", "constraint_check_type": "data_type_check", "description": NOTE}
_CLARIFY_VIOLATION = {
    "facet": "rehearsal",
    "facet_value": "0",
    "metric_name": "CI",
    "constraint_check_type": "bias_drift_check",
    "description": NOTE,
}


def check_documents(request: Mapping[str, Any]) -> dict[str, Any]:
    """The documents that a check puts out, by file name; none of a job with another image.

    Args:
        request: The CreateProcessingJob request.
    """
    documents = _documents(request["AppSpecification"]["ImageUri"])
    return {**documents, **_report(request, [])} if documents else {}


def found_violation(request: Mapping[str, Any]) -> dict[str, Any]:
    """The report of a check that finds a violation, by file name; none of a job that checks nothing.

    Args:
        request: The CreateProcessingJob request.
    """
    image = request["AppSpecification"]["ImageUri"]
    if not _documents(image):
        return {}
    return _report(request, [_CLARIFY_VIOLATION if is_clarify(image) else _QUALITY_VIOLATION])


def _documents(image: str) -> Mapping[str, Any]:
    if is_model_monitor(image):
        return _QUALITY
    return _CLARIFY_REPORTS if is_clarify(image) else {}


def _report(request: Mapping[str, Any], violations: list[Mapping[str, Any]]) -> dict[str, Any]:
    if _BASELINE_VARIABLE not in request.get("Environment", {}):
        return {}
    return {_VIOLATIONS_FILE: {**_LABEL, "violations": violations}}
