"""The Lambda step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any, NoReturn, cast

from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_sm_pipelines.aws.calls import CallRefusedError
from airflow_sm_pipelines.aws.lambda_function import invoke
from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.errors import StepError, StepFailedError, StepInterruptedError, StepTimeoutError
from airflow_sm_pipelines.execution.identity import StepIdentity, identify
from airflow_sm_pipelines.execution.retry_policy import OnUnknown
from airflow_sm_pipelines.execution.scope import TaskScope, step_errors
from airflow_sm_pipelines.execution.task_states import task_state
from airflow_sm_pipelines.operators.base import StepOperator
from airflow_sm_pipelines.semantics.ownership import Verdict, verdict_of_worker_kill

_GOES_ON = "Lambda cannot stop a function: it goes on, and its answer is lost"


class LambdaOperator(StepOperator):
    """Invokes a function and waits for its answer in the worker; its properties are ``{"OutputParameters": {…}}``.

    An invocation cannot be found again after a crash, nor be stopped. It is not deferrable: the answer comes over the
    connection that made the call.

    Args:
        on_unknown: What a try does when an earlier one died or lost the connection between invocation and answer:
            ``"retry"`` invokes again, so that the function runs at least once; ``"fail"`` fails until the task is
            cleared, so that it runs at most once.
        kwargs: As for `StepOperator`.
    """

    ui_color = "#fad7ac"

    def __init__(self, *, on_unknown: str = "retry", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # `StepOverrides` has refused other values, with a message for people.
        self.on_unknown = OnUnknown(on_unknown).value

    def shown_request(self, plan: StepPlan) -> Any:
        """Show what the call will hold."""
        return {"FunctionName": plan.step.members.get("FunctionArn"), "Payload": plan.step.arguments}

    def act(self, context: Any) -> dict[str, Any]:
        """Invoke the function and return its typed outputs; runs in the worker."""
        # It loads pydantic, and only a running task needs it.
        from airflow_sm_pipelines.execution.invocation import Invocation  # noqa: PLC0415

        self._events: SimpleQueue[Any] = SimpleQueue()
        step = self.plan.step
        identity = identify(step.name, context)
        function, event = self._resolved(context, identity)
        self.request = {"FunctionName": function, "Payload": event}
        try:
            client = self.connection.client("lambda")
        except CallRefusedError as error:
            raise StepFailedError(identity.step, str(error), exception_type=error.exception_type) from error
        if not self._events.empty():
            self._end(identity, "The function was not invoked")
        declared = cast("list[Mapping[str, Any]]", step.members.get("OutputParameters") or [])
        invocation = Invocation(
            identity=identity,
            function=function,
            context=context,
            on_unknown=OnUnknown(self.on_unknown),
            log=self.log,
        )
        outputs = invocation.run(
            declared, lambda custom: self._wait_for(lambda: invoke(client, function, event, custom), identity)
        )
        return {"OutputParameters": outputs}

    def _resolved(self, context: Any, identity: StepIdentity) -> tuple[str, Any]:
        step = self.plan.step
        scope = TaskScope(self.settings, context, self.connection, identity.execution_id, job_names={})
        with step_errors(step.name, "FunctionArn"):
            function = evaluate(step.members.get("FunctionArn"), scope)
        if not isinstance(function, str) or not function:
            raise StepError(step.name, f"FunctionArn: must be the name or ARN of a function, but is {function!r}")
        with step_errors(step.name, "Arguments"):
            return function, evaluate(step.arguments, scope, payload=True)

    # -- waiting -----------------------------------------------------------------------------------------------------

    def on_kill(self) -> None:
        """Wake the waiting step; Airflow calls this in a signal handler, in which a `SimpleQueue` may be used."""
        events: SimpleQueue[Any] | None = getattr(self, "_events", None)
        if events is not None:
            events.put(_KILLED)

    def _wait_for(self, call: Callable[[], Any], identity: StepIdentity) -> Any:
        """Make a call in a thread, so that this one sees when Airflow wants the task to end."""
        # A daemon: a process that was told to end does not wait for the function.
        threading.Thread(target=_report, args=(call, self._events), name="lambda-invoke", daemon=True).start()
        try:
            event = self._events.get()
        except AirflowTaskTimeout as error:
            message = f"the function took longer than execution_timeout ({self.execution_timeout}). {_GOES_ON}"
            raise StepTimeoutError(identity.step, message) from error
        if event is _KILLED:
            self._end(identity, _GOES_ON)
        answer, failure = event
        if failure is not None:
            raise failure
        return answer

    def _end(self, identity: StepIdentity, consequence: str) -> NoReturn:
        self.log.warning("The task was told to end. %s", consequence)
        owner = identity.owner
        state = task_state(owner.dag_id, owner.run_id, owner.task_id, owner.map_index)
        if verdict_of_worker_kill(state) is Verdict.STOP:
            raise StepError(identity.step, f"its task was ended ({state}). {consequence}")
        raise StepInterruptedError(identity.step, f"the worker was told to end. {consequence}")


_KILLED = object()


def _report(call: Callable[[], Any], events: SimpleQueue[Any]) -> None:
    try:
        events.put((call(), None))
    except BaseException as error:
        events.put((None, error))
