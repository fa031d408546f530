from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from botocore import xform_name

from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS
from airflow_sm_pipelines.aws.requests.tags import Owner, owner_tags
from airflow_sm_pipelines.definition.models import CacheConfig, Step
from airflow_sm_pipelines.demo.resources import _KINDS, ReusedResults, RunJobs, RunResources


class SageMaker:
    """Answers List and ListTags like boto3's client."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.tags: dict[str, list[dict[str, str]]] = {}
        self.tag_calls = 0

    def add(self, name: str, age: int, owner: Owner | None) -> None:
        created = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=age)
        arn = f"arn:aws:sagemaker:us-west-2:1:processing-job/{name}"
        self.jobs.append({"ProcessingJobName": name, "ProcessingJobArn": arn, "CreationTime": created})
        self.tags[arn] = owner_tags(owner) if owner else []

    def list_processing_jobs(self) -> dict[str, Any]:
        return {"ProcessingJobSummaries": self.jobs}

    def __getattr__(self, operation: str) -> Any:
        if not operation.startswith("list_"):
            raise AttributeError(operation)
        return lambda **_: {kind.summaries_member: [] for kind in RESOURCE_KINDS.values()}

    def list_tags(self, *, ResourceArn: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.tag_calls += 1
        return {"Tags": self.tags[ResourceArn]}


def owner(task: str, run: str = "run") -> Owner:
    return Owner("here", "dag", run, task)


def test_a_task_is_shown_its_newest_job() -> None:
    sagemaker = SageMaker()
    sagemaker.add("second", 1, owner("A"))
    sagemaker.add("first", 2, owner("A"))
    sagemaker.add("other", 3, owner("B"))
    assert RunJobs(sagemaker, "dag", "run").by_task() == {"A": "second", "B": "other"}


def test_a_tuning_step_is_shown_its_tuning_job_not_the_training_jobs_of_that() -> None:
    sagemaker = SageMaker()
    sagemaker.add("tune-0", 3, owner("A"))
    sagemaker.add("tune-0-001-0badcafe", 2, owner("A"))
    assert RunJobs(sagemaker, "dag", "run").by_task() == {"A": "tune-0"}
    sagemaker.add("tune-1", 1, owner("A"))
    assert RunJobs(sagemaker, "dag", "run").by_task() == {"A": "tune-1"}


def test_each_iteration_of_a_loop_has_its_own_job() -> None:
    sagemaker = SageMaker()
    for index in range(2):
        sagemaker.add(f"job-{index}", index, Owner("here", "dag", "run", "A", index))
    assert RunJobs(sagemaker, "dag", "run").by_task() == {"A-0": "job-0", "A-1": "job-1"}


def test_jobs_of_others_are_left_out() -> None:
    sagemaker = SageMaker()
    sagemaker.add("another-run", 1, owner("A", run="yesterday"))
    sagemaker.add("somebodys", 1, None)
    assert RunJobs(sagemaker, "dag", "run").by_task() == {}


def test_the_tags_of_a_job_are_asked_for_once() -> None:
    sagemaker = SageMaker()
    sagemaker.add("job", 1, owner("A"))
    jobs = RunJobs(sagemaker, "dag", "run")
    assert jobs.by_task() == jobs.by_task()
    assert sagemaker.tag_calls == 1


def test_every_job_that_is_listed_can_be_listed_without_arguments(sagemaker_client: Any) -> None:
    listed: list[str] = []

    class Noting(SageMaker):
        def __getattr__(self, operation: str) -> Any:
            answer = super().__getattr__(operation)
            listed.append(operation)
            return answer

    RunJobs(Noting(), "dag", "run").by_task()

    model = sagemaker_client.meta.service_model
    by_name = {xform_name(name): name for name in model.operation_names}
    assert "list_training_jobs" in listed
    assert [name for name in listed if model.operation_model(by_name[name]).input_shape.required_members] == []


# -- what is no job ---------------------------------------------------------------------------------------------------

STEPS = [Step("Create", "Model", {}), Step("Register", "RegisterModel", {}), Step("Train", "Training", {})]
PROPERTIES = {
    "Create": {"ModelName": "pipelines-x-Create-0"},
    "Register": {"ModelPackageArn": "arn:aws:sagemaker:us-west-2:1:model-package/group/3"},
    "Train": {"TrainingJobName": "job"},
}


def test_what_is_no_job_is_known_of_each_type() -> None:
    assert sorted(_KINDS) == ["Endpoint", "EndpointConfig", "InferenceComponent", "Model", "RegisterModel"]


class Api:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> dict[str, str]:
        assert (dag_id, run_id) == ("dag", "run")
        self.asked.append(task_id)
        return PROPERTIES[task_id]


def instances(**states: str) -> list[dict[str, Any]]:
    return [{"task_id": name, "state": state, "map_index": -1} for name, state in states.items()]


def test_models_and_packages_have_names_when_their_tasks_have_succeeded() -> None:
    api = Api()
    resources = RunResources(api, "dag", "run", STEPS)  # type: ignore[arg-type]
    assert resources.by_task(instances(Create="running", Register="success", Train="success")) == {
        "Register": "group/3"
    }
    found = resources.by_task(instances(Create="success", Register="success", Train="success"))
    assert found == {"Register": "group/3", "Create": "pipelines-x-Create-0"}
    assert api.asked == ["Register", "Create"], "each once"


# -- what was reused ---------------------------------------------------------------------------------------------------


def test_a_hit_is_told_with_the_job_whose_result_it_is_and_asked_for_once() -> None:
    config = CacheConfig(True, "1d")
    steps = [Step(name, "Training", {}, cache_config=config) for name in ("Hit", "Miss", "Runs")]
    told = {
        "Hit": {"outcome": "hit", "run_id": "first", "resource": "job-of-first"},
        "Miss": {"outcome": "miss", "because": "Environment has changed since run first"},
    }
    asked: list[str] = []

    def xcom(dag_id: str, run_id: str, task_id: str, key: str, map_index: int) -> Any:
        assert (dag_id, run_id, key, map_index) == ("dag", "run", "sm_pipelines_cache", -1)
        asked.append(task_id)
        return told[task_id]

    reused = ReusedResults(SimpleNamespace(xcom=xcom), "dag", "run", [*steps, Step("Other", "Training", {})])  # type: ignore[arg-type]
    tasks = instances(Hit="success", Miss="success", Runs="running", Other="success")
    assert reused.by_task(tasks) == {"Hit": "cache hit: job-of-first"}
    assert reused.by_task(tasks) == {"Hit": "cache hit: job-of-first"}
    assert asked == ["Hit", "Miss"]
