"""What the steps of one DAG are told at parse time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_sm_pipelines.definition.models import Pipeline

LOOP_ITEMS, LOOP_TURN, LOOP_RESULT = "items", "turn", "result"
"""The first task in the group of a ForEach step, the first of each iteration, and the last of the group."""


@dataclass(frozen=True, slots=True)
class PipelineRunSettings:
    """What all steps of one DAG share.

    Attributes:
        pipeline: The loaded definition.
        name: Name of the pipeline; the definition itself does not hold it.
        task_ids: Task id of each step.
        values: Values of pipeline parameters that no DAG run can change: those of a task group.
        role_arn: IAM role for steps that name none, ``None`` to send them as they are.
        first_task_ids: Task id of the first task of each step that has several. Its properties are those of the last,
            which ``task_ids`` names.
        airflow_id: Id of the DAG, or of the task group.
        task_prefix: What the task ids of all steps begin with: empty in a DAG.
        max_parallel_steps: How many steps of a run may be in progress at once, unless the run says otherwise; ``None``
            for no bound.
    """

    pipeline: Pipeline
    name: str
    task_ids: Mapping[str, str]
    role_arn: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    first_task_ids: Mapping[str, str] = field(default_factory=dict)
    airflow_id: str = ""
    task_prefix: str = ""
    max_parallel_steps: int | None = None

    def first_task_id(self, step: str) -> str:
        """Return the task that a step starts with; the only one of most steps."""
        return self.first_task_ids.get(step) or self.task_ids[step]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How a worker waits for an AWS job.

    Attributes:
        deferrable: Give the worker slot back while the job runs; else poll in the worker.
        poll_interval: Seconds between two looks at a running job.
        settle: Seconds that the worker itself waits for a new job before it defers; a job that ends within them
            costs no second process. ``None`` for what `settle_seconds` says.
        logs: Show in the task's log what the job writes to CloudWatch.
    """

    deferrable: bool = True
    poll_interval: float = 10.0
    settle: float | None = None
    logs: bool = True
