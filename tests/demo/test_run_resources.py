from __future__ import annotations

from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.demo.run_resources import RunResources

STEPS = [Step("Create", "Model", {}), Step("Register", "RegisterModel", {}), Step("Train", "Training", {})]
PROPERTIES = {
    "Create": {"ModelName": "pipelines-x-Create-0"},
    "Register": {"ModelPackageArn": "arn:aws:sagemaker:us-west-2:1:model-package/group/3"},
    "Train": {"TrainingJobName": "job"},
}


class Api:
    def __init__(self):
        self.asked = []

    def xcom(self, dag_id, run_id, task_id):
        assert (dag_id, run_id) == ("dag", "run")
        self.asked.append(task_id)
        return PROPERTIES[task_id]


def instances(**states):
    return [{"task_id": name, "state": state, "map_index": -1} for name, state in states.items()]


def test_models_and_packages_have_names_when_their_tasks_have_succeeded():
    api = Api()
    resources = RunResources(api, "dag", "run", STEPS)
    assert resources.by_task(instances(Create="running", Register="success", Train="success")) == {
        "Register": "group/3"
    }
    found = resources.by_task(instances(Create="success", Register="success", Train="success"))
    assert found == {"Register": "group/3", "Create": "pipelines-x-Create-0"}
    assert api.asked == ["Register", "Create"], "each once"
