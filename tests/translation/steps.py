"""Steps of definitions, and the edges that they become."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG

Step = dict[str, Any]


def condition(name: str, if_steps: list[Step], else_steps: list[Step], **members: Any) -> Step:
    arguments = {"Conditions": [], "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, **members}


def fail(name: str, *depends_on: str) -> Step:
    waits = {"DependsOn": list(depends_on)} if depends_on else {}
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "no"}, **waits}


def when(trigger: str, step: str) -> Step:
    return {"Step": step, "Trigger": trigger}


def edges_of(dag: DAG) -> set[tuple[str, str]]:
    return {(task.task_id, downstream) for task in dag.tasks for downstream in task.downstream_task_ids}


def declare(*parameters: Step) -> Step:
    return {"Parameters": list(parameters)}
