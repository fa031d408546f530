"""The JSON Schemas of the reports that commands print; `make schemas` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
from pydantic import JsonValue, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from airflow_sm_pipelines.executions.run_reports import RunLine, RunSteps
from airflow_sm_pipelines.preview.changes.report import DiffReport
from airflow_sm_pipelines.preview.comparison.report import CompareReport
from airflow_sm_pipelines.preview.permissions.reports import IamPolicyReport
from airflow_sm_pipelines.preview.preflight.reports import PreflightReport
from airflow_sm_pipelines.preview.pull_report import PullReport
from airflow_sm_pipelines.preview.reports import CheckReport, GraphReport, PlanReport, ResolveReport, SchedulesReport
from airflow_sm_pipelines.rehearsal.report import RehearsalReport

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
REPORTS: dict[str, Any] = {
    "check": list[CheckReport],
    "compare": CompareReport,
    "diff": DiffReport,
    "graph": GraphReport,
    "iam-policy": IamPolicyReport,
    "plan": PlanReport,
    "preflight": PreflightReport,
    "pull": PullReport,
    "rehearse": RehearsalReport | list[RehearsalReport],
    "resolve": ResolveReport,
    "result": JsonValue,
    "runs": list[RunLine],
    "schedules": SchedulesReport,
    "start": RunSteps,
    "steps": RunSteps,
    "stop": RunLine,
}
"""Command -> what it prints with ``--format json``."""


class WithoutTitles(GenerateJsonSchema):
    """Leaves out titles that only repeat the name of a member."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema(command: str) -> dict[str, Any]:
    """Return the JSON Schema of what a command prints."""
    made = TypeAdapter(REPORTS[command]).json_schema(mode="serialization", schema_generator=WithoutTitles)
    dialect = GenerateJsonSchema.schema_dialect
    return {"$schema": dialect, "title": f"sm-pipelines {command} --format json", **made}


def schema_text(command: str) -> str:
    """Return the text of a command's schema file."""
    return json.dumps(schema(command), indent=2) + "\n"


def complain(command: str, document: Any) -> list[str]:
    """Return the errors of a report; a member that the schema does not name is one, too."""
    strict = _closed(schema(command))
    return [error.message for error in jsonschema.Draft202012Validator(strict).iter_errors(document)]


def _closed(part: Any) -> Any:
    if isinstance(part, list):
        return [_closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: _closed(one) for name, one in part.items()}
    return {**found, "additionalProperties": False} if "properties" in part else found


def main() -> None:
    """Write the schema files."""
    FOLDER.mkdir(exist_ok=True)
    for command in REPORTS:
        (FOLDER / f"{command}.json").write_text(schema_text(command))


if __name__ == "__main__":
    main()
