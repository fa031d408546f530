"""The rules of `semantics` and Airflow agree on what runs, is skipped and fails, in any pipeline."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import Phase, given, note, settings

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.rehearsal.rehearsals import Rehearsals
from airflow_sm_pipelines.semantics.readiness import StepStatus
from tests.integration.random_pipelines import (
    RandomPipeline,
    may_be_ended_early,
    random_pipelines,
    statuses_by_the_rules,
)

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

_STATES = {
    StepStatus.SUCCEEDED: {"succeeded"},
    StepStatus.FAILED: {"failed"},
    StepStatus.STOPPED: {"failed"},
    StepStatus.NOT_RUN: {"skipped", "not run"},
}


@pytest.fixture(scope="module")
def rehearsals() -> Iterator[Rehearsals]:
    """One Airflow for all pipelines."""
    with Rehearsals() as rehearsals:
        yield rehearsals


# Each example takes seconds, so a failing one is not made smaller.
@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(random_pipelines())
def test_branches_triggers_and_failures(rehearsals: Rehearsals, made: RandomPipeline) -> None:
    pipeline = load_pipeline(made.definition)
    expected = statuses_by_the_rules(pipeline, made)
    perhaps_ended = may_be_ended_early(pipeline, expected)
    outcomes = {name: outcome for name, outcome in made.outcomes.items() if outcome != "completed"}

    report = rehearsals.rehearse(made.definition, outcomes=outcomes)

    note(str(report))
    if not perhaps_ended:
        assert (report.state == "failed") is (not expected.keys().isdisjoint(_failed(expected)))
    for step in report.steps:
        allowed = _STATES[expected[step.name]] | ({"skipped", "not run"} if step.name in perhaps_ended else set())
        if expected[step.name] is StepStatus.NOT_RUN and perhaps_ended:
            continue  # what it waits for may have been kept from starting
        assert step.state in allowed, step.name


def _failed(statuses: dict[str, StepStatus]) -> set[str]:
    return {name for name, status in statuses.items() if status in (StepStatus.FAILED, StepStatus.STOPPED)}
