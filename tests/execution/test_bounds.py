"""The bound with which a run was started."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution.bounds import bound_at_start


@pytest.mark.parametrize(
    ("of_pipeline", "given", "bound"), [(None, None, None), (3, None, 3), (3, 5, 5), (None, 2, 2), (3, "", 3)]
)
def test_what_a_run_is_started_with_wins_over_what_its_pipeline_says(
    context: Any, of_pipeline: int | None, given: Any, bound: int | None
) -> None:
    context["params"] = {"sm_max_parallel_steps": given}

    assert bound_at_start(SimpleNamespace(max_parallel_steps=of_pipeline), context, "A") == bound  # type: ignore[arg-type]


def test_what_is_no_number_fails_the_step_and_is_named(context: Any) -> None:
    context["params"] = {"sm_max_parallel_steps": "many"}

    with pytest.raises(StepError, match="Step A: sm_max_parallel_steps must be a whole number from 1, not 'many'"):
        bound_at_start(SimpleNamespace(max_parallel_steps=3), context, "A")  # type: ignore[arg-type]
