"""SDK 3 starts a pipeline in Airflow and follows it: start, wait, list_steps, list_parameters, result, stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk_executions import ROOT, answers_of, check

pytestmark = pytest.mark.sdk

PROGRAM = Path(__file__).parent / "programs" / "executions.py"


def test_sdk3_starts_and_follows_executions_in_airflow(tmp_path: Path) -> None:
    answers = answers_of(PROGRAM, ROOT / ".venv-sdk3" / "bin" / "python", "sdk3-functions", tmp_path)
    check(answers, "sdk3-functions", "by-the-sdk-3")
