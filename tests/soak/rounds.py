"""One round: faults and acts over runs, then rest, a sweep, and the records."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from tests.airflow_on_postgres.deployment import AttackError, Run, wait_for
from tests.soak.ground import Events, Ground, Keeper, Soaked
from tests.soak.history import History, RunEnd, StepKey, TaskEnd
from tests.soak.people import DAG, People, live_runs, live_tasks
from tests.soak.plan import (
    ANSWER,
    API_SERVER,
    AWS,
    BY_NAME,
    DAG_PROCESSOR,
    SCHEDULER,
    SUPERVISOR,
    SWEEP,
    TASK,
    TRIGGERER,
    Decision,
)
from tests.soak.processes import working

_COMPONENTS = {
    TRIGGERER: "triggerer",
    SCHEDULER: "scheduler",
    API_SERVER: "api-server",
    DAG_PROCESSOR: "dag-processor",
}
_MOST_ARMED = 40
"""Fault rules that may wait for a call at the same time."""
_UNDER_WAY = 3
"""Deferred tasks in each deployment with which the faults begin."""
_TELL_SECONDS = 60.0
_SWEEPS = 3
"""How often the last sweep is tried: on a busy machine the API server may refuse to start it."""
_STARTED_STATES = ("running", "deferred", "queued")
_MOST_DECISIONS = 6
"""Decisions for each wanted productive fault, after which a round ends in any case."""


@dataclass(frozen=True)
class Limits:
    """How much a round does, and for how long.

    Attributes:
        faults: Productive faults.
        runs: Runs that go on at once in each deployment.
        pace: Seconds between two decisions, on average.
        rest: Seconds within which everything must come to rest.
    """

    faults: int
    runs: int
    pace: float
    rest: float


@dataclass
class Round:
    """One round and what it has left.

    Attributes:
        ground: Where it takes place.
        number: Its number.
        limits: How much it does.
        events: What has happened.
    """

    ground: Ground
    number: int
    limits: Limits
    events: Events = field(default_factory=Events)
    _rules: dict[int, str] = field(default_factory=dict)
    _keepers: list[Keeper] = field(default_factory=list)
    _lost: list[str] = field(default_factory=list)

    def carry_out(self, decisions: Iterator[Decision]) -> tuple[History, list[dict[str, Any]]]:
        """Do everything, and return the records and AWS's calls."""
        began = time.time()
        self.ground.records.forget_calls()
        for one in self.ground.soaked:
            one.postbox.forget()
        with ExitStack() as stack:
            for one in self.ground.soaked:
                keeper = Keeper(one, f"r{self.number}", self.limits.runs, self.events)
                self._keepers.append(stack.enter_context(keeper))
            self._wait_until_under_way()
            pool = ThreadPoolExecutor(12)
            stack.callback(pool.shutdown, cancel_futures=True)  # if the soak is told to end
            self._do(decisions, pool)
            for keeper in self._keepers:
                keeper.start_no_more()
            self.ground.say(f"{self.productive()} productive faults in {time.time() - began:.0f} s; coming to rest")
            self._count_hits()
            self._come_to_rest()
        calls = self.ground.records.calls()
        self._sweep()
        return self._history(began, calls), calls

    def productive(self) -> int:
        """Return how many productive faults there were so far."""
        hits = self.ground.records.hits() if self._rules else {}
        return self.events.productive + sum(min(hits.get(rule, 0), 1) for rule in self._rules)

    def _wait_until_under_way(self) -> None:
        """Wait until there is something that faults can hit."""
        for one in self.ground.soaked:
            what = f"{_UNDER_WAY} deferred tasks of {one.deployment.name}"
            wait_for(partial(self._is_under_way, one), what, self.limits.rest, 2.0)

    def _is_under_way(self, one: Soaked) -> bool:
        return len(live_tasks(one.deployment, ("deferred",))) >= _UNDER_WAY

    # -- faults ----------------------------------------------------------------------------------------------------

    def _do(self, decisions: Iterator[Decision], pool: ThreadPoolExecutor) -> None:
        acts: list[Future[None]] = []
        told = time.monotonic()
        for decision in decisions:
            time.sleep(decision.pause * self.limits.pace)
            if BY_NAME[decision.deed].group == AWS:
                self._arm(decision)
            else:
                acts.append(pool.submit(self._act, decision))
            enough = (productive := self.productive()) >= self.limits.faults
            if time.monotonic() - told > _TELL_SECONDS:
                self.ground.say(f"{productive} productive faults")
                told = time.monotonic()
            if enough or decision.number > _MOST_DECISIONS * self.limits.faults:
                break
        for one in acts:
            one.result()

    def _arm(self, decision: Decision) -> None:
        while True:
            hits = self.ground.records.hits() if self._rules else {}
            if sum(not hits.get(rule, 0) for rule in self._rules) < _MOST_ARMED:
                break
            time.sleep(self.limits.pace)
        self._rules[self.ground.records.set_fault(decision.details)] = decision.deed

    def _act(self, decision: Decision) -> None:
        one = self.ground.soaked[decision.deployment]
        try:
            if self._is_productive(decision, one):
                self.events.count(decision.deed)
        except (AirflowApiError, AttackError) as error:
            self.events.tell(f"{one.deployment.name}: {decision.deed}: {error}")

    def _is_productive(self, decision: Decision, one: Soaked) -> bool:
        if decision.deed in (TASK, SUPERVISOR):
            return self._kill_process(decision, one)
        if decision.deed in _COMPONENTS:
            return self._kill_component(decision, one)
        if decision.deed == ANSWER:
            return one.postbox.answer_one(decision)
        if decision.deed == SWEEP:
            self.events.tell(f"{one.deployment.name}: sweep: {one.deployment.sweep().strip()}")
            return False
        return self._people(one).do(decision)

    def _people(self, one: Soaked) -> People:
        keeper = self._keepers[list(self.ground.soaked).index(one)]
        return People(one.deployment, self.events.note, keeper.start)

    def _kill_process(self, decision: Decision, one: Soaked) -> bool:
        process = decision.choose(working(decision.deed, one.deployment.process_id("scheduler")))
        if process is None or not process.kill():
            return False
        self.events.tell(f"{one.deployment.name}: {decision.deed}: {process.pid} {process.title}")
        if decision.deed == SUPERVISOR:
            self._lost.append(process.task_instance)
        return True

    def _kill_component(self, decision: Decision, one: Soaked) -> bool:
        deployment, component = one.deployment, _COMPONENTS[decision.deed]
        states = ("deferred",) if component == "triggerer" else _STARTED_STATES
        if component == "dag-processor":
            productive = self._people(one).edit(decision)
        else:
            productive = bool(live_tasks(deployment, states))
        is_there = deployment.process_id(component) is not None
        deployment.kill(component)
        self.events.tell(f"{deployment.name}: {decision.deed}, for {decision.details['away']:.1f} s")
        time.sleep(decision.details["away"])
        deployment.start(component)
        return productive and is_there

    def _count_hits(self) -> None:
        hits = self.ground.records.hits() if self._rules else {}
        for rule, deed in self._rules.items():
            if hits.get(rule, 0):
                self.events.count(deed)
        self._rules.clear()
        self.ground.records.clear_faults()

    # -- rest ------------------------------------------------------------------------------------------------------

    def _come_to_rest(self) -> None:
        deadline = time.monotonic() + self.limits.rest
        while time.monotonic() < deadline:
            for one in self.ground.soaked:
                one.postbox.answer_all()
            if not any(live_runs(one.deployment) for one in self.ground.soaked):
                return
            time.sleep(3)

    def _sweep(self) -> None:
        for one in self.ground.soaked:
            for attempt in range(_SWEEPS):
                try:
                    said = one.deployment.sweep().strip()
                except (AirflowApiError, AttackError) as error:
                    if attempt == _SWEEPS - 1:
                        raise
                    self.events.tell(f"{one.deployment.name}: last sweep: {error}")
                else:
                    self.events.tell(f"{one.deployment.name}: last sweep: {said}")
                    break

    # -- records ---------------------------------------------------------------------------------------------------

    def _history(self, began: float, calls: list[dict[str, Any]]) -> History:
        tasks, runs = [], []
        for one in self.ground.soaked:
            for run in self._runs_of(one):
                tasks += [self._task(run, task) for task in run.tasks()]
                runs.append(RunEnd(StepKey(one.deployment.name, run.run_id), run.state()))
        jobs = self.ground.records.jobs(began, calls)
        answers = tuple(answer for one in self.ground.soaked for answer in one.postbox.answers)
        acts = tuple(self.events.acts)
        edited = any(act.step.task_id == "definition" for act in acts)
        self._end_stuck()
        return History(tuple(jobs), acts, tuple(tasks), tuple(runs), answers, edited, tuple(self._lost))

    def _runs_of(self, one: Soaked) -> list[Run]:
        found = one.deployment.ask("GET", f"dags/{DAG}/dagRuns?limit=1000&run_id_pattern=r{self.number}-")["dag_runs"]
        prefix = f"r{self.number}-"
        return [Run(one.deployment, DAG, run["dag_run_id"]) for run in found if run["dag_run_id"].startswith(prefix)]

    def _task(self, run: Run, task: Mapping[str, Any]) -> TaskEnd:
        step = StepKey(run.deployment.name, run.run_id, task["task_id"], task["map_index"])
        outputs = None
        if step.task_id == "Ask" and task["state"] == "success":
            path = f"{run.path}/taskInstances/Ask/xcomEntries/return_value?deserialize=true"
            with contextlib.suppress(AirflowApiError):  # a person marked it: it has none
                value = run.deployment.ask("GET", path)["value"]
                outputs = (value.get("OutputParameters") or {}).get("answer")
        return TaskEnd(step, task["state"], task["try_number"], task["max_tries"], outputs, task["id"])

    def _end_stuck(self) -> None:
        for one in self.ground.soaked:
            for run in live_runs(one.deployment):
                run.mark_run("failed")
