"""``sm-pipelines graph FILE``: the graph that a definition becomes, as text, as a Mermaid flowchart, or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence

from airflow_sm_pipelines.cli.definition_file import read_definition
from airflow_sm_pipelines.definition.graph import Edge, StepPlan, Trigger

Plans = Sequence[StepPlan]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``graph``."""
    parser.add_argument("file", metavar="FILE", help="a pipeline definition (JSON)")
    parser.add_argument("--format", choices=tuple(_FORMATS), default="text", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Print the graph of one definition; 1 when the file cannot be read or is not valid."""
    pipeline = read_definition(args.file)
    if pipeline is None:
        return 1
    print(_FORMATS[args.format](pipeline.plans))
    return 0


def as_json(plans: Plans) -> str:
    """Return the graph as JSON, in document order; the edge from a Condition is in ``depends_on``, too."""
    return json.dumps({"steps": [_step_json(plan) for plan in plans]}, indent=2)


def _step_json(plan: StepPlan) -> dict[str, object]:
    branch = plan.step.branch
    return {
        "name": plan.step.name,
        "type": plan.step.type,
        "depends_on": [{"step": edge.upstream, "trigger": edge.trigger.value} for edge in plan.edges],
        "branch_of": {"condition": branch.condition, "branch": branch.side} if branch else None,
        "body_of": plan.step.body_of,
    }


def as_text(plans: Plans) -> str:
    """Return the graph as an indented table: branches and loop bodies below the step that holds them.

    Steps stand in an order in which they can run; what a branch or body implies is not repeated.
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
    """Return what an edge waits for: the step, and how it ends unless it is to complete; or the branch of it."""
    return edge.upstream + (f" ({edge.branch})" if edge.branch else _TRIGGER_TEXTS[edge.trigger])


_TRIGGER_TEXTS = {
    Trigger.COMPLETED: "",
    Trigger.FAILED: " (failed)",
    Trigger.STOPPED: " (stopped)",
    Trigger.ANY: " (however it ends)",
}


def _in_running_order(plans: Plans) -> list[StepPlan]:
    """Return the plans so that each stands after all it waits for, else in document order."""
    waiting = {plan.step.name: {edge.upstream for edge in plan.edges} for plan in plans}
    ordered: list[StepPlan] = []
    left = list(plans)
    while left:
        # Take one at a time: a step stands as far up as what it waits for allows.
        ready = next(plan for plan in left if not waiting[plan.step.name])
        left.remove(ready)
        ordered.append(ready)
        for upstream in waiting.values():
            upstream.discard(ready.step.name)
    return ordered


def as_mermaid(plans: Plans) -> str:
    """Return the graph as a Mermaid flowchart, which GitHub and GitLab draw in Markdown.

    Nodes have ids of their own: a step may be called ``end`` or ``graph``, which are words of Mermaid.
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


_FORMATS: dict[str, Callable[[Plans], str]] = {"text": as_text, "mermaid": as_mermaid, "json": as_json}
