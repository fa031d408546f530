"""The run whose results a run with a selection reuses: which one it is, and what its steps left; runs in the worker.

Source: developer guide, "Selective execution of pipeline steps": the run that is named, else the latest, else none. The
latest is the newest by the time of its creation, whatever became of it (SDK, ``Pipeline._get_latest_execution_arn``),
and whichever it is must have succeeded or failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from airflow_sm_pipelines.aws.pipeline_executions import (
    ENDED_STATES,
    is_execution_arn,
    pipeline_of_execution,
    read_execution,
    region_of_execution,
)
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.errors import AwsCallError, StepError, StepFailedError
from airflow_sm_pipelines.execution.airflow_internals.other_runs import (
    OtherRun,
    number_of_runs,
    other_run,
    run_ids_of_tasks,
)
from airflow_sm_pipelines.execution.airflow_internals.worker import ask_airflow, other_xcom_at_once, task_states
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.source_execution import SourceExecution
from airflow_sm_pipelines.execution.xcoms import PROPERTIES_KEY, STATUS_KEY
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep
from airflow_sm_pipelines.semantics.run_options import SELECT_STEPS, SOURCE_RUN

if TYPE_CHECKING:
    from airflow.sdk import Context

_ENDED = frozenset({"success", "failed"})
_STATUS_OF_STATE = {"success": StepStatus.SUCCEEDED, "failed": StepStatus.FAILED}
_RUN_DATE = re.compile(r"__([0-9]{4}-[0-9]{2}-[0-9]{2}T[^_]+)")


class Source(Protocol):
    """Where results are reused from."""

    name: str
    title: str

    def outcomes(self, steps: Sequence[str]) -> dict[str, UpstreamStep]:
        """Return how some steps ended there."""

    def properties(self, step: str) -> Json:
        """Return the properties of a step, ``None`` if there are none."""


class SourceRun:
    """An earlier run of the same DAG.

    Args:
        dag_id: The DAG.
        run: The run.
        settings: What all steps of the DAG share.

    Attributes:
        name: Its run id.
        title: What it is, for messages.
    """

    def __init__(self, dag_id: str, run: OtherRun, settings: PipelineRunSettings) -> None:
        self.name = run.run_id
        self.title = f"the run {run.run_id}"
        self._dag_id = dag_id
        self._task_ids = settings.task_ids
        self._conditions = frozenset(step.name for step in settings.pipeline.steps if step.type == "Condition")
        # A reused step that had no success there is skipped, or even successful, and says itself what it stands for.
        self._had_selection = bool(run.conf.get(SELECT_STEPS))

    def outcomes(self, steps: Sequence[str]) -> dict[str, UpstreamStep]:
        """Return how some steps ended there."""
        states = task_states(self._dag_id, self.name, [self._task_ids[step] for step in steps]) if steps else {}
        return {step: self._outcome(step, states.get(self._task_ids[step])) for step in steps}

    def properties(self, step: str) -> Json:
        """Return the properties that a step has published there, ``None`` if there are none."""
        return self._xcom(step, PROPERTIES_KEY)

    def _outcome(self, step: str, state: str | None) -> UpstreamStep:
        status = _STATUS_OF_STATE.get(state or "", StepStatus.NOT_RUN)
        if status is StepStatus.FAILED or self._had_selection:
            said = self._xcom(step, STATUS_KEY)
            status = status if said is None else StepStatus(str(said))
        has_chosen = status is StepStatus.SUCCEEDED and step in self._conditions
        return UpstreamStep(status, self._branch(step) if has_chosen else None)

    def _branch(self, step: str) -> Literal["if", "else"] | None:
        published = self.properties(step)
        outcome = published.get("Outcome") if isinstance(published, dict) else None
        return None if not isinstance(outcome, bool) else "if" if outcome else "else"

    def _xcom(self, step: str, key: str) -> Json:
        return ask_airflow(lambda: other_xcom_at_once(self._dag_id, self.name, self._task_ids[step], -1, key))


def named_source(
    name: str, step: str, settings: PipelineRunSettings, context: Context, connection: AwsConnection
) -> Source:
    """Return the source that a run names.

    Args:
        name: A run id, or the ARN of an execution in SageMaker.
        step: Name of the step, for the error.
        settings: What all steps of the DAG share.
        context: Airflow's task context.
        connection: How to reach the execution in SageMaker.

    Raises:
        StepError: There is no such run, it is this one, or it has not ended.
        StepFailedError: AWS refused a call.
    """
    if is_execution_arn(name):
        return _execution(name, step, settings, connection)
    ti = context["ti"]
    if name == ti.run_id:
        raise StepError(step, f"{SOURCE_RUN} names this run itself: name an earlier one")
    run = other_run(ti.dag_id, name)
    if run is None:
        raise StepError(
            step,
            f"{SOURCE_RUN}: the DAG {ti.dag_id} has no run {name}; name one of its runs by its id, or the ARN of an "
            "execution in SageMaker",
        )
    return _ended(run, step, ti.dag_id, settings)


def latest_source(step: str, settings: PipelineRunSettings, context: Context) -> Source | None:
    """Return the newest run of the DAG that is older than this one, ``None`` if there is none.

    Every task of a run that asks gets the same answer, at any time: runs are ordered by when they were to start, which
    no clear changes.

    Raises:
        StepError: The run has not ended.
    """
    ti, dag_run = context["ti"], context["dag_run"]
    ids = _run_ids(ti.dag_id, list(settings.task_ids.values())) - {ti.run_id}
    run = _newest(ti.dag_id, ids, (dag_run.run_after, ti.run_id))
    return None if run is None else _ended(run, step, ti.dag_id, settings)


def _ended(run: OtherRun, step: str, dag_id: str, settings: PipelineRunSettings) -> SourceRun:
    if run.state not in _ENDED:
        raise StepError(
            step,
            f"the source run {run.run_id} is {run.state}, and must have succeeded or failed: wait for its end, or name "
            f"another run in {SOURCE_RUN}",
        )
    return SourceRun(dag_id, run, settings)


def _execution(arn: str, step: str, settings: PipelineRunSettings, connection: AwsConnection) -> SourceExecution:
    _require_own(arn, step, settings)
    try:
        client = connection.client("sagemaker")
        region, own = region_of_execution(arn), client.meta.region_name
        if region != own:
            raise StepError(step, f"{SOURCE_RUN}: {arn} is in {region}, but the connection of this step leads to {own}")
        execution = read_execution(client, arn)
    except AwsCallError as error:
        raise StepFailedError.of_refusal(step, error, purpose=f"read the source run {arn}") from error
    if execution.status not in ENDED_STATES:
        raise StepError(
            step,
            f"the source run {arn} is {execution.status}, and must have succeeded or failed: wait for its end, or name "
            f"another one in {SOURCE_RUN}",
        )
    steps = {one.name: one for one in settings.pipeline.steps}
    return SourceExecution(arn, execution, steps, connection.client)


def _require_own(arn: str, step: str, settings: PipelineRunSettings) -> None:
    """Refuse an execution of another pipeline (API reference, SelectiveExecutionConfig: one "of the current pipeline").

    Its steps may have the same names, and other results.
    """
    pipeline, names = pipeline_of_execution(arn), (settings.name, settings.pipeline.resource.name or "")
    if pipeline not in [name.lower() for name in names]:
        raise StepError(
            step,
            f"{SOURCE_RUN}: {arn} is an execution of the pipeline {pipeline}, and this is {settings.name}: name an "
            "execution of this one. If they are the same, pass the name that it has in SageMaker to pipeline_dag or "
            "pipeline_task_group, as pipeline_name",
        )


def _run_ids(dag_id: str, task_ids: Sequence[str]) -> set[str]:
    """Return the runs that have a task of the pipeline. One task tells all of them, unless the definition changed."""
    found = run_ids_of_tasks(dag_id, task_ids[:1])
    if len(found) < number_of_runs(dag_id) and len(task_ids) > 1:
        found |= run_ids_of_tasks(dag_id, task_ids[1:])
    return found


def _newest(dag_id: str, run_ids: Iterable[str], own: tuple[datetime, str]) -> OtherRun | None:
    """Return the newest run that is older than this one.

    The ids that Airflow makes hold the time by which runs are ordered here. So only runs with other ids, and then the
    newest of the rest, have to be asked for.
    """
    dated, undated = [], []
    for run_id in run_ids:
        date = _date_in(run_id)
        if date is None:
            undated.append(run_id)
        elif (date, run_id) < own:
            dated.append((date, run_id))
    best: OtherRun | None = None
    for key in [*((None, run_id) for run_id in undated), *sorted(dated, reverse=True)]:
        date, run_id = key
        if best is not None and date is not None and (date, run_id) < (best.run_after, best.run_id):
            break
        run = other_run(dag_id, run_id)
        if run is not None and (run.run_after, run_id) < own:
            best = run if best is None else max(best, run, key=lambda one: (one.run_after, one.run_id))
    return best


def _date_in(run_id: str) -> datetime | None:
    found = _RUN_DATE.search(run_id)
    try:
        date = datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
    return date if date is not None and date.tzinfo else None
