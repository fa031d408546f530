"""Where the nodes and edges of a graph are drawn."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_sm_pipelines.pipeline_page.layout import NODE_HEIGHT, NODE_WIDTH, Drawing, draw, without_implied_edges

Graph = dict[str, list[str]]


@st.composite
def graphs(make: st.DrawFn) -> Graph:
    """Graphs without cycles: each edge leads to a later node."""
    count = make(st.integers(0, 24))
    names = [f"s{number}" for number in range(count)]
    later = [st.lists(st.sampled_from(names[number + 1 :]), max_size=6) for number in range(count - 1)]
    edges = {name: make(targets) for name, targets in zip(names, later, strict=False)}
    order = make(st.permutations(names))
    return {name: edges.get(name, []) for name in order}


def reached(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    work = [*graph[start]]
    while work:
        node = work.pop()
        if node not in found:
            found.add(node)
            work += graph[node]
    return found


@settings(deadline=None, max_examples=60)
@given(graphs())
def test_an_edge_is_left_out_exactly_where_another_path_implies_it(graph: Graph) -> None:
    reduced = without_implied_edges([*graph], graph)

    for node in graph:
        assert reached(reduced, node) == reached(graph, node)
        for one in reduced[node]:
            others = {target for target in reduced[node] if target != one}
            assert not any(one in reached(reduced, other) for other in others)


@settings(deadline=None, max_examples=60)
@given(graphs())
def test_every_edge_leads_down_and_no_two_nodes_overlap(graph: Graph) -> None:
    drawing = draw([*graph], graph)

    assert {*drawing.nodes} == {*graph}
    for edge in drawing.edges:
        assert edge.points[0][1] == drawing.nodes[edge.upstream][1] + NODE_HEIGHT
        assert edge.points[-1][1] == drawing.nodes[edge.downstream][1]
        heights = [y for _, y in edge.points]
        assert heights == sorted(heights)
    for (x, y), (other_x, other_y) in combinations(drawing.nodes.values(), 2):
        assert y != other_y or abs(x - other_x) > NODE_WIDTH
    assert is_inside(drawing)


@settings(deadline=None, max_examples=60)
@given(graphs())
def test_an_edge_passes_no_node_on_its_way(graph: Graph) -> None:
    drawing = draw([*graph], graph)
    for edge in drawing.edges:
        for bend_x, bend_y in edge.points[1:-1]:
            for x, y in drawing.nodes.values():
                assert not (x < bend_x < x + NODE_WIDTH and y <= bend_y <= y + NODE_HEIGHT)


def is_inside(drawing: Drawing) -> bool:
    return all(
        x >= 0 and y >= 0 and x + NODE_WIDTH <= drawing.width and y + NODE_HEIGHT <= drawing.height
        for x, y in drawing.nodes.values()
    )


def test_a_chain_is_one_straight_line() -> None:
    drawing = draw(["A", "B", "C"], {"A": ["B", "C"], "B": ["C"]})
    assert len({x for x, _ in drawing.nodes.values()}) == 1
    assert [(edge.upstream, edge.downstream) for edge in drawing.edges] == [("A", "B"), ("B", "C")]


def test_a_branch_stands_under_the_middle_of_its_condition() -> None:
    drawing = draw(["Check", "If", "Else"], {"Check": ["If", "Else"]})
    middle = (drawing.nodes["If"][0] + drawing.nodes["Else"][0]) / 2
    assert drawing.nodes["Check"][0] == pytest.approx(middle, abs=1)


def test_an_edge_to_a_task_that_is_not_there_is_left_out() -> None:
    assert draw(["A"], {"A": ["Gone"]}).edges == ()


def test_no_nodes_are_an_empty_drawing() -> None:
    assert draw([], {}).nodes == {}


@pytest.mark.parametrize("shape", ["wide", "long", "dense"])
def test_a_thousand_steps_are_laid_out_and_wide_levels_wrapped(shape: str) -> None:
    names = [f"s{number}" for number in range(1000)]
    graph = {
        "wide": {"s0": names[1:-1], **{name: ["s999"] for name in names[1:-1]}},
        "long": {one: [other, names[-1]] for one, other in pairwise(names)},
        "dense": {name: names[number // 10 * 10 + 10 :][:10] for number, name in enumerate(names)},
    }[shape]
    drawing = draw(names, graph)

    assert len(drawing.nodes) == 1000
    assert drawing.width < 40 * NODE_WIDTH
    assert is_inside(drawing)
