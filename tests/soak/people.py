"""What people do to runs and tasks."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_sm_pipelines.demo.airflow_api import AirflowApiError
from tests.airflow_on_postgres.deployment import Deployment, Run
from tests.soak.history import Act, StepKey
from tests.soak.plan import AGAIN, BOUND, CLEAR, DELETE, EDIT, MARK_FAILED, MARK_RUN, MARK_SUCCESS, Decision

DAG = "soaked"
_LIVE = ("running", "deferred", "queued", "scheduled", "up_for_retry", "up_for_reschedule", "restarting")
_NOT_ALONE = frozenset(
    {"Call", "Model", "Config", "Endpoint", "Choose", "Each.items", "Each.turn", "Each.result", "pipeline_status"}
)
"""Tasks that others read from: whoever marks or clears one alone makes the others fail, and rightly so."""


def live_runs(deployment: Deployment) -> list[Run]:
    """Return the runs that have not ended, the oldest first."""
    path = f"dags/{DAG}/dagRuns?state=running&state=queued"
    found = deployment.ask("GET", f"{path}&limit=100&order_by=id")["dag_runs"]
    return [Run(deployment, DAG, run["dag_run_id"]) for run in found]


def live_tasks(deployment: Deployment, states: Iterable[str] = _LIVE) -> list[StepKey]:
    """Return the task instances that have started, or are about to, and not ended."""
    path = f"dags/{DAG}/dagRuns/~/taskInstances?" + "&".join(f"state={state}" for state in states)
    found = deployment.ask("GET", f"{path}&limit=1000")["task_instances"]
    return sorted(StepKey(deployment.name, one["dag_run_id"], one["task_id"], one["map_index"]) for one in found)


class People:
    """Somebody who meddles with one deployment.

    Args:
        deployment: Which.
        note: Takes what was done.
        start_again: Starts a run under an id that was used before.
    """

    def __init__(
        self, deployment: Deployment, note: Callable[[Act], None], start_again: Callable[[Deployment, str], None]
    ) -> None:
        self._deployment = deployment
        self._note = note
        self._start_again = start_again
        self._deeds: Mapping[str, Callable[[Decision], bool]] = {
            MARK_SUCCESS: lambda decision: self._to_task(decision, lambda step: self._mark(step, "success")),
            MARK_FAILED: lambda decision: self._to_task(decision, lambda step: self._mark(step, "failed")),
            CLEAR: lambda decision: self._to_task(decision, self._clear),
            MARK_RUN: lambda decision: self._to_run(decision, lambda run: run.mark_run(decision.details["state"])),
            DELETE: lambda decision: self._to_run(decision, _delete),
            AGAIN: self._delete_and_start,
            BOUND: self._set_bound,
            EDIT: self.edit,
        }

    def do(self, decision: Decision) -> bool:
        """Carry a decision out; tell whether it was productive."""
        return self._deeds[decision.deed](decision)

    def _to_task(self, decision: Decision, act: Callable[[StepKey], None]) -> bool:
        tasks = [step for step in live_tasks(self._deployment) if step.task_id not in _NOT_ALONE]
        step = decision.choose(tasks)
        if step is None:
            return False
        return self._acted(decision.deed, step, lambda: act(step))

    def _to_run(self, decision: Decision, act: Callable[[Run], None]) -> bool:
        run = decision.choose(live_runs(self._deployment))
        if run is None:
            return False
        return self._acted(decision.deed, StepKey(self._deployment.name, run.run_id), lambda: act(run))

    def _acted(self, deed: str, step: StepKey, act: Callable[[], None], bound: int | None = None) -> bool:
        began = time.time()
        said = ""
        try:
            act()
        except AirflowApiError as error:  # it may have had an effect all the same
            said = f" (HTTP {error.status})"
        self._note(Act(f"{deed}{said}", step, began, time.time(), bound))
        return not said

    def _mark(self, step: StepKey, state: str) -> None:
        index = f"/{step.map_index}" if step.map_index >= 0 else ""
        path = f"dags/{DAG}/dagRuns/{step.run_id}/taskInstances/{step.task_id}{index}"
        self._deployment.ask("PATCH", path, {"new_state": state})

    def _clear(self, step: StepKey) -> None:
        task: Any = step.task_id if step.map_index < 0 else [step.task_id, step.map_index]
        body = {
            "dry_run": False,
            "dag_run_id": step.run_id,
            "task_ids": [task],
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self._deployment.ask("POST", f"dags/{DAG}/clearTaskInstances", body)

    def _delete_and_start(self, decision: Decision) -> bool:
        def act(run: Run) -> None:
            _delete(run)
            time.sleep(decision.details["pause"])
            self._start_again(self._deployment, run.run_id)

        return self._to_run(decision, act)

    def _set_bound(self, decision: Decision) -> bool:
        run = decision.choose(live_runs(self._deployment))
        if run is None:
            return False
        bound = int(decision.details["bound"])
        key = f"sm_max_parallel_steps:{DAG}:{run.run_id}"
        step = StepKey(self._deployment.name, run.run_id)
        return self._acted(decision.deed, step, lambda: self._set_variable(key, str(bound)), bound)

    def _set_variable(self, key: str, value: str) -> None:
        body = {"key": key, "value": value}
        try:
            self._deployment.ask("POST", "variables", body)
        except AirflowApiError as error:
            if error.status != 409:
                raise
            self._deployment.ask("PATCH", f"variables/{key}", body)

    def edit(self, decision: Decision) -> bool:
        """Edit the definition: another argument of a step that every run has, or a step more or less."""
        under_way = bool(live_runs(self._deployment))
        file = self._deployment.dags / "edits.json"
        edits = json.loads(file.read_text())
        if decision.pick < 0.5:
            edits["volume"] += 1
        else:
            edits["extra"] = not edits["extra"]
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(edits))
        os.replace(draft, file)
        os.utime(self._deployment.dags / "soaked.py")
        self._note(Act(EDIT, StepKey(self._deployment.name, "every run", "definition"), time.time(), time.time()))
        return under_way


def _delete(run: Run) -> None:
    """Delete a run as the REST API wants it: one that runs is refused."""
    run.mark_run("failed")
    run.delete()
