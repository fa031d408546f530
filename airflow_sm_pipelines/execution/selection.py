"""What the task of a step does in a run that executes only selected steps; runs in the worker.

It is asked after Airflow has started the task and before anything is resolved, and only in runs with a selection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_sm_pipelines.aws.requests.step_start import Log
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import AwsCallError, OutputParametersError, StepError, StepFailedError
from airflow_sm_pipelines.execution.airflow_internals.worker import pull_xcom, push_xcom
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.source_run import Source, latest_source, named_source
from airflow_sm_pipelines.execution.xcoms import SELECTION_KEY, publish_properties, publish_status
from airflow_sm_pipelines.semantics.given_options import RunOptions
from airflow_sm_pipelines.semantics.readiness import StepStatus, UpstreamStep
from airflow_sm_pipelines.semantics.run_options import LATEST_RUN, NO_RUN, SELECT_STEPS, SOURCE_RUN
from airflow_sm_pipelines.semantics.selection import Selection, SelectionError, StepRole, select

if TYPE_CHECKING:
    from airflow.sdk import Context


@dataclass(frozen=True, slots=True)
class Part:
    """What a task does in a run with a selection.

    Attributes:
        role: The role of its step.
        outcomes: How the reused steps ended in the source run; only for a step that is executed.
        properties: What a reused step publishes, ``None`` for nothing.
        skipped: Why the task is to be skipped; empty if it is not.
        shown: What the UI shows in place of a request, since none is sent.
    """

    role: StepRole
    outcomes: Mapping[str, UpstreamStep] = field(default_factory=dict)
    properties: Json = None
    skipped: str = ""
    shown: JsonObject = field(default_factory=dict)

    @property
    def is_executed(self) -> bool:
        """Whether the step runs anew."""
        return self.role is StepRole.SELECTED


def part_of_task(
    plan: StepPlan,
    settings: PipelineRunSettings,
    options: RunOptions,
    context: Context,
    connection: AwsConnection,
    log: Log,
) -> Part:
    """Return what a task does in a run with a selection, and publish it.

    Args:
        plan: The step.
        settings: What all steps of the DAG share.
        options: The options of the run; it selects steps.
        context: Airflow's task context.
        connection: How to reach an execution in SageMaker.
        log: The task's log.

    Raises:
        StepError: The steps cannot be selected, the source run cannot be used, or a selected step cannot run after what
            the source run did. All tasks of the run that start raise it, before anything is created.
        StepFailedError: AWS refused a call for an execution in SageMaker.
    """
    step = plan.step.name
    selection = _selection(plan, settings, options.select_steps, has_source=options.source_run != NO_RUN)
    role = selection.role(step)
    shown: JsonObject = {"Selection": role.value}
    if role is StepRole.NOT_SELECTED:
        push_xcom(context, SELECTION_KEY, {"Role": role.value})
        why = f"Step {step} does not run: {SELECT_STEPS} is {', '.join(options.select_steps)}"
        if not selection.hides_a_failure(step):
            return Part(role, skipped=why, shown=shown)
        log.info("%s. Its task succeeds, since a skipped one could hide the failure of a selected step", why)
        return Part(role, shown=shown)
    source = _source(plan, settings, options, selection, context, connection)
    if source is None:
        push_xcom(context, SELECTION_KEY, {"Role": role.value})
        return Part(role)
    push_xcom(context, SELECTION_KEY, {"Role": role.value, "SourceRun": source.name})
    outcomes = source.outcomes(selection.reused)
    unfulfilled = selection.unfulfilled(outcomes)
    if unfulfilled:
        lines = "\n".join(f"    {reason}" for reason in unfulfilled)
        advice = f"select what they wait for as well, or name another run in {SOURCE_RUN}"
        raise StepError(step, f"selected steps cannot run after what {source.title} did; {advice}:\n{lines}")
    if role is StepRole.SELECTED:
        log.info("This step is selected; steps before it that are not selected are reused from %s", source.title)
        return Part(role, outcomes)
    shown |= {"SourceRun": source.name}
    return _Reuse(step, selection, source, outcomes, context, log).part(shown)


@dataclass(frozen=True, slots=True)
class _Reuse:
    """A step that is reused."""

    step: str
    selection: Selection
    source: Source
    outcomes: Mapping[str, UpstreamStep]
    context: Context
    log: Log

    def part(self, shown: JsonObject) -> Part:
        status = self.outcomes[self.step].status
        shown = {**shown, "Status": status.value}
        properties = self._properties() if status is not StepStatus.NOT_RUN else None
        if status is StepStatus.SUCCEEDED:
            self._require_properties(properties)
            self.log.info("Nothing is executed: the properties of this step are those of %s", self.source.title)
            return Part(StepRole.REUSED, properties=properties, shown=shown)
        publish_status(self.context, status)
        ended = "did not run" if status is StepStatus.NOT_RUN else f"ended as {status}"
        why = f"Step {self.step} is not executed, and {ended} in {self.source.title}, from which it is reused"
        if self.selection.holds_nothing_up(self.step, self.outcomes):
            if isinstance(properties, dict):
                publish_properties(self.context, properties)
            return Part(StepRole.REUSED, skipped=why, shown=shown)
        self.log.warning("%s; its task succeeds all the same, for the steps after it that have a result there", why)
        return Part(StepRole.REUSED, properties=properties, shown=shown)

    def _properties(self) -> Json:
        try:
            return self.source.properties(self.step)
        except AwsCallError as error:
            purpose = f"read what this step left in {self.source.title}"
            raise StepFailedError.of_refusal(self.step, error, purpose=purpose) from error
        except OutputParametersError as error:
            message = f"what it returned in {self.source.title} is not what it declares now: {error}"
            raise StepError(self.step, f"{message}; select it, too") from error

    def _require_properties(self, properties: Json) -> None:
        if properties is not None:
            return
        missing = f"{self.source.title} has no properties of this step (they were deleted, or it was marked successful)"
        readers = self.selection.readers(self.step)
        if readers:
            raise StepError(
                self.step,
                f"{missing}, and {', '.join(readers)} needs them: select {self.step}, too, or name another run in "
                f"{SOURCE_RUN}",
            )
        self.log.warning("%s; no selected step reads them", missing)


def _selection(plan: StepPlan, settings: PipelineRunSettings, names: tuple[str, ...], *, has_source: bool) -> Selection:
    try:
        return select(settings.pipeline.plans, names, has_source=has_source)
    except SelectionError as error:
        raise StepError(plan.step.name, str(error)) from error


def _source(
    plan: StepPlan,
    settings: PipelineRunSettings,
    options: RunOptions,
    selection: Selection,
    context: Context,
    connection: AwsConnection,
) -> Source | None:
    """Return the source run, ``None`` if there is nothing to reuse."""
    step, named = plan.step.name, options.source_run
    if named == NO_RUN or (named == LATEST_RUN and not selection.reused):
        return None
    if named != LATEST_RUN:
        return named_source(named, step, settings, context, connection)
    agreed = _agreed_source(plan, settings, context)
    if agreed is not None:
        return named_source(agreed, step, settings, context, connection)
    found = latest_source(step, settings, context)
    if found is None:
        _selection(plan, settings, options.select_steps, has_source=False)
    return found


def _agreed_source(plan: StepPlan, settings: PipelineRunSettings, context: Context) -> str | None:
    """Return the source run that the tasks before this one have used, ``None`` if none has told.

    They would find the same one, unless the runs of the DAG have changed since: one was deleted, or a backfill has
    added some.
    """
    told = {
        found["SourceRun"]
        for task_id in _task_ids_before(plan, settings, context["ti"].task_id)
        if isinstance(found := pull_xcom(context, task_id, SELECTION_KEY, -1), dict) and found.get("SourceRun")
    }
    if len(told) > 1:
        raise StepError(
            plan.step.name,
            f"the tasks before this one have reused different runs ({', '.join(sorted(map(str, told)))}), since runs "
            f"were added or deleted meanwhile: clear this run, or start one that names its {SOURCE_RUN}",
        )
    return str(told.pop()) if told else None


def _task_ids_before(plan: StepPlan, settings: PipelineRunSettings, own: str) -> Iterable[str]:
    loop = plan.step.name if plan.body_steps else plan.step.body_of
    if loop and settings.first_task_id(loop) != own:
        return [settings.first_task_id(loop)]
    return [settings.task_ids[edge.upstream] for edge in plan.edges]
