"""The graph that a definition becomes, as text, as a Mermaid flowchart, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
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


def as_text(plans: Plans) -> str:
    """Return the graph as an indented table, with branches and loop bodies below the step that holds them.

    The steps are in an order in which they can run. Dependencies that a branch or body implies are not repeated.
    """
    by_name = {plan.step.name: plan for plan in _in_running_order(plans)}
    rows: list[tuple[str, str, str]] = []

    def add(names: Sequence[str], indent: str, connect: bool) -> None:
        for position, name in enumerate(names):
            plan = by_name[name]
            last = position == len(names) - 1
            joint = ("└─ " if last else "├─ ") if connect else ""
            rows.append((f"{indent}{joint}{name}", plan.step.type, _waits_text(plan)))
            below = indent + (("   " if last else "│  ") if connect else "")
            parts = [(title, members) for title, members in _parts(plan, by_name) if members]
            for number, (title, members) in enumerate(parts):
                is_last = number == len(parts) - 1
                rows.append((f"{below}{'└─ ' if is_last else '├─ '}{title}", "", ""))
                add(members, below + ("   " if is_last else "│  "), connect=True)

    add([name for name, plan in by_name.items() if not plan.step.branch and not plan.step.body_of], "", connect=False)
    width, type_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:<{width}}  {kind:<{type_width}}  {waits}".rstrip() for name, kind, waits in rows)


def _parts(plan: StepPlan, order: dict[str, StepPlan]) -> list[tuple[str, list[str]]]:
    parts = (("if", plan.if_steps), ("else", plan.else_steps), ("for each item", plan.body_steps))
    return [(title, [name for name in order if name in members]) for title, members in parts]


def _waits_text(plan: StepPlan) -> str:
    waits = [edge_text(edge) for edge in plan.edges if not edge.branch]
    return f"after {', '.join(waits)}" if waits else ""


def edge_text(edge: Edge) -> str:
    """Return what an edge waits for, such as ``Train``, ``Train (failed)`` or ``Check (if)``."""
    return edge.upstream + (f" ({edge.branch})" if edge.branch else _TRIGGER_TEXTS[edge.trigger])


_TRIGGER_TEXTS = {
    Trigger.COMPLETED: "",
    Trigger.FAILED: " (failed)",
    Trigger.STOPPED: " (stopped)",
    Trigger.ANY: " (however it ends)",
}


def _in_running_order(plans: Plans) -> list[StepPlan]:
    """Return the plans so that each follows all that it waits for; apart from that in document order."""
    waiting = {plan.step.name: {edge.upstream for edge in plan.edges} for plan in plans}
    ordered: list[StepPlan] = []
    left = list(plans)
    while left:
        # One at a time, so that each step comes as early as its dependencies allow.
        ready = next(plan for plan in left if not waiting[plan.step.name])
        left.remove(ready)
        ordered.append(ready)
        for upstream in waiting.values():
            upstream.discard(ready.step.name)
    return ordered


def as_mermaid(plans: Plans) -> str:
    """Return the graph as a Mermaid flowchart, which GitHub and GitLab draw in Markdown.

    Nodes have ids of their own, because a step may be called ``end`` or ``graph``, which Mermaid reserves.
    """
    ids = {plan.step.name: f"s{number}" for number, plan in enumerate(plans)}
    lines = ["flowchart TD"]
    for plan in plans:
        if not plan.step.body_of:
            lines += _node_lines(plan, plans, ids)
    for plan in plans:
        lines += [f"    {ids[edge.upstream]} {_arrow(edge)} {ids[plan.step.name]}" for edge in plan.edges]
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
