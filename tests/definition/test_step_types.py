from __future__ import annotations

import json
from pathlib import Path

import botocore.session
import pytest

from airflow_sm_pipelines.definition.step_types import STEP_TYPES, TYPES_WITHOUT_PUBLIC_SYNTAX

GOLDEN = Path(__file__).parent.parent / "golden"


def test_there_are_22_types_and_each_row_has_its_own_name():
    assert len(STEP_TYPES) == 22
    assert all(name == row.name for name, row in STEP_TYPES.items())
    assert not STEP_TYPES.keys() & TYPES_WITHOUT_PUBLIC_SYNTAX


# Members of PipelineExecutionStepMetadata that are called otherwise than their step type.
CALLED_OTHERWISE = {
    "TrainingJob": "Training",
    "ProcessingJob": "Processing",
    "TransformJob": "Transform",
    "TuningJob": "Tuning",
    "AutoMLJob": "AutoML",
}


def types_that_the_api_knows() -> set[str]:
    model = botocore.session.get_session().get_service_model("sagemaker")
    members = model.shape_for("PipelineExecutionStepMetadata").members
    return {CALLED_OTHERWISE.get(name, name) for name in members}


def test_every_type_that_the_api_knows_is_one_of_the_language_or_known_to_be_not_public():
    assert types_that_the_api_knows() <= STEP_TYPES.keys() | TYPES_WITHOUT_PUBLIC_SYNTAX


@pytest.mark.newest
def test_every_type_that_is_known_to_be_not_public_is_in_the_newest_api():
    known = types_that_the_api_knows()
    assert known >= TYPES_WITHOUT_PUBLIC_SYNTAX - {"Compilation"}  # an unreleased branch of the SDK has it


# Developer guide and SDK: which members the steps of a type may have.
@pytest.mark.parametrize(
    ("types", "retries", "caching"),
    [
        (("Processing", "Training", "Tuning", "AutoML", "Transform", "EndpointConfig"), True, True),
        (("EMR", "EMRServerless", "Job", "QualityCheck", "ClarifyCheck"), True, True),
        (("Model", "RegisterModel"), True, False),
        (("Endpoint", "Lambda", "Callback"), False, True),
        (("InferenceComponent", "Lineage", "Fail", "Condition", "Cleanup", "ForEach"), False, False),
    ],
)
def test_retry_policies_and_caching(types, retries, caching):
    for name in types:
        assert (bool(STEP_TYPES[name].retry_exceptions), STEP_TYPES[name].caching) == (retries, caching)


def test_only_processing_has_property_files():
    assert [name for name, row in STEP_TYPES.items() if row.property_files] == ["Processing"]


def test_only_lambda_and_callback_have_payloads():
    assert {name for name, row in STEP_TYPES.items() if row.payload} == {"Lambda", "Callback"}


def test_only_a_fail_step_is_final():
    assert [name for name, row in STEP_TYPES.items() if row.final] == ["Fail"]


def test_the_golden_definitions_have_steps_of_every_type():
    graphs = [json.loads(file.read_text()) for file in GOLDEN.glob("*.graph.json")]
    assert {step["type"] for graph in graphs for step in graph["steps"]} == STEP_TYPES.keys()
