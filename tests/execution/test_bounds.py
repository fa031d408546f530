"""The bound with which a run was started."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution import steps_in_progress
from airflow_sm_pipelines.execution.bounds import bound_at_start

LOG: Any = logging.getLogger("bounds")


@pytest.mark.parametrize(
    ("of_pipeline", "given", "bound"), [(None, None, None), (3, None, 3), (3, 5, 5), (None, 2, 2), (3, "", 3)]
)
def test_what_a_run_is_started_with_wins_over_what_its_pipeline_says(
    context: Any, of_pipeline: int | None, given: Any, bound: int | None
) -> None:
    context["params"] = {"sm_max_parallel_steps": given}

    assert bound_at_start(SimpleNamespace(max_parallel_steps=of_pipeline), context, "A", LOG) == bound  # type: ignore[arg-type]


def test_what_is_no_number_fails_the_step_and_is_named(context: Any) -> None:
    context["params"] = {"sm_max_parallel_steps": "many"}

    with pytest.raises(StepError, match="Step A: sm_max_parallel_steps must be a whole number from 1, not 'many'"):
        bound_at_start(SimpleNamespace(max_parallel_steps=3), context, "A", LOG)  # type: ignore[arg-type]


@pytest.mark.parametrize(("set_later", "bound"), [("2", 2), (None, None), ("many", None)])
def test_a_run_that_has_begun_without_a_bound_can_be_given_one_when_it_is_retried(
    context: Any, airflow_run: Any, set_later: str | None, bound: int | None
) -> None:
    """API reference, RetryPipelineExecution: its ParallelismConfiguration overrides that of the pipeline."""
    context["dag_run"].clear_number = 1
    if set_later is not None:
        airflow_run.variables["sm_max_parallel_steps:dag:run"] = set_later

    assert bound_at_start(SimpleNamespace(max_parallel_steps=None), context, "A", LOG) == bound  # type: ignore[arg-type]


@pytest.mark.parametrize(("of_pipeline", "cleared"), [(None, 0), (3, 1)])
def test_no_other_run_asks_for_it_when_a_step_begins(
    context: Any, monkeypatch: pytest.MonkeyPatch, of_pipeline: int | None, cleared: int
) -> None:
    """One with a bound asks only while its steps enter."""
    monkeypatch.setattr(steps_in_progress, "stored_value", lambda key: pytest.fail(f"asked for {key}"))
    context["dag_run"].clear_number = cleared

    assert bound_at_start(SimpleNamespace(max_parallel_steps=of_pipeline), context, "A", LOG) == of_pipeline  # type: ignore[arg-type]
