"""One try of one step, as the code that is special to its type sees it; runs in the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar, cast

from airflow_sm_pipelines.aws.calls import Body, call, input_shape, read_object
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.requests.mlflow import MlflowTarget
from airflow_sm_pipelines.aws.requests.shaping import shape_request
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, Log, StepStart
from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import (
    AwsCallError,
    RequestError,
    StepError,
    StepFailedError,
    UnfitRequestError,
)
from airflow_sm_pipelines.execution.airflow_internals.worker import task_state
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.identity import StepIdentity, identify
from airflow_sm_pipelines.execution.kill_switch import KillSwitch
from airflow_sm_pipelines.execution.resource_tags import resource_tags
from airflow_sm_pipelines.execution.run_trial import RunTrial
from airflow_sm_pipelines.execution.scope import StepScope, step_errors
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.execution.xcoms import own_map_index
from airflow_sm_pipelines.semantics.given_options import RunOptionError, RunOptions, read_run_options
from airflow_sm_pipelines.semantics.mlflow import mlflow_target
from airflow_sm_pipelines.semantics.ownership import Verdict, verdict_of_worker_kill

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger
    from botocore.client import BaseClient

    from airflow_sm_pipelines.execution.records import Attempt
    from airflow_sm_pipelines.execution.step_cache import StepCache

_Result = TypeVar("_Result")
_limits_count: ContextVar[bool] = ContextVar("limits_count", default=True)


@contextmanager
def limits_left_to_aws() -> Iterator[None]:
    """Send requests although they lack members or exceed the API's limits: a rehearsal's AWS notes what it refuses."""
    token = _limits_count.set(False)
    try:
        yield
    finally:
        _limits_count.reset(token)


@dataclass(frozen=True, slots=True)
class AttemptName:
    """What the calls of an attempt are made under.

    Attributes:
        name: Name of the attempt.
        token: Its random part.
    """

    name: str = ""
    token: str = ""


class Defer(Protocol):
    """Airflow's ``BaseOperator.defer``."""

    def __call__(self, *, trigger: BaseTrigger, method_name: str, timeout: timedelta | None = None) -> NoReturn:
        """End the process until the trigger fires, then go on in the method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingTask:
    """What the path of a step that waits needs of the operator whose task it runs.

    Attributes:
        waiting: How the worker waits.
        defer: Airflow's ``defer``.
        timeout: The task's ``execution_timeout``.
        show_request: Takes the request that the UI is to show.
        tell_reuse: Called when the result of an earlier run stands for the step.
    """

    waiting: Waiting
    defer: Defer
    timeout: timedelta | None = None
    show_request: Callable[[Json], None] = lambda _: None
    tell_reuse: Callable[[], None] = lambda: None


class StepRun:
    """One try of a step's task.

    Args:
        plan: The step and its edges.
        settings: What all steps of the DAG share.
        connection: Which AWS the step talks to.
        context: Airflow's task context.
        log: The task's log.
        kill_switch: Flipped when Airflow tells the process to end.

    Attributes:
        identity: Which execution, which task instance, which epoch.
        step: Name of the step; in a ForEach with the iteration.
    """

    def __init__(
        self,
        plan: StepPlan,
        settings: PipelineRunSettings,
        connection: AwsConnection,
        context: Context,
        log: Log,
        kill_switch: KillSwitch | None = None,
    ) -> None:
        self.plan = plan
        self.settings = settings
        self.connection = connection
        self.context = context
        self.log = log
        self.kill_switch = kill_switch or KillSwitch()
        self.identity: StepIdentity = identify(plan.step.name, context)
        self.step = self.identity.step
        self._scope = StepScope(settings, context, connection, lambda: self.identity.execution_id)
        self._clients: dict[str, BaseClient] = {}

    # -- what the run asks for -------------------------------------------------------------------------------------

    @property
    def options(self) -> RunOptions:
        """The options of the DAG run.

        Raises:
            StepError: One of them has a value that it cannot have.
        """
        try:
            return read_run_options(self.context["params"])
        except RunOptionError as error:
            raise StepError(self.step, str(error)) from error

    def tell_name(self) -> None:
        """Log the run's name for people, if it has one; the steps that the pipeline starts with do so."""
        is_first = not self.plan.edges and self.plan.step.body_of is None
        if is_first and self.options.display_name:
            execution = self.identity.execution_id
            self.log.info("This is %s, execution %s of %s", self.options.display_name, execution, self.settings.name)

    def cache(self) -> StepCache | None:
        """Return the results of earlier runs that may stand for the step; ``None`` if none may.

        A step whose ``CacheConfig`` is not enabled loads nothing for it.

        Raises:
            StepError: An option of the run has a value that it cannot have.
        """
        config = self.plan.step.cache_config
        if config is None or not config.enabled:
            return None
        from airflow_sm_pipelines.execution.step_cache import StepCache

        return StepCache.of(self)

    # -- values ----------------------------------------------------------------------------------------------------

    @property
    def scope(self) -> StepScope:
        """Where the expressions of the step find their values."""
        return self._scope

    def resolve(self, value: Json, place: str, *, payload: bool = False) -> Json:
        """Return a value of the definition with every expression replaced.

        Args:
            value: Any JSON value of the step.
            place: Where it stands, for messages.
            payload: It belongs to the payload of a Lambda or Callback step.

        Raises:
            UndefinedReferenceError: A reference has no value.
            StepFailedError: AWS was too busy to answer what a reference needs.
        """
        with step_errors(self.step, place):
            return evaluate(value, self._scope, payload=payload)

    def members(self) -> dict[str, Json]:
        """Return the type's own members at step level, such as ``SkipCheck``, resolved."""
        return {name: self.resolve(value, name) for name, value in self.plan.step.members.items()}

    def go_on_with(self, attempt: Attempt) -> None:
        """Evaluate as the process did that opened an attempt: ``CurrentDateTime`` is the attempt's."""
        if attempt.evaluated_at:
            self._scope.set_now(datetime.fromisoformat(attempt.evaluated_at))

    def mlflow(self) -> MlflowTarget | None:
        """Return where the jobs of the run log to with MLflow, ``None`` if nobody says so.

        Raises:
            StepError: The run names an experiment, and nobody a server.
        """
        config = self.settings.pipeline.mlflow_config
        with step_errors(self.step, "MlflowConfig"):
            said = None if config is None else evaluate(config, self._scope.of_execution())
        try:
            return mlflow_target(cast("JsonObject | None", said), self.options)
        except RunOptionError as error:
            raise StepError(self.step, str(error)) from error

    def trial(self) -> tuple[str, str] | None:
        """Return the names of the execution's experiment and trial, ``None`` if the definition has none."""
        if self.settings.pipeline.experiment_config is None:
            return None
        with step_errors(self.step, "PipelineExperimentConfig"):
            return str(self._scope.experiment("ExperimentName")), str(self._scope.experiment("TrialName"))

    # -- AWS -------------------------------------------------------------------------------------------------------

    @property
    def checks_limits(self) -> bool:
        """Whether what AWS would refuse is refused before it is sent; not in a rehearsal."""
        return _limits_count.get()

    def client(self, service: str) -> BaseClient:
        """Return a boto3 client; the same one for each service.

        Raises:
            StepFailedError: It cannot be made from the connection.
        """
        if service not in self._clients:
            try:
                self._clients[service] = self.connection.client(service)
            except AwsCallError as error:
                raise StepFailedError.of_refusal(self.step, error) from error
        return self._clients[service]

    def start(self, attempt: AttemptName | None = None, kind: ResourceKind | None = None) -> StepStart:
        """Return what the calls that start the step's work are made of.

        Args:
            attempt: The attempt; ``None`` for a step that has none.
            kind: The row of the resource that the step creates; ``None`` if it creates none.
        """
        named = attempt or AttemptName()
        trial = RunTrial(self.settings, self.identity, self.context)
        scope = self._scope.of_job({kind.name_member: named.name}) if kind else self._scope

        def resolve(value: Json, place: str, payload: bool) -> Json:
            with step_errors(self.step, place):
                return evaluate(value, scope, payload=payload)

        return StepStart(
            step=self.step,
            attempt=named.name,
            arguments=self.plan.step.arguments,
            resolve=resolve,
            members=self.members,
            trial=self.trial,
            shape=self._shape,
            tags=resource_tags(self.identity.owner),
            log=self.log,
            kind=kind,
            role_arn=self.settings.role_arn,
            execution_id=self.identity.execution_id,
            token=named.token,
            try_number=str(self.identity.try_number),
            step_types={step.name: step.type for step in self.settings.pipeline.steps},
            trial_is_created=trial.is_created,
            note_trial=trial.note,
            mlflow=self.mlflow,
            display_name=self.options.display_name,
        )

    def perform(self, calls: Calls[_Result]) -> _Result:
        """Make the calls of a builder, one after the other, and return what they were made for.

        Raises:
            StepFailedError: AWS refused a call, or did not answer it.
            RequestError: A request does not fit the API.
        """
        try:
            wanted = next(calls)
            while True:
                try:
                    answer = self._answer(wanted)
                except AwsCallError as error:
                    wanted = self._go_on(calls, wanted, error)
                else:
                    wanted = calls.send(answer)
        except StopIteration as done:
            result: _Result = done.value
            return result
        except UnfitRequestError as error:
            raise RequestError(self.step, str(error)) from error

    def shaped(self, wanted: AwsCall) -> JsonObject:
        """Return a call's request in the API's own types.

        Raises:
            RequestError: It does not fit the API; lists every fault.
        """
        request, faults = self._shape(wanted)
        if faults:
            raise RequestError.of_faults(self.step, f"the resolved request does not fit {wanted.operation}", faults)
        return request

    def _shape(self, wanted: AwsCall) -> tuple[JsonObject, Sequence[str]]:
        try:
            shape = input_shape(self.client(wanted.service), wanted.operation)
        except AwsCallError as error:
            raise StepError(self.step, error.message) from error
        return shape_request(wanted.request, shape, complete=_limits_count.get())

    def _answer(self, wanted: AwsCall) -> Body:
        client, request = self.client(wanted.service), self.shaped(wanted)
        if wanted.operation == "GetObject":  # its answer is a stream, which may break off
            return {"Body": read_object(client, str(request["Bucket"]), str(request["Key"]))}
        return call(client, wanted.operation, request)

    def _go_on(self, calls: Calls[_Result], wanted: AwsCall, error: AwsCallError) -> AwsCall:
        """Tell a builder that its call was refused; what it does not expect fails the step."""
        try:
            return calls.throw(error)
        except AwsCallError as unexpected:
            raise StepFailedError.of_refusal(
                self.step, unexpected, purpose=wanted.purpose, advice=wanted.advice
            ) from unexpected

    # -- the end of the process ------------------------------------------------------------------------------------

    @property
    def is_fail_fast(self) -> bool:
        """Whether the failure of another step ends this one: ``fail_fast`` of the DAG."""
        dag: Any = getattr(self.context["ti"].task, "dag", None)
        return bool(dag is not None and dag.fail_fast)

    def is_given_up(self) -> tuple[bool, str | None]:
        """Tell whether nobody wants the step any more when Airflow ends its process, and the state of its task."""
        ti = self.context["ti"]
        state = task_state(ti.dag_id, ti.run_id, ti.task_id, own_map_index(self.context))
        return verdict_of_worker_kill(state) is Verdict.STOP, state
