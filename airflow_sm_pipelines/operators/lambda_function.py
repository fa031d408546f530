"""The Lambda step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_sm_pipelines.aws.lambda_function import FunctionAnswer, invoke, region_of
from airflow_sm_pipelines.aws.requests.messages import function_and_event, invocation
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.errors import (
    RequestError,
    StepError,
    StepInterruptedError,
    StepTimeoutError,
    UnfitRequestError,
)
from airflow_sm_pipelines.execution.kill_switch import KilledError
from airflow_sm_pipelines.execution.retry_policy import OnUnknown
from airflow_sm_pipelines.operators.base import StepOperator

if TYPE_CHECKING:
    from airflow_sm_pipelines.execution.step_run import StepRun

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

    def shown_request(self, plan: StepPlan) -> Json:
        """Show what the call will hold."""
        return {"FunctionName": plan.step.members.get("FunctionArn"), "Payload": plan.step.arguments}

    def act(self, run: StepRun) -> JsonObject:
        """Invoke the function and return its typed outputs; runs in the worker."""
        # It loads pydantic, and only a running task needs it.
        from airflow_sm_pipelines.execution.invocation import Invocation

        function, event = self._function_and_event(run)
        self.request = {"FunctionName": function, "Payload": event}
        client = run.client("lambda")
        _require_region(run, function, client.meta.region_name)
        if run.kill_switch.is_flipped:
            raise self._ended(run, "The function was not invoked")
        declared = cast("list[Mapping[str, Any]]", run.plan.step.members.get("OutputParameters") or [])
        record = Invocation(
            identity=run.identity,
            function=function,
            context=run.context,
            on_unknown=OnUnknown(self.on_unknown),
            log=self.log,
        )

        def invoke_once(custom: Mapping[str, str]) -> FunctionAnswer:
            return self._wait_for(run, lambda: invoke(client, invocation(function, event, custom)))

        cache = run.cache()
        if cache is None:
            return {"OutputParameters": record.run(declared, invoke_once)}
        members: JsonObject = {
            "FunctionArn": function,
            "OutputParameters": run.plan.step.members.get("OutputParameters"),
        }
        signature = cache.signature_of_message(event, members)

        reused: JsonObject | None = None

        def find_answer() -> JsonObject | None:
            nonlocal reused
            reused = cache.find_outputs(signature)
            return reused

        outputs = record.run(declared, invoke_once, find_answer)
        if reused is None:
            cache.keep(signature, outputs=outputs)
        else:
            self.leave_assets_as_they_are()
        return {"OutputParameters": outputs}

    def _function_and_event(self, run: StepRun) -> tuple[str, Any]:
        try:
            return function_and_event(run.start())
        except UnfitRequestError as error:
            raise RequestError(run.step, str(error)) from error

    def _wait_for(self, run: StepRun, call: Callable[[], FunctionAnswer]) -> FunctionAnswer:
        """Make a call in a thread, so that this one sees when Airflow wants the task to end."""
        try:
            return run.kill_switch.wait_for(call)
        except AirflowTaskTimeout as error:
            message = f"the function took longer than execution_timeout ({self.execution_timeout}). {_GOES_ON}"
            raise StepTimeoutError(run.step, message) from error
        except KilledError as error:
            raise self._ended(run, _GOES_ON) from error

    def _ended(self, run: StepRun, consequence: str) -> StepError:
        self.log.warning("The task was told to end. %s", consequence)
        given_up, state = run.is_given_up()
        if given_up:
            return StepError(run.step, f"its task was ended ({state}). {consequence}")
        return StepInterruptedError(run.step, f"the worker was told to end. {consequence}")


def _require_region(run: StepRun, function: str, own: str) -> None:
    """Refuse a function of another region than the step's connection (developer guide, "Lambda step").

    Raises:
        RequestError: The function's ARN names another region.
    """
    region = region_of(function)
    if region in ("", own) or not run.checks_limits:
        return
    raise RequestError(
        run.step,
        f"FunctionArn: the function is in {region}, but the step's connection leads to {own}; a Lambda step takes a "
        f"function of the pipeline's own region: name one of {own}, or give the step the region_name {region} through "
        "overrides",
    )
