"""What the drawings of a graph leave out. The drawings themselves: ``tests/cli/test_graph.py``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.definition.graph import Edge, Trigger
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.graph import as_text, drawn_edges


def step(name: str, *waits: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Lambda", "FunctionArn": "f", "DependsOn": list(waits)}


def when(trigger: str, name: str) -> dict[str, Any]:
    return {"Step": name, "Trigger": trigger}


def condition(name: str, *waits: Any, then: Iterable[Any] = (), otherwise: Iterable[Any] = ()) -> dict[str, Any]:
    arguments = {"Conditions": [], "IfSteps": list(then), "ElseSteps": list(otherwise)}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, "DependsOn": list(waits)}


def loop(name: str, *body: Any, waits: Iterable[Any] = ()) -> dict[str, Any]:
    arguments = {"IterableItems": ["a"], "MaxConcurrency": 1, "ForEachBody": list(body)}
    return {"Name": name, "Type": "ForEach", "Arguments": arguments, "DependsOn": list(waits)}


def drawn(*steps: Any) -> dict[str, list[str]]:
    """The upstream steps that are drawn, for each step that has some."""
    edges = drawn_edges(load_pipeline({"Version": "2020-12-01", "Steps": list(steps)}).plans)
    return {name: [edge.upstream for edge in found] for name, found in edges.items() if found}


def test_an_edge_that_follows_from_others_is_left_out() -> None:
    assert drawn(step("A"), step("B", "A"), step("C", "A", "B")) == {"B": ["A"], "C": ["B"]}


def test_an_edge_with_another_outcome_stays() -> None:
    found = drawn(step("A"), step("B", "A"), step("C", when("Failed", "A"), when("Any", "B")))
    assert found["C"] == ["A", "B"]


def test_what_only_a_failure_implies_stays() -> None:
    """C runs if A has completed; that B, which waits for its failure, has ended does not say so."""
    found = drawn(step("A"), step("B", when("Failed", "A")), step("C", "A", when("Any", "B")))
    assert found["C"] == ["A", "B"]


def test_the_edges_of_a_condition_to_its_branches_stay() -> None:
    found = drawn(step("A"), condition("K", "A", then=[step("B", "A"), step("C", "B", "A")], otherwise=[step("D")]))
    assert found == {"K": ["A"], "B": ["K"], "C": ["B", "K"], "D": ["K"]}


def test_a_body_waits_for_what_its_loop_waits_for() -> None:
    found = drawn(step("A"), loop("Each", step("B", "A"), step("C", "A", "B")))
    assert found == {"Each": ["A"], "C": ["B"]}


def completed_before(name: str, edges: Mapping[str, Iterable[Edge]]) -> set[str]:
    found: set[str] = set()
    work = [name]
    while work:
        new = {edge.upstream for edge in edges[work.pop()] if edge.trigger is Trigger.COMPLETED} - found
        found |= new
        work += new
    return found


@given(st.data(), st.integers(2, 9))
def test_a_drawing_implies_the_same_order_with_as_few_edges_as_possible(data: st.DataObject, count: int) -> None:
    names = data.draw(st.permutations([f"S{number}" for number in range(count)]))
    steps = []
    for position, name in enumerate(names):
        waits = data.draw(st.sets(st.sampled_from(names[:position]))) if position else set()
        triggers = {other: data.draw(st.sampled_from(["Completed", "Completed", "Failed", "Any"])) for other in waits}
        steps.append(step(name, *(when(trigger, other) for other, trigger in sorted(triggers.items()))))
    plans = load_pipeline({"Version": "2020-12-01", "Steps": data.draw(st.permutations(steps))}).plans
    every = {plan.step.name: plan.edges for plan in plans}

    found = drawn_edges(plans)

    for name in names:
        assert completed_before(name, found) == completed_before(name, every)
        assert [edge for edge in every[name] if edge.trigger is not Trigger.COMPLETED] == [
            edge for edge in found[name] if edge.trigger is not Trigger.COMPLETED
        ]
        for edge in found[name]:
            if edge.trigger is Trigger.COMPLETED:
                without = {**found, name: tuple(other for other in found[name] if other is not edge)}
                assert edge.upstream not in completed_before(name, without)


def test_steps_come_as_early_as_they_can_apart_from_that_in_document_order() -> None:
    plans = load_pipeline({"Version": "2020-12-01", "Steps": [step("B", "C"), step("A"), step("C"), step("D")]}).plans
    assert [line.split()[0] for line in as_text(plans).splitlines()] == ["A", "C", "B", "D"]


@pytest.mark.parametrize("shape", ["line", "fan"])
def test_a_thousand_steps_are_drawn_at_once(shape: str) -> None:
    waits = {
        "line": lambda number: [f"S{other}" for other in range(max(0, number - 5), number)],
        "fan": lambda number: ["S0"] if number else [],
    }[shape]
    plans = load_pipeline(
        {"Version": "2020-12-01", "Steps": [step(f"S{number}", *waits(number)) for number in range(1000)]}
    ).plans

    start = time.process_time()
    as_text(plans)

    assert time.process_time() - start < 0.5
