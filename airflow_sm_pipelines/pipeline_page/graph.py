"""The graph of a DAG, with a place for each of its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.execution.settings import LOOP_RESULT, LOOP_TURN
from airflow_sm_pipelines.executions.metadata import operator_of, row_of_operator
from airflow_sm_pipelines.executions.steps import LOOP_RESULT_OPERATOR, step_name
from airflow_sm_pipelines.pipeline_page.layout import NODE_HEIGHT, NODE_WIDTH, draw
from airflow_sm_pipelines.pipeline_page.viewer import Viewer

_OF_A_LOOP = {
    "ForEachTurnOperator": (LOOP_TURN, "ForEach (turn)"),
    LOOP_RESULT_OPERATOR: (LOOP_RESULT, "ForEach (end)"),
}
"""Class of a task that the loop needs beside its steps -> the last part of its id, and what to call it."""


_STANDS_IN = "BrokenDefinitionOperator"


async def graph_report(viewer: Viewer, dag_id: str) -> JsonObject:
    """Return the graph of a DAG as the page draws it.

    Args:
        viewer: Who asks.
        dag_id: The DAG.

    Raises:
        RefusedRequestError: There is no such DAG, or the viewer may not read it.
    """
    dag = await viewer.get("dags", dag_id)
    found = await viewer.get("dags", dag_id, "tasks", order_by="task_id")
    tasks = {str(task["task_id"]): task for task in found["tasks"]}
    drawing = draw([*tasks], {name: sorted(task["downstream_task_ids"] or ()) for name, task in tasks.items()})
    return {
        "dag": dag_id,
        "title": str(dag.get("dag_display_name") or dag_id),
        "broken": await _broken(viewer, dag_id) if _STANDS_IN in map(operator_of, tasks.values()) else "",
        "of_a_pipeline": any(row_of_operator(operator_of(task)) for task in tasks.values()),
        "width": drawing.width,
        "height": drawing.height,
        "node": [NODE_WIDTH, NODE_HEIGHT],
        "nodes": [
            {"task": name, "x": x, "y": y, **task_in_words(tasks[name], operator_of(tasks[name]))}
            for name, (x, y) in drawing.nodes.items()
        ],
        "edges": [
            {"from": edge.upstream, "to": edge.downstream, "points": [[*point] for point in edge.points]}
            for edge in drawing.edges
        ],
    }


async def _broken(viewer: Viewer, dag_id: str) -> str:
    """Return what the documentation of a DAG that stands in for a broken definition says, without its Markdown."""
    documentation = str((await viewer.get("dags", dag_id, "details"))["doc_md"] or "")
    return "\n".join(line for line in documentation.splitlines() if not line.startswith("```"))


def task_in_words(task: Mapping[str, Any], operator: str) -> JsonObject:
    """Return what people call a task: the step that it runs and its type, else its own name and its class.

    Args:
        task: The task or task instance, as Airflow's API describes it.
        operator: Its class.
    """
    task_id = str(task["task_id"])
    shown = str(task["task_display_name"] or task_id)
    if operator in _OF_A_LOOP:
        part, words = _OF_A_LOOP[operator]
        return {"step": task_id.removesuffix(f".{part}"), "type": words}
    row = row_of_operator(operator)
    if row is None:
        return {"step": shown, "type": operator.removesuffix("Operator")}
    name = step_name({"task_id": task_id, "map_index": task.get("map_index", -1), "operator": operator})
    return {"step": name if shown == task_id else shown, "type": row.step_type}
