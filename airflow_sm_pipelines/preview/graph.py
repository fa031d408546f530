"""The graph that a definition becomes, as text, as a Mermaid flowchart, or as JSON.

The drawings leave out the edges that others imply; the JSON, like the DAG, has them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from airflow_sm_pipelines.definition.graph import Edge, StepPlan, Trigger

if TYPE_CHECKING:
    from airflow_sm_pipelines.preview.reports import GraphReport

Plans = Sequence[StepPlan]


def graph_report(plans: Plans) -> GraphReport:
    """Return the graph as a report, in document order; the edge from a Condition is in ``depends_on``, too."""
    from airflow_sm_pipelines.preview.reports import BranchOf, Dependency, GraphReport, GraphStep

    steps = [
        GraphStep(
            name=plan.step.name,
            type=plan.step.type,
            depends_on=[Dependency.of(edge) for edge in plan.edges],
            branch_of=BranchOf.of(plan.step.branch),
            body_of=plan.step.body_of,
        )
        for plan in plans
    ]
    return GraphReport(steps=steps)


def as_json(plans: Plans) -> str:
    """Return the graph as JSON text."""
    from airflow_sm_pipelines.preview.reports import report_text

    return report_text(graph_report(plans))


def as_text(plans: Plans, drawn: Mapping[str, Sequence[Edge]] | None = None) -> str:
    """Return the graph as an indented table, with branches and loop bodies below the step that holds them.

    The steps are in an order in which they can run. Dependencies that a branch, a body or others imply are left out.

    Args:
        plans: The steps.
        drawn: What `drawn_edges` returns for them, if that is known already.
    """
    if drawn is None:
        drawn = drawn_edges(plans)
    by_name = {plan.step.name: plan for plan in plans}
    order = {name: number for number, name in enumerate(drawn)}
    rows: list[tuple[str, str, str]] = []

    def add(names: Sequence[str], indent: str, connect: bool) -> None:
        for position, name in enumerate(names):
            plan = by_name[name]
            last = position == len(names) - 1
            joint = ("└─ " if last else "├─ ") if connect else ""
            rows.append((f"{indent}{joint}{name}", plan.step.type, _waits_text(drawn[name])))
            below = indent + (("   " if last else "│  ") if connect else "")
            parts = _parts(plan, order)
            for number, (title, members) in enumerate(parts):
                is_last = number == len(parts) - 1
                rows.append((f"{below}{'└─ ' if is_last else '├─ '}{title}", "", ""))
                add(members, below + ("   " if is_last else "│  "), connect=True)

    outside = (name for name in drawn if not by_name[name].step.branch and not by_name[name].step.body_of)
    add(list(outside), "", connect=False)
    width, type_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:<{width}}  {kind:<{type_width}}  {waits}".rstrip() for name, kind, waits in rows)


def _parts(plan: StepPlan, order: Mapping[str, int]) -> list[tuple[str, list[str]]]:
    parts = (("if", plan.if_steps), ("else", plan.else_steps), ("for each item", plan.body_steps))
    return [(title, sorted(members, key=order.__getitem__)) for title, members in parts if members]


def _waits_text(edges: Sequence[Edge]) -> str:
    waits = [edge_text(edge) for edge in edges if not edge.branch]
    return f"after {', '.join(waits)}" if waits else ""


def edge_text(edge: Edge) -> str:
    """Return what an edge waits for, such as ``Train``, ``Train (failed)`` or ``Check (if)``."""
    return edge.upstream + outcome_text(edge)


def outcome_text(edge: Edge) -> str:
    """Return the outcome of the upstream step that an edge waits for: `` (failed)``, `` (if)``, nothing for success."""
    return f" ({edge.outcome})" if edge.outcome else ""


def drawn_edges(plans: Plans) -> dict[str, tuple[Edge, ...]]:
    """Return the edges of each step that a drawing needs, by its name, in an order in which the steps can run.

    An edge with the trigger Completed is left out if the step waits, by such edges, for another that waits for the same
    step; what runs inside a ForEach waits for what the ForEach waits for. Edges with another trigger, and those from a
    Condition to its branches, say more than an order: they stay.
    """
    order = _in_running_order(plans)
    bit = {plan.step.name: 1 << number for number, plan in enumerate(order)}
    # The steps that must have completed before a step starts: one bit each, so that a thousand are no effort.
    before: dict[str, int] = {}
    drawn = {}
    for plan in order:
        outer = [plan.step.body_of] if plan.step.body_of else []
        completed = [edge.upstream for edge in plan.edges if edge.trigger is Trigger.COMPLETED]
        implied = 0
        for name in (*outer, *completed):
            implied |= before[name]
        before[plan.step.name] = implied | sum(bit[name] for name in completed)
        drawn[plan.step.name] = tuple(
            edge
            for edge in plan.edges
            if edge.branch or edge.trigger is not Trigger.COMPLETED or not bit[edge.upstream] & implied
        )
    return drawn


def _in_running_order(plans: Plans) -> list[StepPlan]:
    """Return the plans so that each follows all that it waits for; apart from that in document order."""
    position = {plan.step.name: number for number, plan in enumerate(plans)}
    waits_for = [set(_follows(plan, position)) for plan in plans]
    followers: list[list[int]] = [[] for _ in plans]
    for number, upstream in enumerate(waits_for):
        for other in upstream:
            followers[other].append(number)
    left = [len(upstream) for upstream in waits_for]
    ready = [number for number, count in enumerate(left) if not count]
    heapify(ready)
    ordered = []
    while ready:
        # One at a time, so that each step comes as early as its dependencies allow.
        number = heappop(ready)
        ordered.append(plans[number])
        for follower in followers[number]:
            left[follower] -= 1
            if not left[follower]:
                heappush(ready, follower)
    return ordered


def _follows(plan: StepPlan, position: Mapping[str, int]) -> Iterator[int]:
    if plan.step.body_of:
        yield position[plan.step.body_of]
    for edge in plan.edges:
        yield position[edge.upstream]


def as_mermaid(plans: Plans) -> str:
    """Return the graph as a Mermaid flowchart, which GitHub and GitLab draw in Markdown; without implied edges.

    Nodes have ids of their own, because a step may be called ``end`` or ``graph``, which Mermaid reserves.
    """
    ids = {plan.step.name: f"s{number}" for number, plan in enumerate(plans)}
    drawn = drawn_edges(plans)
    lines = ["flowchart TD"]
    for plan in plans:
        if not plan.step.body_of:
            lines += _node_lines(plan, plans, ids)
    for plan in plans:
        lines += [f"    {ids[edge.upstream]} {_arrow(edge)} {ids[plan.step.name]}" for edge in drawn[plan.step.name]]
    return "\n".join(lines)


def _node_lines(plan: StepPlan, plans: Plans, ids: dict[str, str]) -> list[str]:
    label = f'"{plan.step.name}<br/><i>{plan.step.type}</i>"'
    if not plan.body_steps:
        left, right = _SHAPES.get(plan.step.type, ("[", "]"))
        return [f"    {ids[plan.step.name]}{left}{label}{right}"]
    body = [line for other in plans if other.step.body_of == plan.step.name for line in _node_lines(other, plans, ids)]
    return [
        f"    subgraph {ids[plan.step.name]} [{label}]",
        *(f"    {line}" for line in body),
        "    end",
    ]


_SHAPES = {"Condition": ("{", "}"), "Fail": ("([", "])")}


def _arrow(edge: Edge) -> str:
    if edge.branch:
        return f"-->|{edge.branch}|"
    return "-->" if edge.trigger is Trigger.COMPLETED else f"-.->|{edge.trigger.value}|"
