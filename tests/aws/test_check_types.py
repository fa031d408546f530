"""The files of each check type, and where a model package keeps its baseline."""

from __future__ import annotations

import botocore.session
import pytest

from airflow_sm_pipelines.aws.check_types import CHECK_TYPES, Baseline
from airflow_sm_pipelines.definition.step_types import STEP_TYPES


def test_they_are_those_of_the_language() -> None:
    language: set[str] = set()
    for step_type in ("QualityCheck", "ClarifyCheck"):
        [member] = [member for member in STEP_TYPES[step_type].members if member.name == "CheckType"]
        language |= {name for name in CHECK_TYPES if member.values.accepts(name)}
        assert not member.values.accepts("DATA_DRIFT")
    assert language == set(CHECK_TYPES)


@pytest.mark.parametrize("name", CHECK_TYPES)
def test_the_api_has_the_members_that_hold_its_baseline(name: str) -> None:
    row = CHECK_TYPES[name]
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("DriftCheckBaselines")
    members = shape.members[row.section].members
    assert members[row.constraints_member].name == "MetricsSource"
    assert not row.statistics_member or members[row.statistics_member].name == "MetricsSource"


def test_a_quality_check_has_two_files_and_a_clarify_check_one() -> None:
    assert CHECK_TYPES["DATA_QUALITY"].calculated_baseline("s3://bucket/out/") == Baseline(
        "s3://bucket/out/constraints.json", "s3://bucket/out/statistics.json"
    )
    assert CHECK_TYPES["MODEL_BIAS"].calculated_baseline("s3://bucket/out") == Baseline("s3://bucket/out/analysis.json")


def test_a_baseline_without_files_is_none() -> None:
    assert not Baseline()
    assert Baseline(statistics="s3://bucket/statistics.json")
