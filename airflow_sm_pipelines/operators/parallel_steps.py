"""How the task of a step takes its place among the steps in progress, and gives it back; runs in the worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_sm_pipelines.errors import StepError, StepInterruptedError
from airflow_sm_pipelines.execution.bounds import bound_at_start
from airflow_sm_pipelines.semantics.parallelism import is_counted

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_sm_pipelines.operators.base import StepOperator


def enter_if_there_is_room(operator: StepOperator, context: Context) -> None:
    """Return when the step may begin; else end the process, to begin again later in ``begin_in_turn``.

    Args:
        operator: The task.
        context: Airflow's task context.

    Raises:
        airflow.sdk.exceptions.TaskDeferred: The task waits in the triggerer.
        AirflowRescheduleException: The task is not deferrable, or runs in ``dag.test()``.
        StepError: The bound of the run is no number, or the process was told to end.
    """
    bound = _bound(operator, context)
    if bound is None:
        return
    # Most runs have no bound.
    from airflow_sm_pipelines.execution.parallelism import Entrant, enter_or_wait
    from airflow_sm_pipelines.execution.recorded_job import end_job_of_another_epoch

    step = operator.plan.step.name

    def stop_leftover() -> None:
        end_job_of_another_epoch(context, step, operator.log, time.sleep)

    entrant = Entrant(
        step=step,
        settings=operator.settings,
        bound=bound,
        deferrable=operator.waiting.deferrable,
        defer=operator.defer,
        method_name="begin_in_turn",
        pause=operator.kill_switch.wait,
        stop_leftover=stop_leftover,
        log=operator.log,
    )
    enter_or_wait(entrant, context)


@contextmanager
def counted(operator: StepOperator, context: Context) -> Iterator[None]:
    """Make room for another step when this one has ended; not when its worker is told to end, and its job runs.

    Args:
        operator: The task.
        context: Airflow's task context.
    """
    try:
        yield
    except StepInterruptedError:
        raise
    except StepError:
        _leave(operator, context)
        raise
    _leave(operator, context)


def _leave(operator: StepOperator, context: Context) -> None:
    bound = _bound(operator, context)
    if bound is not None:
        from airflow_sm_pipelines.execution.parallelism import leave

        leave(operator.plan.step.name, operator.settings, bound, context)


def _bound(operator: StepOperator, context: Context) -> int | None:
    """Return how many steps of the run may be in progress, ``None`` if there is no bound, or this one is free."""
    step = operator.plan.step
    return bound_at_start(operator.settings, context, step.name, operator.log) if is_counted(step) else None
