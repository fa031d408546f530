"""The rules of `semantics` and Airflow agree on what runs, is skipped and fails, in any pipeline."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import Phase, assume, event, given, note, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.rehearsal.rehearsals import Rehearsals
from airflow_sm_pipelines.semantics.readiness import StepStatus
from airflow_sm_pipelines.semantics.selection import StepRole, select
from tests.integration.random_pipelines import (
    RandomPipeline,
    ends_by_the_rules,
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
def test_branches_triggers_failures_and_bounds(rehearsals: Rehearsals, made: RandomPipeline) -> None:
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


@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(random_pipelines(), st.data())
def test_selections(rehearsals: Rehearsals, made: RandomPipeline, data: st.DataObject) -> None:
    pipeline = load_pipeline(made.definition)
    before = ends_by_the_rules(pipeline, made)
    assume(not may_be_ended_early(pipeline, {name: step.status for name, step in before.items()}))
    names = _connected_steps(pipeline, data)
    selection = select(pipeline.plans, names, has_source=True)
    # A reused step behind one that runs anew waits for it, and goes down with it.
    assume(not any(edge.upstream in names for name in selection.reused for edge in selection.plans[name].edges))
    source = {name: before[name] for name in selection.reused}
    outcomes = {name: outcome for name, outcome in made.outcomes.items() if outcome != "completed"}
    event(f"cannot run: {bool(selection.unfulfilled(source))}")

    report = rehearsals.rehearse(made.definition, outcomes=outcomes, select=names)

    note(str(report))
    if selection.unfulfilled(source):
        assert report.state == "failed"
        assert not any(step.state == "succeeded" for step in report.steps)
        return
    ended = ends_by_the_rules(pipeline, made, source)
    expected = {name: ended[name].status for name in names}
    assert (report.state == "failed") is bool(_failed(expected))
    for step in report.steps:
        role = selection.role(step.name)
        if role is StepRole.SELECTED:
            assert step.state in _STATES[expected[step.name]], step.name
        elif role is StepRole.REUSED:
            has_result = source[step.name].status is StepStatus.SUCCEEDED
            assert step.state in ({"reused"} if has_result else {"reused", "skipped"}), step.name
        else:
            assert step.state in {"not selected", "skipped", "not run"}, step.name


def _connected_steps(pipeline: Pipeline, data: st.DataObject) -> list[str]:
    """Draw some steps that are connected by edges among themselves."""
    neighbours: dict[str, set[str]] = {plan.step.name: set() for plan in pipeline.plans}
    for plan in pipeline.plans:
        for edge in plan.edges:
            neighbours[plan.step.name].add(edge.upstream)
            neighbours[edge.upstream].add(plan.step.name)
    chosen = [data.draw(st.sampled_from(sorted(neighbours)))]
    for _ in range(data.draw(st.integers(0, 3))):
        around = sorted(set().union(*(neighbours[name] for name in chosen)).difference(chosen))
        chosen += [data.draw(st.sampled_from(around))] if around else []
    return chosen


def _failed(statuses: dict[str, StepStatus]) -> set[str]:
    return {name for name, status in statuses.items() if status in (StepStatus.FAILED, StepStatus.STOPPED)}
