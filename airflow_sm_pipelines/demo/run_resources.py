"""What the steps of a run have created that is no job: models, versions of packages, endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_sm_pipelines.aws.kinds import ENDPOINT, ENDPOINT_CONFIG, INFERENCE_COMPONENT, MODEL, MODEL_PACKAGE
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.demo.airflow_api import AirflowApi
from airflow_sm_pipelines.demo.step_progress import progress_name
from airflow_sm_pipelines.rehearsal.step_states import task_of_step

_KINDS = {
    "Model": MODEL,
    "RegisterModel": MODEL_PACKAGE,
    "EndpointConfig": ENDPOINT_CONFIG,
    "Endpoint": ENDPOINT,
    "InferenceComponent": INFERENCE_COMPONENT,
}


class RunResources:
    """Names of the resources of one DAG run; each is asked for once.

    Args:
        api: Airflow's API.
        dag_id: The DAG.
        run_id: The run.
        steps: The steps of its definition.
    """

    def __init__(self, api: AirflowApi, dag_id: str, run_id: str, steps: Sequence[Step]) -> None:
        self._api = api
        self._run = (dag_id, run_id)
        self._kinds = {task_of_step(step): _KINDS[step.type] for step in steps if step.type in _KINDS}
        self._names: dict[str, str] = {}

    def by_task(self, task_instances: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """Return the name of what each successful task has created.

        Args:
            task_instances: Those of the run, as Airflow's REST API returns them.

        Raises:
            airflow_sm_pipelines.demo.airflow_api.AirflowApiError: Airflow refused a request.
        """
        for task in task_instances:
            kind, name = self._kinds.get(task["task_id"]), progress_name(task)
            if kind is None or task["state"] != "success" or name in self._names or task.get("map_index", -1) >= 0:
                continue
            properties = self._api.xcom(*self._run, task["task_id"]) or {}
            # The service names the version of a package by its ARN alone: .../<group>/<version>.
            named = properties.get(kind.name_member) or properties.get(kind.arn_member, "").partition("/")[2]
            self._names[name] = str(named)
        return dict(self._names)
