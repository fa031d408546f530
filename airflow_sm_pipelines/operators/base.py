"""What all step operators share. Constructed at parse time in every Airflow process; the rest runs in the worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferralTimeout

from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.errors import StepError
from airflow_sm_pipelines.execution.airflow_internals.authoring import (
    DEFAULT_RETRIES,
    TRIGGER_FAIL_REPR,
    retry_policy_argument,
)
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.kill_switch import KillSwitch
from airflow_sm_pipelines.execution.retry_decision import ToldRetryPolicy
from airflow_sm_pipelines.execution.retry_policy import SPARE_DELAYS, SPARE_RETRIES
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.operators.unresolved_request import UnresolvedRequest
from airflow_sm_pipelines.semantics.readiness import needs_gate
from airflow_sm_pipelines.semantics.retry import RetryRule, most_retries, rules_of

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Asset, Context
    from jinja2 import Environment

    from airflow_sm_pipelines.execution.airflow_internals.values_of_tasks import StepOutput
    from airflow_sm_pipelines.execution.selection import Part
    from airflow_sm_pipelines.execution.step import JobStep
    from airflow_sm_pipelines.execution.step_run import StepRun

_NATIVE_DELAYS = (20.0, 60.0)
_DEFAULT_WAITING = Waiting()


def _native_delay(step: Step, rules: Sequence[RetryRule], wished: timedelta | None) -> dict[str, Any]:
    """Return Airflow's own retry arguments.

    The policy object decides the delays of failures. Airflow's own serve for tries that die or cannot begin, and the UI
    shows them: `SPARE_DELAYS`, or with one policy that policy's, if it neither uses the spare retries up sooner nor
    leaves the job of a dead worker alone for long.
    """
    if wished is not None:
        return {"retry_delay": wished}
    shortest, longest = _NATIVE_DELAYS
    if len(step.retry_policies) == 1 and shortest <= rules[0].interval <= longest:
        backoff = rules[0].backoff_rate if rules[0].backoff_rate > 1 else 0.0
        return {"retry_delay": timedelta(seconds=rules[0].interval), "retry_exponential_backoff": backoff}
    return dict(SPARE_DELAYS)


class StepOperator(BaseOperator):
    """One step of a pipeline.

    Args:
        plan: The step and its edges.
        settings: What all steps of the DAG share.
        connection: Which AWS the step talks to.
        waiting: How the worker waits for an AWS job; steps without one have no use for it.
        retries: How often failures are retried that none of the step's retry policies matches. Airflow's own number
            for the task is higher: it also covers what the policies grant, and workers that die.
        retry_delay: Wait before a retry that no policy times, e.g. after the death of a worker. Default: 20 s, 40 s and
            so on, or the delays of the step's only policy.
        kwargs: Any argument of Airflow's ``BaseOperator``.
    """

    template_fields: Sequence[str] = ("request",)
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {"request": "json"}
    overwrite_rtif_after_execution = True
    owns_job: ClassVar[bool] = False
    shallow_copy_attrs: Sequence[str] = ("plan", "settings", "connection", "waiting", "retry_policy")

    def __init__(
        self,
        *,
        plan: StepPlan,
        settings: PipelineRunSettings,
        connection: AwsConnection,
        waiting: Waiting = _DEFAULT_WAITING,
        retries: int | None = None,
        retry_delay: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        rules = rules_of(plan.step.retry_policies)
        # Without a wish of the DAG's author, that of the deployment: [core] default_task_retries.
        unmatched = DEFAULT_RETRIES if retries is None else retries
        if needs_gate(plan):
            kwargs["trigger_rule"] = "all_done"
        super().__init__(
            task_display_name=kwargs.pop("task_display_name", plan.step.display_name or None),
            retries=most_retries(rules) + unmatched + SPARE_RETRIES,
            **retry_policy_argument(ToldRetryPolicy(rules, unmatched)),
            **{**_native_delay(plan.step, rules, retry_delay), **kwargs},
        )
        self.plan = plan
        self.settings = settings
        self.connection = connection
        self.waiting = waiting
        self.request: Any = UnresolvedRequest(self.shown_request(plan))
        self.kill_switch = KillSwitch()

    @property
    def doc_md(self) -> str:
        """The docs of the task: its author's own, and those of the step, written when Airflow serializes the DAG."""
        from airflow_sm_pipelines.operators.step_docs import step_documentation

        rules, request = rules_of(self.plan.step.retry_policies), self.shown_request(self.plan)
        of_step = step_documentation(type(self), self.plan, rules, request, self.settings.pipeline)
        return f"{self._own_docs}\n\n{of_step}" if self._own_docs else of_step

    @doc_md.setter
    def doc_md(self, own: str | None) -> None:
        self._own_docs = own

    @property
    def output(self) -> StepOutput:
        """The step's properties, for a task of the DAG's author: ``output["ModelArtifacts"]["S3ModelArtifacts"]``."""
        # Only a DAG file that uses it needs it.
        from airflow_sm_pipelines.execution.airflow_internals.values_of_tasks import StepOutput

        return StepOutput(self)

    def shown_request(self, plan: StepPlan) -> Json:
        """Return the part of the definition that the UI shows as the step's request."""
        return plan.step.arguments

    def execute(self, context: Context) -> Json:
        """Run the step: its gate first, then what it is for; a kill counts from here on."""
        # Only a running task needs it, and DAG files are parsed far more often than tasks run.
        from airflow_sm_pipelines.operators.step_course import ending_known_to_others

        self.kill_switch = KillSwitch()
        try:
            with ending_known_to_others(self, context):
                return self.begin(context)
        except StepError as error:
            raise self._told(error, context) from None

    def begin(self, context: Context) -> Json:
        """Pass the gate and do the step's work."""
        from airflow_sm_pipelines.operators.step_course import enter, look_back, part_in_selection

        look_back(self, context)
        part = part_in_selection(self, context)
        if part is not None and not part.is_executed:
            return self.stand_in(part)
        enter(self, context, part)
        run = self.step_run(context)
        run.tell_name()
        return self.act(run)

    def stand_in(self, part: Part) -> Json:
        """Return the properties of a step that is not executed.

        Args:
            part: What its task does instead.

        Raises:
            AirflowSkipException: It is neither executed nor reused, or had no result in the source run.
        """
        self.request = part.shown
        self.leave_assets_as_they_are()
        if part.skipped:
            raise AirflowSkipException(part.skipped)
        return part.properties

    def leave_assets_as_they_are(self) -> None:
        """Emit no asset event: the step has the result of an earlier run, or none."""
        self.outlets = []

    def begin_in_turn(self, context: Context, event: Mapping[str, Json] | None = None) -> Json:
        """Begin again when there may be room for the step (``max_parallel_steps``); runs in a new worker process."""
        return self.begin(context)

    def resume_execution(self, next_method: str, next_kwargs: JsonObject | None, context: Context) -> Any:
        """Go on after a deferral; runs in a new worker process."""
        from airflow_sm_pipelines.operators.step_course import ending_known_to_others, superseded

        try:
            with ending_known_to_others(self, context):
                if next_method != TRIGGER_FAIL_REPR and not hasattr(self, next_method):
                    raise superseded(self, context)
                return self.resumed(next_method, next_kwargs, context)
        except StepError as error:
            raise self._told(error, context) from None

    def resumed(self, next_method: str, next_kwargs: JsonObject | None, context: Context) -> Any:
        """Return what the method returns in which a deferred task goes on.

        Args:
            next_method: Name of the method.
            next_kwargs: Its arguments, or the news that the deferral has failed.
            context: Airflow's task context.

        Raises:
            airflow.sdk.exceptions.TaskDeferralError: The triggerer could not run the trigger, or took too long.
        """
        return super().resume_execution(next_method, next_kwargs, context)

    def _told(self, error: StepError, context: Context) -> StepError:
        """Tell what follows from a failure, and return the failure without its traceback and cause.

        Airflow logs the traceback of every exception. The message of a `StepError` says what happened, where, and what
        to do; the way that it took through our code helps nobody who runs a pipeline. At level DEBUG it is logged.
        """
        self.log.debug("The step failed", exc_info=error)
        # The DAG's author may have set another policy.
        if isinstance(self.retry_policy, ToldRetryPolicy) and self.retry_policy.tell(error, context, self.log):
            from airflow_sm_pipelines.execution.metrics import count_retry

            count_retry(context, self.plan.step.type, error)
        return error.with_traceback(None)

    def on_kill(self) -> None:
        """Wake the waiting step; Airflow calls this in a signal handler, where hardly anything else is safe."""
        self.kill_switch.flip()

    def step_run(self, context: Context) -> StepRun:
        """Return this try of the step."""
        from airflow_sm_pipelines.execution.step_run import StepRun

        return StepRun(self.plan, self.settings, self.connection, context, self.log, self.kill_switch)

    def act(self, run: StepRun) -> Json:
        """Do the step's work and return its properties.

        Args:
            run: This try of the step.
        """
        raise NotImplementedError


