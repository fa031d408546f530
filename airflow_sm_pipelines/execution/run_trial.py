"""The experiment and the trial of a run, which its first step creates; runs in the worker.

Each step that has seen to both notes it beside its properties. The steps after it ask Airflow instead of SageMaker,
whose limits for these calls are low. Two steps that start at the same moment may both create them, and both succeed:
what exists is no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.execution.airflow_internals.worker import task_states
from airflow_sm_pipelines.execution.identity import StepIdentity
from airflow_sm_pipelines.execution.settings import PipelineRunSettings
from airflow_sm_pipelines.execution.xcoms import publish_trial, read_trial

if TYPE_CHECKING:
    from airflow.sdk import Context

_PAST_ITS_CREATION = ("deferred", "success")
_MOST_READ = 2
"""A task that a person has marked successful has noted nothing: another one is asked then."""


class RunTrial:
    """Whether experiment and trial of this run are there.

    Args:
        settings: What all steps of the DAG share.
        identity: Which task instance this is.
        context: Airflow's task context.
    """

    def __init__(self, settings: PipelineRunSettings, identity: StepIdentity, context: Context) -> None:
        self._settings = settings
        self._identity = identity
        self._context = context

    def is_created(self, names: tuple[str, str]) -> bool:
        """Tell whether another step of the run has created both, or found them; if so, note it for this one, too.

        A task that is tried again does not rely on it: both may have been deleted since.

        Args:
            names: Names of experiment and trial.
        """
        if self._identity.try_number > 1:
            return False
        noted = (read_trial(self._context, task, index) for task, index in self._past_their_creation())
        is_created = any(one == names for one, _ in zip(noted, range(_MOST_READ), strict=False))
        if is_created:
            self.note(names)
        return is_created

    def note(self, names: tuple[str, str]) -> None:
        """Note for later steps that both are there."""
        publish_trial(self._context, names)

    def _past_their_creation(self) -> Iterator[tuple[str, int]]:
        """Yield task id and map index of tasks that have seen to both, as their state says."""
        owner = self._identity.owner
        steps = [step for step in self._settings.pipeline.steps if CATALOG[step.type].joins_trial]
        steps.sort(key=lambda step: CATALOG[step.type].finds_violations)  # a check that is skipped creates nothing
        every = [self._settings.task_ids[step.name] for step in steps]
        tasks = [task for task in every if owner.map_index >= 0 or task != owner.task_id]
        states = task_states(owner.dag_id, owner.run_id, tasks) if tasks else {}
        for state in _PAST_ITS_CREATION:
            found = [task for task in _tasks_in(state, states) if task != (owner.task_id, owner.map_index)]
            yield from sorted((one for one in found if one[0] in tasks), key=lambda one: tasks.index(one[0]))


def _tasks_in(state: str, states: Mapping[str, str | None]) -> Iterator[tuple[str, int]]:
    """Yield task id and map index of the tasks in a state; the key of a mapped one is ``<task id>_<map index>``."""
    for key, actual in states.items():
        task, _, index = key.rpartition("_")
        if actual == state:
            yield (task, int(index)) if task and index.isdigit() else (key, -1)
