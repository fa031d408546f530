"""Data quality as Model Monitor's image analyses it, on a small scale: statistics, constraints, violations.

Sources: developer guide, "Schema for Statistics", "Schema for Constraints", "Schema for Violations". It reads CSV with
or without a header. It does not compare distributions (``baseline_drift_check``), and says so in the log.
"""

from __future__ import annotations

import csv
import json
import math
import os
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_sm_pipelines.local.runtimes.start import fail

_MOST_DOMAINS = 50
"""*Assumed*: a text column with more distinct values has no domain; AWS says "for small cardinality"."""

_UNSUPPORTED = ("record_preprocessor_script", "post_analytics_processor_script")
_MONITORING_CONFIG = {
    "evaluate_constraints": "Enabled",
    "emit_metrics": "Enabled",
    "datatype_check_threshold": 1.0,
    "domain_content_threshold": 1.0,
    "distribution_constraints": {"perform_comparison": "Disabled"},
}


class DataQualityError(Exception):
    """The job cannot be done."""


def main(base: Path, _: list[str]) -> int:
    """Analyse ``dataset_source`` and write the results to ``output_path``, and return the exit code."""
    try:
        message = _run(os.environ)
    except (DataQualityError, OSError, ValueError) as error:
        return fail(base, f"ClientError: {error}")
    (base / "output").mkdir(parents=True, exist_ok=True)
    (base / "output" / "message").write_text(message)
    print(message)
    return 0


def _run(environment: Mapping[str, str]) -> str:
    if problems := list(_unsupported(environment)):
        raise DataQualityError(f"the local data quality runtime does not support {'; '.join(problems)}")
    columns, items = read_columns(Path(environment["dataset_source"]), _has_header(environment))
    output = Path(environment["output_path"])
    output.mkdir(parents=True, exist_ok=True)
    features = [_Feature(name, values) for name, values in columns.items()]
    dataset = {"item_count": items}
    found = {"version": 0, "dataset": dataset, "features": [one.statistics() for one in features]}
    (output / "statistics.json").write_text(json.dumps(found, indent=2))
    suggested = {"version": 0, "features": [one.constraints() for one in features]}
    constraints = {**suggested, "monitoring_config": _MONITORING_CONFIG}
    (output / "constraints.json").write_text(json.dumps(constraints, indent=2))
    baseline = environment.get("baseline_constraints")
    if not baseline:
        return "Completed: Job completed successfully."
    print("Distributions are not compared here: no baseline_drift_check", file=sys.stderr)
    violations = list(check(columns, json.loads(Path(baseline).read_text())))
    (output / "constraint_violations.json").write_text(json.dumps({"violations": violations}, indent=2))
    if violations:
        return f"CompletedWithViolations: Job completed successfully with {len(violations)} violations."
    return "Completed: Job completed successfully with no violations."


def _unsupported(environment: Mapping[str, str]) -> Iterator[str]:
    if environment.get("analysis_type", "DATA_QUALITY") != "DATA_QUALITY":
        yield f"analysis_type {environment['analysis_type']}"
    yield from (name for name in _UNSUPPORTED if environment.get(name))


def _has_header(environment: Mapping[str, str]) -> bool:
    text = environment.get("dataset_format", "")
    described = json.loads(text) if text else {}
    if not isinstance(described, dict) or not isinstance(described.get("csv"), dict):
        raise DataQualityError(f"the local data quality runtime reads CSV only, not dataset_format {text}")
    return bool(described["csv"].get("header"))


def read_columns(folder: Path, has_header: bool) -> tuple[dict[str, list[str]], int]:
    """Return the values of each column of all files in a folder, and the row count; empty text is missing.

    Raises:
        DataQualityError: There are no data, or rows of different length.
    """
    header: list[str] | None = None
    rows: list[list[str]] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_"))):
        with path.open(newline="") as file:
            lines = [line for line in csv.reader(file) if line]
        if has_header and lines:
            header = header or lines[0]
            lines = lines[1:]
        rows += lines
    if not rows:
        raise DataQualityError(f"there are no data in {folder}")
    names = header or [f"_c{index}" for index in range(len(rows[0]))]
    if wrong := next((row for row in rows if len(row) != len(names)), None):
        raise DataQualityError(f"a row has {len(wrong)} values instead of {len(names)}: {','.join(wrong)[:80]}")
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}, len(rows)


