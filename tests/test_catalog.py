"""The catalogue: a type that lacks an entry anywhere fails here, with the name of the place."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.job_facts import PLACES
from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS
from airflow_sm_pipelines.aws.requests.names import longest_prefix
from airflow_sm_pipelines.catalog import CATALOG, AnsweredBy, StepTypeRow
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.operators.base import JobOperator, StepOperator
from airflow_sm_pipelines.preview.placeholders import PlaceholderScope
from airflow_sm_pipelines.preview.planned_calls import planned_calls
from airflow_sm_pipelines.rehearsal.outcomes import OUTCOMES
from airflow_sm_pipelines.rehearsal.stand_in.job_outputs import OUTPUTS

TESTS = Path(__file__).parent
DEFINITIONS = [
    *(file for file in (TESTS / "golden").glob("*.json") if not file.name.endswith(".graph.json")),
    *(TESTS / "integration" / "definitions").glob("*.json"),
]

every_row = pytest.mark.parametrize("row", CATALOG.values(), ids=lambda row: row.step_type)


def kinds_of(row: StepTypeRow) -> list[Any]:
    return [kind for kind in (row.kind, row.own_kind) if kind]


def test_the_language_and_the_catalogue_know_the_same_types() -> None:
    assert CATALOG.keys() == STEP_TYPES.keys()


@every_row
def test_a_row_leads_to_an_operator_and_a_builder(row: StepTypeRow) -> None:
    assert issubclass(row.operator_class(), JobOperator if row.kind else StepOperator)
    if row.calls:
        assert inspect.isgeneratorfunction(row.builder())
    assert bool(row.kind) == (row.answered_by is AnsweredBy.AWS)


def test_every_resource_belongs_to_a_type() -> None:
    assert {kind.key for row in CATALOG.values() for kind in kinds_of(row)} == RESOURCE_KINDS.keys()


@every_row
def test_a_resource_of_a_step_has_a_protocol_and_a_page(row: StepTypeRow) -> None:
    for kind in kinds_of(row):
        assert kind.protocol in jobs.PROTOCOLS, f"aws/jobs.py: protocol {kind.protocol}"
        assert kind.console_path, "aws/kinds: console_path"
        assert kind.iam_actions, "aws/kinds: iam_actions"
        assert kind.key in PLACES, "aws/job_facts: a row of PLACES"


@every_row
def test_a_name_of_the_definition_is_a_prefix_of_the_length_that_the_language_allows(row: StepTypeRow) -> None:
    prefixed = {
        (kind.name_member, longest_prefix(kind.name_limit))
        for kind in kinds_of(row)
        if kind.service == "sagemaker" and not kind.token_member and not kind.verbatim_name
    }
    declared = STEP_TYPES[row.step_type].name_prefix
    assert prefixed == ({declared} if declared else set()), "definition/step_types.py: name_prefix"


@every_row
def test_outcomes_of_a_rehearsal_follow_from_the_row(row: StepTypeRow) -> None:
    waits = any(kind.status_member for kind in kinds_of(row)) and row.step_type != "RegisterModel"
    assert (row.step_type in OUTCOMES) == (waits or row.answered_by in (AnsweredBy.FUNCTION, AnsweredBy.PEOPLE))


def test_every_job_of_sagemaker_has_its_outputs_in_a_rehearsal() -> None:
    jobs_of_sagemaker = {
        kind.create.removeprefix("Create")
        for kind in RESOURCE_KINDS.values()
        if kind.service == "sagemaker" and kind.stop
    }
    # The outputs of a tuning job are those of its training jobs.
    assert jobs_of_sagemaker - {"HyperParameterTuningJob"} == OUTPUTS.keys(), "rehearsal/stand_in/job_outputs.py"


@pytest.mark.loopback
def test_the_local_aws_has_every_operation_of_every_resource() -> None:
    from botocore.config import Config
    from botocore.exceptions import ClientError

    from airflow_sm_pipelines.local.server.local_aws import LocalAws

    missing = []
    with LocalAws(sandbox="rewrite") as aws:
        for kind in RESOURCE_KINDS.values():
            client: Any = boto3.client(
                kind.service,
                endpoint_url=aws.endpoint_url,
                region_name="us-west-2",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
            )
            for operation in filter(None, (kind.create, kind.describe, kind.stop, kind.list)):
                shape = client.meta.service_model.operation_model(operation).input_shape
                request = {name: "x" for name in shape.required_members if shape.members[name].type_name == "string"}
                try:
                    getattr(client, xform_name(operation))(**request)
                except ClientError as error:
                    if error.response["Error"]["Code"] == "UnknownOperationException":
                        missing.append(f"local/services: {kind.service}:{operation}")
    assert missing == []


@every_row
def test_a_definition_of_ours_has_such_a_step_and_a_plan_shows_its_calls(row: StepTypeRow) -> None:
    for file in DEFINITIONS:
        pipeline = load_pipeline(file)
        for step in pipeline.steps:
            if step.type == row.step_type and (not row.calls or step.arguments):
                calls = planned_calls(step, pipeline, PlaceholderScope(pipeline, {})).calls
                assert bool(calls) == bool(row.calls), f"{file.name}: {step.name}"
                return
    pytest.fail(f"tests/golden or tests/integration/definitions: no definition with a {row.step_type} step")


@every_row
def test_a_type_has_its_section_in_the_pages(row: StepTypeRow) -> None:
    page = (TESTS.parent / "docs" / "step-types.md").read_text()
    assert f"`{row.step_type}`" in page or f"## {row.step_type}" in page, "docs/step-types.md"


def test_a_dag_file_pays_only_for_the_types_that_it_uses() -> None:
    program = """
import json, sys
import airflow_sm_pipelines.translation.translator
print(json.dumps([name for name in sys.modules if name.startswith(("airflow_sm_pipelines.operators",
    "airflow_sm_pipelines.sensors", "airflow_sm_pipelines.aws.requests.lineage"))]))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    own = ("", ".base", ".parallel_steps", ".pipeline_status", ".unresolved_request")
    assert loaded <= {f"airflow_sm_pipelines.operators{name}" for name in own}
