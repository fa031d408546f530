"""The outputs of Model Monitor and Clarify jobs in a rehearsal: AWS's file names, nothing computed.

Files: developer guide, "Schema for Statistics", "Schema for Constraints", "Schema for Violations", and for Clarify
"Run SageMaker Clarify Processing Jobs", "Bias Drift Violations", "Model Feature Attribution Drift Violations".
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.services.sagemaker.containers.images import is_clarify, is_model_monitor
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import NOTE

_VIOLATIONS_FILE = "constraint_violations.json"
_BASELINE_VARIABLE = "baseline_constraints"
"""A job with this environment variable checks its data against a baseline."""

_LABEL: JsonObject = {"rehearsal": NOTE}
_QUALITY: Mapping[str, Json] = {
    "statistics.json": {**_LABEL, "version": 0.0, "dataset": {"item_count": 0}, "features": []},
    "constraints.json": {**_LABEL, "version": 0.0, "features": []},
}
_CLARIFY_REPORTS: Mapping[str, Json] = {
    "analysis.json": {**_LABEL, "version": "1.0"},
    "report.html": _LABEL,
    "report.ipynb": _LABEL,
    "report.pdf": _LABEL,
}
_QUALITY_VIOLATION: JsonObject = {
    "feature_name": "rehearsal",
    "constraint_check_type": "data_type_check",
    "description": NOTE,
}
_CLARIFY_VIOLATION: JsonObject = {
    "facet": "rehearsal",
    "facet_value": "0",
    "metric_name": "CI",
    "constraint_check_type": "bias_drift_check",
    "description": NOTE,
}


def check_documents(request: Document) -> JsonObject:
    """Return the documents that a check puts out, by file name; none for a job with another image.

    Args:
        request: The CreateProcessingJob request.
    """
    documents = _documents(request["AppSpecification"]["ImageUri"])
    return {**documents, **_report(request, [])} if documents else {}


def found_violation(request: Document) -> JsonObject:
    """Return the report of a check that finds a violation, by file name; none for a job that checks nothing.

    The image does not matter: a check may use a copy of AWS's image under another name, or an image of its own.

    Args:
        request: The CreateProcessingJob request.
    """
    is_of_clarify = is_clarify(request["AppSpecification"]["ImageUri"])
    return _report(request, [_CLARIFY_VIOLATION if is_of_clarify else _QUALITY_VIOLATION])


def _documents(image: str) -> Mapping[str, Json]:
    if is_model_monitor(image):
        return _QUALITY
    return _CLARIFY_REPORTS if is_clarify(image) else {}


def _report(request: Document, violations: list[Json]) -> JsonObject:
    if _BASELINE_VARIABLE not in request.get("Environment", {}):
        return {}
    return {_VIOLATIONS_FILE: {**_LABEL, "violations": violations}}
