"""Stand-ins for what a Callback step's task has around it: a worker that dies, a queue, people, answers."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NoReturn

import pytest
from cryptography.fernet import Fernet

from airflow_sm_pipelines.callbacks import queue
from airflow_sm_pipelines.callbacks.attempts import answer_key
from airflow_sm_pipelines.callbacks.rules import SUCCESS, Answer, digest_of
from airflow_sm_pipelines.callbacks.step import CallbackStep
from airflow_sm_pipelines.callbacks.trigger import CallbackTrigger
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.execution.kill_switch import KillSwitch
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.execution.step_run import StepRun, WaitingTask
from airflow_sm_pipelines.operators.unresolved_request import UnresolvedRequest
from tests.conftest import FakeStore

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/Queue"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/Pipe/execution/abcdef012345"
OUTPUTS = [
    {"OutputName": "approved", "OutputType": "Boolean"},
    {"OutputName": "rows", "OutputType": "Integer"},
]
GOOD = Answer(SUCCESS, {"approved": "true", "rows": "12"})
TYPED = {"OutputParameters": {"approved": True, "rows": 12}}


class CrashError(BaseException):
    """The worker dies."""


class DeferredError(Exception):
    def __init__(self, trigger: CallbackTrigger, method_name: str, timeout: timedelta | None) -> None:
        self.trigger, self.method_name, self.timeout = trigger, method_name, timeout


@dataclass
class World:
    """What outlives a worker, and what it does to the rest of the world; dies at an effect if told to.

    Attributes:
        messages: The bodies in the queue.
        asked: How often people were asked.
        probed: For each look whether the API server serves the endpoint: whether the step can be deferred.
        masked: What was masked in the log when a message was sent.
        effects: What was done, in order.
        dies_at: Number of the effect before (``False``) or after (``True``) which the worker dies.
    """

    store: FakeStore = field(default_factory=FakeStore)
    messages: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0
    probed: list[bool] = field(default_factory=list)
    masked: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    dies_at: tuple[int, bool] | None = None
    error: Exception | None = None
    region: str | None = None

    def effect(self, name: str, do: Callable[[], Any]) -> Any:
        number = len(self.effects)
        self.effects.append(name)
        if self.dies_at == (number, False):
            raise CrashError
        result = do()
        if self.dies_at == (number, True):
            raise CrashError
        return result

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        assert retention == timedelta.max, "an answer may take longer than any default"
        self.effect(key.partition(":")[0], lambda: self.store.set(key, value))

    def get(self, key: str) -> Any:
        return self.store.get(key)

    def send_message(self, **request: Any) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        assert request["QueueUrl"] == URL
        self.effect("send", lambda: self.messages.append(json.loads(request["MessageBody"])))
        return {"MessageId": "id"}

    def ask(self, *_: Any, **__: Any) -> None:
        def ask() -> None:
            self.asked += 1

        self.effect("ask", ask)

    def statuses(self) -> list[str]:
        return [message["status"] for message in self.messages]

    def answer(self, token: str, answer: Answer) -> None:
        self.store.set(answer_key(digest_of(token)), answer.as_json())


class FakeSwitch(KillSwitch):
    """The switch that ``on_kill`` flips: waiting takes no time, and may do something."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.flipped_at_wait: int | None = None
        self.at_wait: Callable[[int], None] = lambda _: None

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        assert len(self.waits) < 500, "never ends"
        self.at_wait(len(self.waits))
        return len(self.waits) == self.flipped_at_wait


@dataclass
class FakeSensor:
    plan: StepPlan
    settings: PipelineRunSettings
    connection: Any
    request: Any = field(default_factory=lambda: UnresolvedRequest({}))
    reuses: bool = False
    kill_switch: Any = field(default_factory=FakeSwitch)
    waiting: Waiting = field(default_factory=lambda: Waiting(poll_interval=5, settle=1))
    execution_timeout: timedelta | None = None
    log: Any = field(default_factory=lambda: logging.getLogger("callback"))

    def step(self, context: Any, *now: Callable[[], datetime]) -> CallbackStep:
        """A try of the task."""
        task = WaitingTask(
            waiting=self.waiting,
            defer=self.defer,
            timeout=self.execution_timeout,
            show_request=partial(setattr, self, "request"),
            tell_reuse=partial(setattr, self, "reuses", True),
        )
        run = StepRun(self.plan, self.settings, self.connection, context, self.log, self.kill_switch)
        return CallbackStep(task, run, *now)

    def defer(self, *, trigger: CallbackTrigger, method_name: str, timeout: timedelta | None = None) -> NoReturn:
        raise DeferredError(trigger, method_name, timeout)


def use_key(monkeypatch: pytest.MonkeyPatch, key: bytes) -> None:
    fernet: Any = Fernet(key)
    fernet.is_encrypted = True
    monkeypatch.setattr(queue, "_fernet", lambda: fernet)


def parked(sensor: FakeSensor, context: Any) -> DeferredError:
    with pytest.raises(DeferredError) as caught:
        sensor.step(context).start()
    return caught.value
