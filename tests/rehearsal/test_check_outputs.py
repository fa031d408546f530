"""What the jobs of checks put out in a rehearsal."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.rehearsal.stand_in.check_outputs import check_documents, found_violation

MONITOR = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
CLARIFY = "306415355426.dkr.ecr.us-west-2.amazonaws.com/sagemaker-clarify-processing:1.0"
OWN = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/our-copy:latest"


def request(image: str, *, checks: bool = True) -> dict[str, Any]:
    environment = {"baseline_constraints": "/opt/ml/processing/baseline/constraints/constraints.json"}
    return {"AppSpecification": {"ImageUri": image}, "Environment": environment if checks else {}}


@pytest.mark.parametrize("image", [MONITOR, CLARIFY, OWN, "rehearsal-Image"])
def test_a_check_finds_a_violation_on_request_whatever_its_image(image: str) -> None:
    [(name, report)] = found_violation(request(image)).items()

    assert name == "constraint_violations.json"
    assert isinstance(report, dict)
    assert len(report["violations"]) == 1


@pytest.mark.parametrize("image", [MONITOR, CLARIFY, OWN])
def test_a_job_without_a_baseline_finds_nothing(image: str) -> None:
    assert found_violation(request(image, checks=False)) == {}


def test_a_check_with_an_image_of_its_own_puts_out_no_files_that_were_not_asked_for() -> None:
    assert check_documents(request(OWN)) == {}
    assert "statistics.json" in check_documents(request(MONITOR))
