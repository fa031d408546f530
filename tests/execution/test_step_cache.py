"""A cached step in several runs: what it reuses, what it says, and what it leaves (developer guide, "Caching")."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB, TRANSFORM_JOB
from airflow_sm_pipelines.aws.requests.jobs import job_calls
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import StepError, StepFailedError
from airflow_sm_pipelines.execution import cache_store
from airflow_sm_pipelines.execution.kill_switch import KillSwitch
from airflow_sm_pipelines.execution.records import RECORD_KEY
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.execution.step import JobStep, JobTask
from airflow_sm_pipelines.execution.step_cache import StepCache
from airflow_sm_pipelines.execution.step_run import AttemptName, StepRun
from airflow_sm_pipelines.execution.xcoms import CACHE_KEY
from tests.conftest import FakeConnection, FakeStore, FakeTaskInstance, client_error

CACHED = {"Enabled": True, "ExpireAfter": "1d"}
LOG = logging.getLogger("step")


class DeferredError(Exception):
    """Stands for Airflow's `TaskDeferred`."""


class NoWait(KillSwitch):
    def wait(self, seconds: float) -> bool:
        return False


@dataclass
class DagRun:
    """One run of a pipeline whose only step is cached."""

    connection: Any
    arguments: dict[str, Any]
    run_id: str = "first"
    cache: Any = field(default_factory=lambda: CACHED)
    params: dict[str, Any] = field(default_factory=dict)
    waiting: Waiting = field(default_factory=Waiting)
    complete: Any = field(default_factory=lambda: lambda _run, properties: properties)
    request: Any = None
    reuses: bool = False
    ti: FakeTaskInstance = field(default_factory=FakeTaskInstance)
    store: FakeStore = field(default_factory=FakeStore)

    def step(self) -> JobStep:
        """A try of the step's task."""
        self.ti.run_id = self.run_id
        start = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=len(self.run_id))
        context: Any = {
            "ti": self.ti,
            "dag_run": SimpleNamespace(run_after=start, start_date=start),
            "params": self.params,
            "task_state_store": self.store,
        }
        cache = {} if self.cache is None else {"CacheConfig": self.cache}
        body = {"Name": "Step", "Type": "Processing", "Arguments": self.arguments, **cache}
        parameters = [{"Name": "NotGiven", "Type": "String"}]
        document = {"Version": "2020-12-01", "Parameters": parameters, "Steps": [body]}
        pipeline = load_pipeline({**document, "PipelineExperimentConfig": None})
        settings = PipelineRunSettings(pipeline, "Pipe", {"Step": "Step"})
        task = JobTask(
            kind=PROCESSING_JOB,
            calls=job_calls,
            waiting=self.waiting,
            defer=self.defer,
            show_request=partial(setattr, self, "request"),
            tell_reuse=partial(setattr, self, "reuses", True),
            complete_properties=self.complete,
        )
        return JobStep(task, StepRun(pipeline.plans[0], settings, self.connection, context, LOG, NoWait()))

    def start(self) -> Any:
        return self.step().start()

    def defer(self, **_: Any) -> NoReturn:
        raise DeferredError

    @property
    def told(self) -> Any:
        """What the run says of the cache."""
        text = self.ti.xcoms.get((self.ti.task_id, CACHE_KEY))
        return None if text is None else json.loads(text)


@pytest.fixture
def dag_run(connection: Any, processing_arguments: Any, variables: dict[str, str]) -> Any:
    def make(run_id: str = "first", environment: Any = None, **others: Any) -> DagRun:
        arguments = {**processing_arguments, **({"Environment": environment} if environment else {})}
        return DagRun(connection, others.pop("arguments", arguments), run_id, **others)

    return make


# -- hits --------------------------------------------------------------------------------------------------------------


def test_a_hit_costs_no_job_and_publishes_the_properties_of_the_earlier_one(dag_run: Any, sagemaker: Any) -> None:
    properties = dag_run().start()
    sagemaker.calls.clear()
    second = dag_run("second")

    assert second.start() == properties

    assert sagemaker.calls == ["DescribeProcessingJob"]
    assert len(sagemaker.jobs) == 1
    name = properties["ProcessingJobName"]
    assert second.told == {"outcome": "hit", "run_id": "first", "resource": name}
    assert second.reuses
    assert second.request["ProcessingJobName"] == name, "the UI shows the request of the job whose result it is"


