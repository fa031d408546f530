"""What the tests of a try of a step's task share."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB, ResourceKind
from airflow_sm_pipelines.aws.requests.jobs import job_calls
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.execution.kill_switch import KillSwitch
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.execution.step import JobStep, JobTask
from airflow_sm_pipelines.execution.step_run import StepRun
from airflow_sm_pipelines.execution.triggers import JobTrigger
from airflow_sm_pipelines.semantics.settling import SETTLE_SECONDS


class DeferredError(Exception):
    """Stands for Airflow's `TaskDeferred`."""

    def __init__(self, trigger: JobTrigger, method_name: str, timeout: timedelta | None) -> None:
        self.trigger, self.method_name, self.timeout = trigger, method_name, timeout


class Killed(KillSwitch):
    """A kill switch that is waited for in no time."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.flipped_at_wait: int | None = None

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        assert len(self.waits) < 500, "never ends"
        return len(self.waits) == self.flipped_at_wait


@dataclass
class Task:
    """The task of a step, and what it shows."""

    plan: StepPlan
    settings: PipelineRunSettings
    connection: Any
    kind: ResourceKind = PROCESSING_JOB
    request: Any = None
    killed: KillSwitch = field(default_factory=Killed)
    waiting: Waiting = field(default_factory=lambda: Waiting(settle=SETTLE_SECONDS))
    execution_timeout: timedelta | None = None
    calls: Any = field(default=job_calls)
    complete_properties: Any = field(default_factory=lambda: lambda _run, properties: properties)

    def step(self, context: Any) -> JobStep:
        """A try of the task."""
        task = JobTask(
            kind=self.kind,
            calls=self.calls,
            waiting=self.waiting,
            defer=self.defer,
            timeout=self.execution_timeout,
            show_request=partial(setattr, self, "request"),
            complete_properties=self.complete_properties,
        )
        log = logging.getLogger("step")
        return JobStep(task, StepRun(self.plan, self.settings, self.connection, context, log, self.killed))

    def defer(self, *, trigger: JobTrigger, method_name: str, timeout: timedelta | None = None) -> NoReturn:
        raise DeferredError(trigger, method_name, timeout)


def the_job(sagemaker: Any) -> dict[str, Any]:
    (job,) = sagemaker.jobs.values()
    return dict(job)
