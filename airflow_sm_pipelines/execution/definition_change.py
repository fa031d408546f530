"""Tells in a task's log that the definition has changed since its run started; runs in the worker.

The steps that a run begins with note the digest of the definition. The others compare only when something indicates a
change: a file of the definition, or a version of the DAG, that is newer than the run, or a cleared task. So this costs
one XCom for each step without a predecessor, and nothing where the DAG bundle pins versions. The version alone would
not do: Airflow 3.3.2 leaves tasks without a state at the version with which their run was created.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.execution.airflow_internals.worker import DagOrigin, dag_origin, task_states
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.xcoms import publish_change, publish_digest, read_digest
from airflow_sm_pipelines.semantics.definition_change import change_in_words, made_at, may_have_changed

if TYPE_CHECKING:
    from airflow.sdk import Context

_HAVE_BEGUN = frozenset({"running", "deferred", "up_for_retry", "up_for_reschedule", "success", "failed"})
_ASKED_FIRST = 20
_MOST_READ = 3
"""A task that a person has marked has noted nothing: another one is asked then."""


def tell_of_change(plan: StepPlan, settings: PipelineRunSettings, context: Context, log: Log) -> None:
    """Warn if the step runs another definition than its run started with; the step goes on.

    Args:
        plan: The step.
        settings: What all steps of the DAG share.
        context: Airflow's task context.
        log: The task's log.
    """
    origin = dag_origin(context)
    if origin.is_pinned:
        return
    digest = settings.pipeline.digest
    at_start = _digest_at_start(settings, context) if _is_to_be_compared(settings, origin, context) else None
    if _is_first(plan):
        publish_digest(context, at_start or digest)
    if at_start not in (None, digest):
        log.warning("%s", change_in_words(str(at_start), digest, origin.bundle))
        publish_change(context, str(at_start), digest)


def _is_first(plan: StepPlan) -> bool:
    return not plan.edges and plan.step.body_of is None


def _is_to_be_compared(settings: PipelineRunSettings, origin: DagOrigin, context: Context) -> bool:
    run = context["dag_run"]
    changes = (made_at(origin.version_id), _file_changed_at(settings.pipeline.source, context["dag"].fileloc))
    return may_have_changed(run.start_date, is_cleared=bool(run.clear_number), changes=changes)


def _file_changed_at(source: str, dag_file: str) -> datetime | None:
    """Return when the definition's file came to this machine as it is; that of the DAG if the definition has none.

    Copies and images may keep an old time of modification; nothing sets the time of a file's last change back.
    """
    file = Path(dag_file) if source.startswith("<") else Path(dag_file).parent / source
    try:
        return datetime.fromtimestamp(file.stat().st_ctime, UTC)
    except OSError:
        return None


def _digest_at_start(settings: PipelineRunSettings, context: Context) -> str | None:
    """Return what the first steps of the run have noted, ``None`` if none of them has begun or noted anything."""
    return next(filter(None, islice(_noted(settings, context), _MOST_READ)), None)


def _noted(settings: PipelineRunSettings, context: Context) -> Iterator[str | None]:
    ti = context["ti"]
    tasks = [settings.first_task_id(plan.step.name) for plan in settings.pipeline.plans if _is_first(plan)]
    # Each of a thousand first steps comes here, and nearly always some of the first few have begun.
    for part in filter(None, (tasks[:_ASKED_FIRST], tasks[_ASKED_FIRST:])):
        states = task_states(ti.dag_id, ti.run_id, part)
        yield from (read_digest(context, task) for task in part if states.get(task) in _HAVE_BEGUN)