def test_a_hit_is_told(dag_run: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        properties = dag_run().start()
        dag_run("second").start()
    assert "Cache miss: no earlier run has a result to reuse" in caplog.text
    assert f"Cache hit: run first ({properties['ProcessingJobName']}, succeeded at " in caplog.text


def test_the_newest_success_is_reused(dag_run: Any) -> None:
    dag_run().start()
    renewed = dag_run("second", params={"sm_cache": "refresh"}).start()
    third = dag_run("third")
    assert third.start() == renewed
    assert third.told["run_id"] == "second"


def test_a_hit_does_not_renew_the_result(dag_run: Any, variables: dict[str, str]) -> None:
    dag_run().start()
    noted = dict(variables)
    dag_run("second").start()
    assert variables == noted


def test_a_hit_goes_through_what_the_operator_adds_to_the_properties(dag_run: Any) -> None:
    dag_run().start()
    second = dag_run("second", complete=lambda _run, properties: {"Of": properties["ProcessingJobName"]})
    assert list(second.start()) == ["Of"]


def test_a_parameter_counts_by_its_value(dag_run: Any) -> None:
    dag_run(environment={"A": "1"}).start()
    joined = dag_run("second", environment={"A": {"Std:Join": {"On": "", "Values": ["1"]}}})
    joined.start()
    assert joined.told["outcome"] == "hit"


def test_the_name_of_the_job_does_not_count(dag_run: Any, processing_arguments: Any) -> None:
    dag_run().start()
    second = dag_run("second", arguments={**processing_arguments, "ProcessingJobName": "prefix"})
    second.start()
    assert second.told["outcome"] == "hit"


# -- misses ------------------------------------------------------------------------------------------------------------


def test_a_changed_attribute_is_a_miss_that_names_it(dag_run: Any, sagemaker: Any) -> None:
    dag_run(environment={"A": "1"}).start()
    second = dag_run("second", environment={"A": "2"})
    second.start()
    assert second.told == {"outcome": "miss", "because": "Environment has changed since run first"}
    assert len(sagemaker.jobs) == 2
    assert not second.reuses


def test_a_job_that_is_gone_is_computed_again(dag_run: Any, sagemaker: Any) -> None:
    name = dag_run().start()["ProcessingJobName"]
    del sagemaker.jobs[name]
    second = dag_run("second")
    assert second.start()["ProcessingJobName"] != name
    assert second.told["because"] == f"the processing job {name} of run first does not exist any more"


def test_a_job_that_the_caller_may_not_describe_is_computed_again(dag_run: Any, sagemaker: Any) -> None:
    """Developer guide, "Cached data access control": the result is subject to the permissions of who asks."""
    name = dag_run().start()["ProcessingJobName"]
    sagemaker.faults["DescribeProcessingJob"] = [client_error("AccessDeniedException", "not authorized")]
    second = dag_run("second")
    assert second.start()["ProcessingJobName"] != name
    assert second.told["because"].startswith(f"cannot describe the processing job {name} of run first: ")
    assert "AccessDeniedException" in second.told["because"]


def test_a_job_that_has_not_succeeded_is_computed_again(dag_run: Any, sagemaker: Any) -> None:
    name = dag_run().start()["ProcessingJobName"]
    sagemaker.jobs[name]["ProcessingJobStatus"] = "Stopped"
    second = dag_run("second")
    second.start()
    assert second.told["because"] == f"the processing job {name} of run first is Stopped"


def test_a_busy_aws_is_asked_again_instead_of_computing_again(dag_run: Any, sagemaker: Any) -> None:
    dag_run().start()
    sagemaker.faults["DescribeProcessingJob"] = [client_error("ThrottlingException", "slow down")]
    with pytest.raises(StepFailedError) as caught:
        dag_run("second").start()
    assert caught.value.exception_type == "Step.THROTTLING"
    assert len(sagemaker.jobs) == 1


def test_a_result_with_which_the_step_fails_is_computed_again(dag_run: Any, sagemaker: Any) -> None:
    dag_run().start()

    def judge(_: Any, properties: Any) -> Any:
        if len(sagemaker.jobs) == 1:
            raise StepFailedError("Step", "violations", properties={})
        return properties

    second = dag_run("second", complete=judge)
    second.start()
    assert second.told["because"] == "the result of run first cannot be reused: violations"


def test_a_busy_aws_is_no_verdict_about_a_result(dag_run: Any, sagemaker: Any) -> None:
    dag_run().start()

    def complete(*_: Any) -> Any:
        raise StepFailedError("Step", "busy", exception_type="Step.THROTTLING")

    with pytest.raises(StepFailedError, match="busy"):
        dag_run("second", complete=complete).start()
    assert len(sagemaker.jobs) == 1


def test_a_failed_job_is_never_reused(dag_run: Any, sagemaker: Any, variables: dict[str, str]) -> None:
    sagemaker.ending = {"ProcessingJobStatus": "Failed"}
    first = dag_run()
    first.connection.clients["logs"] = SimpleNamespace(describe_log_streams=lambda **_: {"logStreams": []})
    with pytest.raises(StepFailedError):
        first.start()
    assert variables == {}


def test_a_job_with_which_the_step_failed_is_never_reused(dag_run: Any, variables: dict[str, str]) -> None:
    def fail(*_: Any) -> Any:
        raise StepFailedError("Step", "violations")

    with pytest.raises(StepFailedError, match="violations"):
        dag_run(complete=fail).start()
    assert variables == {}


def test_a_step_that_is_in_progress_elsewhere_is_not_waited_for(dag_run: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    with pytest.raises(DeferredError):
        dag_run().start()
    with pytest.raises(DeferredError):
        dag_run("second").start()
    assert len(sagemaker.jobs) == 2


def test_a_reference_to_nothing_fails_the_step_as_ever(dag_run: Any, sagemaker: Any) -> None:
    with pytest.raises(StepError, match="no such parameter"):
        dag_run(environment={"A": {"Get": "Parameters.NotGiven"}}).start()
    assert sagemaker.jobs == {}


# -- tries and clears --------------------------------------------------------------------------------------------------


def test_both_of_two_runs_at_once_leave_their_result(dag_run: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    runs = [dag_run(), dag_run("second")]
    for run in runs:
        with pytest.raises(DeferredError):
            run.start()
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}
    properties = [run.step().resume({}) for run in runs]

    third = dag_run("third")
    assert third.start() == properties[1]


def test_the_signature_of_a_deferred_step_is_that_with_which_it_began(dag_run: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    first = dag_run(environment={"A": "1"})
    with pytest.raises(DeferredError):
        first.start()
    first.arguments = {**first.arguments, "Environment": {"A": "edited"}}
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}
    first.step().resume({})

    same, edited = dag_run("second", environment={"A": "1"}), dag_run("third", environment={"A": "edited"})
    same.start()
    edited.start()
    assert (same.told["outcome"], edited.told["outcome"]) == ("hit", "miss")


def test_a_job_of_an_earlier_try_is_adopted_and_not_replaced_by_a_hit(dag_run: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    first = dag_run("second-at-work")
    with pytest.raises(DeferredError):
        first.start()
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}
    dag_run("other").start()
    own = first.store.get(RECORD_KEY)["name"]
    first.ti.try_number = 2

    assert first.start()["ProcessingJobName"] == own, "the worker died, and another one goes on"
    assert first.told["outcome"] == "miss"


def test_the_job_of_a_try_that_died_right_after_it_created_it_is_reused(
    dag_run: Any, sagemaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CrashError(BaseException):
        """The worker dies."""

    create = sagemaker.create_processing_job

    def crash(**request: Any) -> None:
        create(**request)
        raise CrashError

    first = dag_run()
    monkeypatch.setattr(sagemaker, "create_processing_job", crash)
    with pytest.raises(CrashError):
        first.start()
    monkeypatch.setattr(sagemaker, "create_processing_job", create)
    properties = first.start()
    second = dag_run("second")
    assert second.start() == properties
    assert second.told["outcome"] == "hit"


def test_a_try_that_died_after_a_hit_hits_again(dag_run: Any, sagemaker: Any) -> None:
    properties = dag_run().start()
    second = dag_run("second")
    second.start()
    second.ti.try_number = 2
    assert second.start() == properties
    assert len(sagemaker.jobs) == 1


def test_a_step_that_a_person_clears_runs_again_and_renews_the_result(dag_run: Any, sagemaker: Any) -> None:
    dag_run().start()
    second = dag_run("second")
    second.start()
    assert second.told["outcome"] == "hit"

    second.ti.max_tries += 1
    again = second.start()

    assert second.told == {"outcome": "miss", "because": "the task was cleared, so its step runs again"}
    assert len(sagemaker.jobs) == 2
    assert dag_run("third").start() == again


# -- the option of a run -----------------------------------------------------------------------------------------------


def test_a_refreshing_run_computes_everything_and_renews_the_results(dag_run: Any, sagemaker: Any) -> None:
    dag_run().start()
    second = dag_run("second", params={"sm_cache": "refresh"})
    second.start()
    assert len(sagemaker.jobs) == 2
    assert second.told == {"outcome": "miss", "because": "the run's sm_cache is refresh"}


def test_a_run_without_the_cache_neither_looks_nor_leaves_anything(
    dag_run: Any, sagemaker: Any, variables: dict[str, str]
) -> None:
    off = dag_run(params={"sm_cache": "off"})
    off.start()
    assert (variables, off.told) == ({}, None)
    dag_run("second").start()
    dag_run("third", params={"sm_cache": "off"}).start()
    assert len(sagemaker.jobs) == 3


def test_an_option_with_a_wrong_value_fails_the_step(dag_run: Any, sagemaker: Any) -> None:
    with pytest.raises(StepError, match="sm_cache must be one of on, refresh, off"):
        dag_run(params={"sm_cache": "maybe"}).start()
    assert sagemaker.jobs == {}


@pytest.mark.parametrize("cache", [None, {"Enabled": False, "ExpireAfter": "<time>"}])
def test_a_step_that_is_not_cached_asks_nobody(
    dag_run: Any, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], cache: Any, sagemaker: Any
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("an extra call")

    monkeypatch.setattr(cache_store, "airflow_variable", refuse)
    monkeypatch.setattr(cache_store, "set_airflow_variable", refuse)
    for run_id in ("first", "second"):
        run = dag_run(run_id, cache=cache, params={"sm_cache": "refresh"})
        run.start()
        assert run.told is None
    assert sagemaker.calls == ["CreateProcessingJob", "DescribeProcessingJob"] * 2
    assert json.loads(run.store.texts[RECORD_KEY])["signature"] is None


# -- models ------------------------------------------------------------------------------------------------------------


TRANSFORM = {
    "ModelName": "model-of-this-run",
    "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}}},
    "TransformOutput": {"S3OutputPath": "s3://b/out"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}


@pytest.fixture
def signature(sagemaker_client: Any, context: Any, variables: Any) -> Any:
    """The signature of a Transform step, over what DescribeModel answers."""

    def make(describe_model: Any) -> Any:
        client = SimpleNamespace(meta=sagemaker_client.meta, describe_model=describe_model)
        step = {"Name": "Step", "Type": "Transform", "Arguments": TRANSFORM, "CacheConfig": CACHED}
        pipeline = load_pipeline({"Version": "2020-12-01", "Steps": [step]})
        settings = PipelineRunSettings(pipeline, "Pipe", {"Step": "Step"})
        run = StepRun(pipeline.plans[0], settings, FakeConnection(sagemaker=client), context, LOG)  # type: ignore[arg-type]
        cache = StepCache.of(run)
        assert cache is not None
        return cache.signature_of_job(run.start(AttemptName("attempt", "token"), TRANSFORM_JOB))

    return make


def test_a_model_counts_by_its_containers(signature: Any) -> None:
    def model(url: str) -> Any:
        described = {"ModelName": "any", "ModelArn": "arn", "CreationTime": datetime.now(UTC)}
        return lambda ModelName: {**described, "PrimaryContainer": {"Image": "i", "ModelDataUrl": url}}  # noqa: N803

    assert signature(model("s3://b/1")) == signature(model("s3://b/1"))
    changed = signature(model("s3://b/2"))
    assert {name for name, one in signature(model("s3://b/1")).items() if changed[name] != one} == {"ModelName"}


def test_a_model_that_the_caller_may_not_describe_counts_by_its_name(
    signature: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(**_: Any) -> None:
        raise client_error("AccessDeniedException", "no")

    def absent(**_: Any) -> None:
        raise client_error("ValidationException", "Could not find model")

    assert signature(refuse) == signature(absent)
    assert "not by its containers (allow sagemaker:DescribeModel)" in caplog.text


def test_a_busy_aws_is_no_answer_about_a_model(signature: Any) -> None:
    def fail(**_: Any) -> None:
        raise client_error("ThrottlingException", "slow down")

    with pytest.raises(StepFailedError) as caught:
        signature(fail)
    assert caught.value.exception_type == "Step.THROTTLING"
