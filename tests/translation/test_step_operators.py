"""Which operator or sensor runs which step type."""

from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.translation.step_operators import STEP_OPERATORS, step_operator


@pytest.mark.parametrize("step_type", STEP_OPERATORS)
def test_every_row_names_an_operator_of_a_known_type(step_type: str) -> None:
    assert step_type in STEP_TYPES
    assert issubclass(step_operator(step_type), StepOperator)


def test_a_dag_file_pays_only_for_the_types_that_it_uses() -> None:
    program = """
import sys
import airflow_sm_pipelines.translation.translator
assert "airflow_sm_pipelines.operators.training" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
