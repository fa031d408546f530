from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.advice import warnings
from airflow_sm_pipelines.preview.findings import find

GOLDEN = Path(__file__).parents[1] / "golden"
REAL = sorted(path for path in GOLDEN.glob("*.json") if not path.name.endswith(".graph.json"))


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_a_definition_that_runs_on_the_service_has_no_error(path):
    assert find(load_pipeline(path)).errors == ()


def test_all_rules_report(load, step):
    steps = (
        step("Train", "Training", {"Nothing": 1, "Environment": {"API_KEY": "x"}}),
        step("Use", "Training", {"HyperParameters": {"x": {"Get": "Steps.Train.ModelArtifact"}}}),
    )
    pipeline = load(*steps)
    found = find(pipeline)
    errors = [error.path for error in found.errors]
    assert "Steps[0].Arguments.Nothing" in errors
    assert "Steps[1].Arguments.HyperParameters.x" in errors
    assert set(warnings(pipeline)) <= set(found.warnings)
    assert len(errors) == len(set(errors))


def test_nothing_of_it_is_needed_to_read_a_definition():
    code = "import sys; import airflow_sm_pipelines.definition.loading; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