def check(columns: Mapping[str, list[str]], baseline: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the violations of a baseline's constraints."""
    expected = {str(one["name"]): one for one in baseline.get("features", ())}
    config = {**_MONITORING_CONFIG, **baseline.get("monitoring_config", {})}
    for name in expected.keys() - columns.keys():
        yield _violation(name, "missing_column_check", "The baseline has this column, the data do not.")
    for name in columns.keys() - expected.keys():
        yield _violation(name, "extra_column_check", "The data have this column, the baseline does not.")
    for name, constraint in expected.items():
        if name in columns:
            yield from _check_column(_Feature(name, columns[name]), constraint, config)


def _check_column(
    feature: _Feature, constraint: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    kind, least = constraint.get("inferred_type", "Unknown"), float(config["datatype_check_threshold"])
    share = feature.share_of(kind)
    if share < least:
        text = f"Data type match requirement is not met. Expected data type: {kind}, Expected match: {least:.2%}."
        yield _violation(feature.name, "data_type_check", f"{text} Observed: Only {share:.2%} of data is {kind}.")
    completeness = float(constraint.get("completeness", 0.0))
    if feature.completeness < completeness:
        text = f"Completeness {feature.completeness:.2%} is below the expected {completeness:.2%}."
        yield _violation(feature.name, "completeness_check", text)
    domains = constraint.get("string_constraints", {}).get("domains")
    if domains and feature.present:
        known = sum(value in domains for value in feature.present) / len(feature.present)
        if known < float(config["domain_content_threshold"]):
            text = f"Only {known:.2%} of the values are among those of the baseline."
            yield _violation(feature.name, "categorical_values_check", text)


def _violation(name: str, kind: str, description: str) -> dict[str, str]:
    return {"feature_name": name, "constraint_check_type": kind, "description": description}


class _Feature:
    """One column."""

    def __init__(self, name: str, values: list[str]) -> None:
        self.name = name
        self.present = [value for value in values if value.strip()]
        self.missing = len(values) - len(self.present)
        self.completeness = len(self.present) / len(values)
        self._kinds = [_kind(value) for value in self.present]
        self.kind = _widest(set(self._kinds))

    def share_of(self, kind: str) -> float:
        """Share of the values that are of a type; a whole number may be Fractional, and everything a String."""
        if not self._kinds or kind not in _KINDS:
            return 1.0
        return sum(_KINDS.index(own) <= _KINDS.index(kind) for own in self._kinds) / len(self._kinds)

    def constraints(self) -> dict[str, Any]:
        suggested: dict[str, Any] = {"name": self.name, "inferred_type": self.kind, "completeness": self.completeness}
        if self.kind in _NUMBERS:
            suggested["num_constraints"] = {"is_non_negative": all(float(value) >= 0 for value in self.present)}
        elif (domains := sorted(set(self.present))) and len(domains) <= _MOST_DOMAINS:
            suggested["string_constraints"] = {"domains": domains}
        return suggested

    def statistics(self) -> dict[str, Any]:
        common = {"num_present": len(self.present), "num_missing": self.missing}
        if self.kind not in _NUMBERS:
            texts = {"common": common, "distinct_count": len(set(self.present))}
            return {"name": self.name, "inferred_type": self.kind, "string_statistics": texts}
        numbers = [float(value) for value in self.present]
        numerical = {
            "common": common,
            "mean": statistics.fmean(numbers),
            "sum": math.fsum(numbers),
            "std_dev": statistics.pstdev(numbers),
            "min": min(numbers),
            "max": max(numbers),
        }
        return {"name": self.name, "inferred_type": self.kind, "numerical_statistics": numerical}


_KINDS = ("Integral", "Fractional", "String")
"""Inferred types, each wider than those before it."""
_NUMBERS = ("Integral", "Fractional")


def _kind(value: str) -> str:
    for kind, convert in (("Integral", int), ("Fractional", float)):
        try:
            number = convert(value)
        except ValueError:
            continue
        if math.isfinite(number):
            return kind
    return "String"


def _widest(kinds: set[str]) -> str:
    return max(kinds, key=_KINDS.index) if kinds else "Unknown"