class JobOperator(StepOperator):
    """A step that runs one AWS job; its properties are the Describe response of its resource."""

    owns_job = True
    own_asset: Asset | None = None
    changes_own_asset: bool = True
    described: JsonObject | None = None

    def execute(self, context: Context) -> Json:
        """Run the step; what the UI shows of it is complete when it defers or ends."""
        from airflow_sm_pipelines.execution.airflow_internals.shown_fields import show_from_now_on

        show_from_now_on(self)
        return super().execute(context)

    @property
    def kind(self) -> ResourceKind:
        """The row of the resource that the step creates."""
        kind = CATALOG[self.plan.step.type].kind_of(self.plan.step.arguments)
        if kind is None:
            raise TypeError(f"{type(self).__name__}: a {self.plan.step.type} step creates no resource")
        return kind

    def act(self, run: StepRun) -> Json:
        """Run the job to its end, or defer; returns the job's properties."""
        return self._job_step(run).start()

    def described_request(self, properties: Mapping[str, Json], members: Iterable[str]) -> JsonObject:
        """Return what the UI shows as the request, when another process has resolved and sent it.

        Args:
            properties: The Describe response as plain JSON.
            members: The members of the Create request.
        """
        return {name: properties[name] for name in members if name in properties}

    def complete_properties(self, run: StepRun, properties: JsonObject) -> JsonObject:
        """Return the properties that the step publishes; runs in the worker when the job has succeeded.

        Args:
            run: This try of the step.
            properties: The Describe response as plain JSON.

        Raises:
            StepFailedError: The job has succeeded, but the step has not.
        """
        return properties

    def prepare_for_execution(self) -> Self:
        """Return the task as a worker runs it: without its own asset among the outlets, until the asset has changed.

        At the start of a task with outlets, Airflow is asked whether another DAG claims the same assets, and such a
        task fails. The step's work does not depend on that, and the others need not wait for the answer.
        """
        prepared = super().prepare_for_execution()
        prepared.outlets = [outlet for outlet in self.outlets if outlet is not self.own_asset]
        return prepared

    def _tell_success(self, context: Context, described: JsonObject) -> None:
        self.described = described
        if self.outlets or (self.changes_own_asset and self.kind.asset_type):
            from airflow_sm_pipelines.execution.asset_events import changed_assets

            self.outlets = changed_assets(self.outlets, context, self.kind, described, also_own=self.changes_own_asset)

    def get_openlineage_facets_on_complete(self, task_instance: object) -> OperatorLineage[Any, Any]:
        """Return what the step has read and written, for the OpenLineage provider; runs in a fork of the worker.

        Nothing is told of a step that has failed, or has the result of an earlier run.

        Args:
            task_instance: Airflow's task instance.
        """
        from airflow_sm_pipelines.execution.open_lineage import operator_lineage
        from airflow_sm_pipelines.semantics.lineage import Lineage, lineage_of

        return operator_lineage(Lineage() if self.described is None else lineage_of(self.kind, self.described))

    def resume(self, context: Context, event: Mapping[str, Json] | None = None) -> Json:
        """Go on when the trigger has fired; runs in a new worker process."""
        return self._job_step(self.step_run(context)).resume(event or {})

    def resumed(self, next_method: str, next_kwargs: JsonObject | None, context: Context) -> Any:
        """Stop a job that still runs if Airflow ended the deferral because ``execution_timeout`` has passed."""
        try:
            return super().resumed(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            return self._job_step(self.step_run(context)).time_out()

    def render_template_fields(self, context: Context, jinja_env: Environment | None = None) -> None:
        """Render nothing; runs in the worker before the task begins or goes on.

        What the UI shows of a task that goes on with its job was stored before it deferred, and stays. One that will
        defer shows its request when it has been sent.
        """
        from airflow_sm_pipelines.execution.airflow_internals.shown_fields import (
            goes_on_in,
            leave_what_is_shown,
            show_later,
        )

        super().render_template_fields(context, jinja_env)
        going_on_in = goes_on_in(context)
        if going_on_in == "resume":
            leave_what_is_shown(self)
        elif not going_on_in and self.waiting.deferrable:
            show_later(self)

    def _defer_shown(self, **deferral: Any) -> NoReturn:
        from airflow_sm_pipelines.execution.airflow_internals.shown_fields import store_what_is_shown

        store_what_is_shown(self)
        self.defer(**deferral)

    def _job_step(self, run: StepRun) -> JobStep:
        from airflow_sm_pipelines.execution.step import JobStep, JobTask

        task = JobTask(
            kind=self.kind,
            calls=CATALOG[self.plan.step.type].builder(),
            waiting=self.waiting,
            defer=self._defer_shown,
            timeout=self.execution_timeout,
            show_request=partial(setattr, self, "request"),
            described_request=self.described_request,
            complete_properties=self.complete_properties,
            tell_reuse=self.leave_assets_as_they_are,
            tell_success=partial(self._tell_success, run.context),
        )
        return JobStep(task, run)
