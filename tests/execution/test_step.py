"""One try of a step's task, from Airflow's side."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB, TRAINING_JOB, ResourceKind
from airflow_sm_pipelines.aws.requests.jobs import job_calls
from airflow_sm_pipelines.aws.requests.step_start import StepStart
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import (
    CallNotMadeError,
    RequestError,
    StepError,
    StepFailedError,
    StepInterruptedError,
    StepTimeoutError,
    UndefinedReferenceError,
)
from airflow_sm_pipelines.execution import step_run
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.job import JobRun
from airflow_sm_pipelines.execution.job_reference import JobReference
from airflow_sm_pipelines.execution.kill_switch import KillSwitch
from airflow_sm_pipelines.execution.records import COUNTS_KEY, RECORD_KEY, RetryCounts, as_stored, read_attempt
from airflow_sm_pipelines.execution.settings import PipelineRunSettings, Waiting
from airflow_sm_pipelines.execution.step import JobStep, JobTask
from airflow_sm_pipelines.execution.step_run import StepRun
from airflow_sm_pipelines.execution.triggers import JobTrigger
from airflow_sm_pipelines.execution.xcoms import ATTEMPT_KEY, read_properties, read_status
from airflow_sm_pipelines.semantics.readiness import StepStatus
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
    job: JobReference | None = None
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
            show_job=partial(setattr, self, "job"),
            complete_properties=self.complete_properties,
        )
        log = logging.getLogger("step")
        return JobStep(task, StepRun(self.plan, self.settings, self.connection, context, log, self.killed))

    def defer(self, *, trigger: JobTrigger, method_name: str, timeout: timedelta | None = None) -> NoReturn:
        raise DeferredError(trigger, method_name, timeout)


@pytest.fixture
def make_task(definition: Any, processing_arguments: Any, connection: Any, context: Any) -> Any:
    """Make the task of a pipeline's only step; of the arguments, those given replace the usual ones."""

    def make(parameters: dict[str, Any] | None = None, **arguments: Any) -> Task:
        parameters = parameters or {}
        body = definition(
            {"Name": "Step", "Type": "Processing", "Arguments": {**processing_arguments, **arguments}},
            Parameters=[{"Name": name, "Type": "String", "DefaultValue": ""} for name in parameters],
        )
        context["params"] = parameters
        pipeline = load_pipeline(body)
        return Task(pipeline.plans[0], PipelineRunSettings(pipeline, "Pipe", {"Step": "Step"}), connection)

    return make


@pytest.fixture
def task_state(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What Airflow says about the task's state."""
    answer: dict[str, str | None] = {"state": "running"}
    monkeypatch.setattr(step_run, "task_state", lambda *_: answer["state"])
    return answer


def the_job(sagemaker: Any) -> dict[str, Any]:
    (job,) = sagemaker.jobs.values()
    return dict(job)


# -- the request -------------------------------------------------------------------------------------------------------


def test_a_step_creates_its_job_and_returns_its_properties(make_task: Any, context: Any, sagemaker: Any) -> None:
    task = make_task()

    properties = task.step(context).start()

    name = properties["ProcessingJobName"]
    assert properties["ProcessingJobStatus"] == "Completed"
    assert "ResponseMetadata" not in properties
    assert sagemaker.calls == ["CreateProcessingJob", "DescribeProcessingJob"]
    assert task.job == JobReference(PROCESSING_JOB, name, "eu-west-1", "aws")
    assert json.loads(json.dumps(properties)) == properties


def test_the_request_is_resolved_shaped_named_and_tagged(
    make_task: Any, context: Any, sagemaker: Any, processing_arguments: Any
) -> None:
    task = make_task(
        {"Runtime": "60"},
        StoppingCondition={"MaxRuntimeInSeconds": {"Get": "Parameters.Runtime"}},
        Environment={"N": 1, "NONE": None, "JOB": {"Get": "Execution.ProcessingJobName"}},
        Tags=[{"Key": "team", "Value": "ml"}],
    )

    task.step(context).start()

    (request,) = sagemaker.requests
    name, tags = request.pop("ProcessingJobName"), request.pop("Tags")
    assert name.startswith("pipelines-")
    assert request == {
        **processing_arguments,
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "Environment": {"N": "1", "JOB": name},
    }
    assert tags[0] == {"Key": "team", "Value": "ml"}
    assert {"Key": "sm-pipelines:task", "Value": "Step"} in tags
    assert {"Key": "airflow:task_id", "Value": "Step"} in tags


def test_the_ui_shows_the_request_that_was_sent(make_task: Any, context: Any, sagemaker: Any) -> None:
    task = make_task()

    task.step(context).start()

    assert task.request == sagemaker.requests[0]


@pytest.mark.parametrize(
    "text",
    [
        "{{ ds }}",
        "{% if true %}x{% endif %}",
        'it\'s "q" \\ back\nnl',
        "'''\"\"\"",
        "run.sh",
        "query.sql",
        "${VAR} $$ %s %(x)s $(rm -rf /) `id`",
        "naïve 日本 ✓ 🙂",
        "Parameters.Text",
        "  padded\t",
        "",
    ],
)
def test_text_is_sent_as_it_is(make_task: Any, context: Any, sagemaker: Any, text: str) -> None:
    task = make_task({"Text": text}, Environment={"LITERAL": text, "PARAMETER": {"Get": "Parameters.Text"}})

    task.step(context).start()

    assert sagemaker.requests[0]["Environment"] == {"LITERAL": text, "PARAMETER": text}


def test_a_name_in_the_definition_is_a_prefix(make_task: Any, context: Any, sagemaker: Any) -> None:
    task = make_task({"Prefix": "nightly"}, ProcessingJobName={"Get": "Parameters.Prefix"})

    task.step(context).start()

    assert sagemaker.requests[0]["ProcessingJobName"].startswith("nightly-")


def test_a_prefix_that_is_too_long_names_step_argument_length_and_limit(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    task = make_task({"Prefix": "n" * 39}, ProcessingJobName={"Get": "Parameters.Prefix"})

    with pytest.raises(RequestError, match=r"Step: Arguments\.ProcessingJobName: .* at most 38 characters; .* has 39"):
        task.step(context).start()
    assert sagemaker.requests == []


def test_a_request_that_does_not_fit_names_step_argument_length_and_limit(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    task = make_task(Environment={"LONG": "x" * 257}, ProcessingInputs={"InputName": "x"})

    with pytest.raises(RequestError) as caught:
        task.step(context).start()

    assert str(caught.value) == (
        "Step Step: the resolved request does not fit CreateProcessingJob:\n"
        "    Environment['LONG']: 257 characters, but the API allows at most 256\n"
        "    ProcessingInputs: expected a list, found dict {'InputName': 'x'}"
    )
    assert sagemaker.calls == []


def test_a_reference_to_nothing_names_step_argument_and_reference(make_task: Any, context: Any, sagemaker: Any) -> None:
    task = make_task({"Text": "x"}, Environment={"A": {"Get": "Parameters.Text"}})
    context["params"] = {}

    with pytest.raises(UndefinedReferenceError) as caught:
        task.step(context).start()

    assert str(caught.value) == (
        "Step Step: Arguments: Environment.A: Parameters.Text: the DAG run has no such parameter"
    )
    assert sagemaker.calls == []


def test_a_connection_that_cannot_be_used_fails_the_step_with_its_name(make_task: Any, context: Any) -> None:
    class Unusable:
        def client(self, service: str) -> Any:
            raise CallNotMadeError("no AWS region: Airflow connection 'aws_default' gives none")

    task = make_task()
    task.connection = Unusable()

    with pytest.raises(StepFailedError) as caught:
        task.step(context).start()

    assert str(caught.value) == "Step Step: no AWS region: Airflow connection 'aws_default' gives none"
    assert caught.value.exception_type is None


# -- adoption ----------------------------------------------------------------------------------------------------------


def test_a_new_try_adopts_the_job_and_shows_what_aws_was_given(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    with pytest.raises(DeferredError):
        make_task().step(context).start()
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}
    context["ti"].try_number = 2
    task = make_task()

    properties = task.step(context).start()

    assert len(sagemaker.requests) == 1
    sent = {key: value for key, value in sagemaker.requests[0].items() if key != "Tags"}
    assert task.request == sent
    assert properties["ProcessingJobName"] == task.job.name == sent["ProcessingJobName"]


def test_an_adopted_job_of_a_worker_that_died_after_create_has_a_time(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    """The timeout of a job whose submission was not written down counts from its adoption."""
    sagemaker.ending = None
    with pytest.raises(DeferredError):
        make_task().step(context).start()
    store = context["task_state_store"]
    store.set(RECORD_KEY, {**store.get(RECORD_KEY), "submitted_at": ""})

    with pytest.raises(DeferredError):
        make_task().step(context).start()

    assert store.get(RECORD_KEY)["submitted_at"]


# -- the wait ----------------------------------------------------------------------------------------------------------


def test_a_short_job_never_defers(make_task: Any, context: Any, sagemaker: Any) -> None:
    task = make_task()
    sagemaker.ending = None
    waited: list[float] = task.killed.waits

    def wait(timeout: float) -> bool:
        waited.append(timeout)
        if len(waited) == 3:
            sagemaker.ending = {"ProcessingJobStatus": "Completed"}
        return False

    task.killed.wait = wait
    assert task.step(context).start()["ProcessingJobStatus"] == "Completed"
    assert sum(waited) < task.waiting.settle


def test_a_longer_job_defers_after_the_settle_time(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    task = make_task()

    with pytest.raises(DeferredError) as deferred:
        task.step(context).start()

    assert 0 < sum(task.killed.waits) <= task.waiting.settle
    assert deferred.value.method_name == "resume"
    assert deferred.value.timeout is None
    assert deferred.value.trigger.serialize()[1] == {
        "kind": "processing-job",
        "name": the_job(sagemaker)["ProcessingJobName"],
        "connection": task.connection.as_arguments(),
        "poll_interval": task.waiting.poll_interval,
        "attempt": the_job(sagemaker)["ProcessingJobName"],
    }


def test_a_job_on_aws_defers_after_its_first_look(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    task = make_task()
    task.waiting = Waiting()

    with pytest.raises(DeferredError):
        task.step(context).start()

    assert task.killed.waits == []
    assert sagemaker.calls == ["CreateProcessingJob", "DescribeProcessingJob"]


def test_a_job_on_a_local_aws_is_waited_for(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    sagemaker.meta = SimpleNamespace(
        **{name: getattr(sagemaker.meta, name) for name in ("service_model", "region_name", "partition", "events")},
        endpoint_url="http://127.0.0.1:4566",
    )
    task = make_task()
    task.waiting = Waiting()

    with pytest.raises(DeferredError):
        task.step(context).start()

    assert 5 < sum(task.killed.waits) <= SETTLE_SECONDS


def test_a_resource_that_can_be_ready_within_seconds_is_waited_for(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    sagemaker.ending = None
    task = make_task()
    task.waiting = Waiting()
    task.kind = replace(PROCESSING_JOB, ends_within_seconds=True)

    with pytest.raises(DeferredError):
        task.step(context).start()

    assert 5 < sum(task.killed.waits) <= SETTLE_SECONDS


def test_a_task_that_is_killed_before_it_defers_stops_its_job(
    make_task: Any, context: Any, sagemaker: Any, task_state: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow refuses the deferral of a task that has ended, and no trigger would stop the job."""
    sagemaker.ending, task_state["state"] = None, "failed"
    task = make_task()
    task.waiting = Waiting()
    describe = sagemaker.describe_processing_job

    def killing(**request: Any) -> Any:
        task.killed.flip()
        return describe(**request)

    monkeypatch.setattr(sagemaker, "describe_processing_job", killing)

    with pytest.raises(StepError, match="its job was stopped"):
        task.step(context).start()
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


def test_a_deferral_carries_what_is_left_of_the_timeout(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    task = make_task()
    task.execution_timeout = timedelta(hours=1)

    with pytest.raises(DeferredError) as deferred:
        task.step(context).start()

    assert timedelta(minutes=59) < deferred.value.timeout <= timedelta(hours=1)


def test_without_deferral_it_polls_in_the_worker(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    task = make_task()
    task.waiting = Waiting(deferrable=False)
    waited: list[float] = []

    def wait(timeout: float) -> bool:
        waited.append(timeout)
        if len(waited) == 50:
            sagemaker.ending = {"ProcessingJobStatus": "Completed"}
        return False

    task.killed.wait = wait
    assert task.step(context).start()["ProcessingJobStatus"] == "Completed"
    assert max(waited) == task.waiting.poll_interval
    assert len(waited) == 50


def test_airflows_own_timeout_stops_the_job(make_task: Any, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = None
    task = make_task()

    def wait(timeout: float) -> bool:
        raise AirflowTaskTimeout("Timeout")

    task.killed.wait = wait
    with pytest.raises(StepTimeoutError, match="was stopped"):
        task.step(context).start()
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


def test_a_timeout_while_the_job_is_created_stops_what_may_have_been_created(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    sagemaker.ending = None
    create = sagemaker.create_processing_job

    def create_too_slowly(**request: Any) -> Any:
        create(**request)
        raise AirflowTaskTimeout("Timeout")

    sagemaker.create_processing_job = create_too_slowly
    with pytest.raises(StepTimeoutError, match="was stopped"):
        make_task().step(context).start()
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


# -- resume ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def deferred(make_task: Any, context: Any, sagemaker: Any) -> Task:
    """A task in the process that resumes it: it knows nothing but the state store."""
    sagemaker.ending = None
    with pytest.raises(DeferredError):
        make_task().step(context).start()
    return make_task()  # type: ignore[no-any-return]


def test_a_resumed_step_asks_aws_and_not_the_event(deferred: Task, context: Any, sagemaker: Any) -> None:
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    properties = deferred.step(context).resume({"status": "Failed"})

    assert properties["ProcessingJobStatus"] == "Completed"
    assert deferred.job is not None
    assert deferred.request["ProcessingJobName"] == deferred.job.name


def test_a_resumed_step_whose_job_still_runs_defers_again(deferred: Task, context: Any) -> None:
    with pytest.raises(DeferredError):
        deferred.step(context).resume({"status": "Completed"})


def test_what_the_triggerer_could_not_see_is_logged(
    deferred: Task, context: Any, sagemaker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    deferred.step(context).resume({"error": "DescribeProcessingJob: AccessDeniedException: no"})

    assert "The triggerer could not look at" in caplog.text
    assert "AccessDeniedException: no" in caplog.text


def test_a_deferral_whose_time_is_over_stops_the_job(deferred: Task, context: Any, sagemaker: Any) -> None:
    deferred.execution_timeout = timedelta(microseconds=1)

    with pytest.raises(StepTimeoutError):
        deferred.step(context).resume({})
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


def test_a_timed_out_deferral_stops_the_job(deferred: Task, context: Any, sagemaker: Any) -> None:
    with pytest.raises(StepTimeoutError):
        deferred.step(context).time_out()
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


def test_a_timed_out_deferral_whose_job_has_ended_takes_what_it_did(
    deferred: Task, context: Any, sagemaker: Any
) -> None:
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    assert deferred.step(context).time_out()["ProcessingJobStatus"] == "Completed"
    assert "StopProcessingJob" not in sagemaker.calls


def test_retries_that_were_edited_during_a_deferral_do_not_lose_the_job(
    deferred: Task, context: Any, sagemaker: Any
) -> None:
    context["ti"].task.retries += 1
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    assert deferred.step(context).resume({})["ProcessingJobStatus"] == "Completed"


def test_after_such_a_resume_a_dead_worker_loses_the_job_no_more(
    deferred: Task, make_task: Any, context: Any, sagemaker: Any
) -> None:
    context["ti"].task.retries += 1
    with pytest.raises(DeferredError):
        deferred.step(context).resume({})  # its job still runs
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    make_task().step(context).start()

    assert len(sagemaker.requests) == 1
    assert "StopProcessingJob" not in sagemaker.calls


@pytest.mark.parametrize("lost", ["record", "epoch"])
def test_a_resume_without_its_record_says_what_to_do(deferred: Task, context: Any, lost: str) -> None:
    if lost == "record":
        context["task_state_store"].texts.clear()
    else:
        context["ti"].max_tries += 1

    with pytest.raises(StepError, match="clear the task to start it afresh, and run `sm-pipelines stop-orphans`"):
        deferred.step(context).resume({})


# -- the definition was edited meanwhile -------------------------------------------------------------------------------


@pytest.fixture
def reached(sagemaker: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections with which the job of a former step is reached."""
    used: list[Any] = []
    monkeypatch.setattr(AwsConnection, "client", lambda self, service: used.append(self) or sagemaker)
    return used


def former_job(context: Any, sagemaker: Any, **members: Any) -> str:
    """A job that runs, and that the record names, although the step is of another type now."""
    record = context["task_state_store"].get(RECORD_KEY)
    connection = AwsConnection("other", "eu-west-1").as_arguments()
    context["task_state_store"].set(RECORD_KEY, {**record, "connection": connection, **members})
    return str(record["name"])


def test_a_step_of_another_type_stops_the_job_and_says_so(
    deferred: Task, context: Any, sagemaker: Any, reached: list[Any]
) -> None:
    name = former_job(context, sagemaker)
    deferred.kind = TRAINING_JOB

    with pytest.raises(StepError) as caught:
        deferred.step(context).resume({})

    assert str(caught.value) == (
        "Step Step: the definition was edited while this task waited: the step has another type now; its processing "
        f"job {name} was stopped; clear the task, or start a new run, to run the definition as it is now"
    )
    assert sagemaker.jobs[name]["ProcessingJobStatus"] == "Stopped"
    assert reached == [AwsConnection("other", "eu-west-1")]


@pytest.mark.parametrize("record", [{"digest": "d"}, {"type": "invocation", "name": "n", "submitted_at": "now"}])
def test_a_step_that_was_no_job_says_so(deferred: Task, context: Any, record: dict[str, str]) -> None:
    epoch = context["task_state_store"].get(RECORD_KEY)["epoch"]
    context["task_state_store"].set(RECORD_KEY, {"epoch": epoch, **record})

    with pytest.raises(StepError, match="the step has another type now; clear the task"):
        deferred.step(context).resume({})


@pytest.mark.parametrize("try_number", [1, 2])
def test_a_new_try_of_another_type_stops_the_job_and_starts_its_own(
    make_task: Any, deferred: Task, context: Any, sagemaker: Any, reached: list[Any], try_number: int
) -> None:
    name = former_job(context, sagemaker, kind="training-job")
    jobs = sagemaker.jobs
    sagemaker.describe_training_job = lambda TrainingJobName: {  # noqa: N803
        "TrainingJobName": name,
        "TrainingJobStatus": jobs[TrainingJobName]["ProcessingJobStatus"],
    }

    def stop_training_job(TrainingJobName: str) -> dict[str, str]:  # noqa: N803
        jobs[TrainingJobName]["ProcessingJobStatus"] = "Stopped"
        return {}

    sagemaker.stop_training_job = stop_training_job
    context["ti"].max_tries += try_number - 1  # a crash, or a clear
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}

    published = make_task().step(context).start()

    assert sagemaker.jobs[name]["ProcessingJobStatus"] == "Stopped"
    assert published["ProcessingJobName"] != name
    assert len(sagemaker.requests) == 2


def test_a_job_that_cannot_be_stopped_is_not_forgotten(
    deferred: Task, context: Any, sagemaker: Any, reached: list[Any], client_error: Any
) -> None:
    name = former_job(context, sagemaker)
    deferred.kind = TRAINING_JOB
    sagemaker.faults["StopProcessingJob"] = [client_error("ThrottlingException", "slowly")]

    with pytest.raises(StepFailedError, match=f"the processing job {name} may still run") as caught:
        deferred.step(context).resume({})

    assert caught.value.exception_type == "Step.THROTTLING"


# -- the attempt that the task names -----------------------------------------------------------------------------------


def test_a_task_names_its_attempt_before_it_creates_anything(
    make_task: Any, context: Any, sagemaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = sagemaker.create_processing_job
    named: list[Any] = []

    def look_first(**request: Any) -> Any:
        named.append(context["ti"].xcom_pull(task_ids="Step", key=ATTEMPT_KEY, map_indexes=-1))
        return create(**request)

    monkeypatch.setattr(sagemaker, "create_processing_job", look_first)
    make_task().step(context).start()

    assert named == [the_job(sagemaker)["ProcessingJobName"]]


def test_a_task_deferred_by_an_older_version_names_its_attempt_when_it_defers_again(
    deferred: Task, context: Any, sagemaker: Any
) -> None:
    context["ti"].xcoms.clear()

    with pytest.raises(DeferredError) as again:
        deferred.step(context).resume({})

    name = the_job(sagemaker)["ProcessingJobName"]
    assert context["ti"].xcom_pull(task_ids="Step", key=ATTEMPT_KEY, map_indexes=-1) == name
    assert again.value.trigger.attempt == name


# -- the outcome -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "step_status"), [("Failed", StepStatus.FAILED), ("Stopped", StepStatus.STOPPED)])
def test_a_failed_step_publishes_its_properties_and_how_it_ended(
    make_task: Any, context: Any, sagemaker: Any, connection: Any, status: str, step_status: StepStatus
) -> None:
    connection.clients["logs"] = NoLogs()
    sagemaker.ending = {"ProcessingJobStatus": status, "FailureReason": "CapacityError: none left"}

    with pytest.raises(StepFailedError, match=f"ended {status}: CapacityError: none left") as caught:
        make_task().step(context).start()

    assert caught.value.exception_type == "SageMaker.CAPACITY_ERROR"
    assert read_properties(context, "Step")["FailureReason"] == "CapacityError: none left"
    assert read_status(context, "Step") is step_status


class NoLogs:
    def describe_log_streams(self, **_: Any) -> dict[str, Any]:
        return {"logStreams": []}


def test_the_logs_of_a_successful_job_are_not_asked_for(make_task: Any, context: Any, connection: Any) -> None:
    make_task().step(context).start()

    assert connection.asked == ["sagemaker"]


# -- kill --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "removed", None, "queued"])
def test_a_killed_worker_stops_the_job_of_a_task_that_was_ended_or_cleared(
    make_task: Any, context: Any, sagemaker: Any, task_state: Any, state: str | None
) -> None:
    sagemaker.ending = None
    task_state["state"] = state
    task = make_task()
    task.killed.flipped_at_wait = 2

    with pytest.raises(StepError, match=rf"its task was ended \({state}\); its job was stopped") as caught:
        task.step(context).start()

    assert not isinstance(caught.value, StepInterruptedError)
    assert the_job(sagemaker)["ProcessingJobStatus"] == "Stopped"


@pytest.mark.parametrize("fail_fast", [True, False])
def test_a_task_that_fail_fast_has_ended_stops_its_job_instead_of_deferring(
    make_task: Any, context: Any, sagemaker: Any, ti: Any, task_state: Any, fail_fast: bool
) -> None:
    """Airflow tells neither a trigger nor a listener of it, and asks only such a DAG's tasks for one call more."""
    sagemaker.ending = None
    ti.task.dag = SimpleNamespace(fail_fast=fail_fast)
    task_state["state"] = "failed"

    with pytest.raises(StepError if fail_fast else DeferredError):
        make_task().step(context).start()

    assert the_job(sagemaker)["ProcessingJobStatus"] == ("Stopped" if fail_fast else "InProgress")


def test_a_killed_worker_leaves_the_job_of_a_running_task_to_the_next_try(
    make_task: Any, context: Any, sagemaker: Any, task_state: Any
) -> None:
    sagemaker.ending = None
    task = make_task()
    task.killed.flipped_at_wait = 2

    with pytest.raises(StepInterruptedError, match="the worker was told to end; the job goes on"):
        task.step(context).start()

    assert the_job(sagemaker)["ProcessingJobStatus"] == "InProgress"
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}
    assert make_task().step(context).start()["ProcessingJobStatus"] == "Completed"
    assert len(sagemaker.requests) == 1


def test_a_worker_killed_while_it_waits_for_a_leftover_creates_nothing(
    deferred: Task, context: Any, sagemaker: Any, task_state: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    context["ti"].max_tries += 4
    monkeypatch.setattr(sagemaker, "stop_processing_job", lambda **_: {})
    task_state["state"] = "failed"
    deferred.killed.flipped_at_wait = 1

    with pytest.raises(StepError, match=r"its task was ended \(failed\); it had created nothing"):
        deferred.step(context).start()

    assert len(sagemaker.requests) == 1


@pytest.mark.parametrize(
    ("state", "says"),
    [("failed", r"its task was ended \(failed\); it had created nothing$"), ("running", "the worker was told to end$")],
)
def test_a_worker_killed_before_it_has_a_job_creates_none(
    make_task: Any, context: Any, sagemaker: Any, task_state: Any, state: str, says: str
) -> None:
    task_state["state"] = state
    task = make_task()
    task.killed.flip()

    with pytest.raises(StepError, match=says):
        task.step(context).start()

    assert sagemaker.calls == []


# -- what is the same in every process of an attempt -------------------------------------------------------------------

NOW = {"T": {"Get": "Execution.CurrentDateTime"}}


class WorkerDiedError(BaseException):
    """The process ends here."""


def test_a_try_after_the_death_of_a_worker_sends_the_same_request(
    make_task: Any, context: Any, sagemaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS may have the first one: an idempotency token counts only for the same request."""
    requests: list[dict[str, Any]] = []
    create = sagemaker.create_processing_job

    def die(**request: Any) -> None:
        requests.append(request)
        raise WorkerDiedError

    sagemaker.create_processing_job = die
    with pytest.raises(WorkerDiedError):
        make_task(Environment=NOW).step(context).start()
    sagemaker.create_processing_job = create
    time.sleep(0.002)
    context["ti"].try_number = 2
    make_task(Environment=NOW).step(context).start()

    assert requests[0] == sagemaker.requests[0]
    assert requests[0]["Environment"]["T"].endswith("Z")


def test_a_resumed_step_evaluates_as_the_process_did_that_created_the_job(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    evaluated: list[Any] = []

    def complete(run: StepRun, properties: Any) -> Any:
        evaluated.append(run.resolve(NOW, "Environment"))
        return properties

    sagemaker.ending = None
    with pytest.raises(DeferredError):
        make_task(Environment=NOW).step(context).start()
    sagemaker.ending = {"ProcessingJobStatus": "Completed"}
    time.sleep(0.002)
    resumed = make_task(Environment=NOW)
    resumed.complete_properties = complete
    resumed.step(context).resume({})

    assert evaluated == [sagemaker.requests[0]["Environment"]]


def test_a_retry_after_a_failure_is_another_evaluation(
    make_task: Any, context: Any, sagemaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobRun, "_last_log_lines", lambda *_: [])
    sagemaker.ending = {"ProcessingJobStatus": "Failed", "FailureReason": "x"}
    for try_number in (1, 2):
        context["ti"].try_number = try_number
        time.sleep(0.002)
        with pytest.raises(StepFailedError):
            make_task(Environment=NOW).step(context).start()
        store = context["task_state_store"]
        last = read_attempt(store.get(RECORD_KEY))
        store.set(COUNTS_KEY, as_stored(RetryCounts(last.epoch, (1,), after=last.failures)))

    first, second = (request["Environment"]["T"] for request in sagemaker.requests)
    assert first < second


# -- MLflow ------------------------------------------------------------------------------------------------------------

SERVER = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/team"


def with_mlflow(task: Task, config: Any) -> Task:
    pipeline = dataclasses.replace(task.settings.pipeline, mlflow_config=config)
    task.settings = dataclasses.replace(task.settings, pipeline=pipeline)
    return task


def test_a_job_is_told_where_to_log_with_mlflow(make_task: Any, context: Any, sagemaker: Any) -> None:
    name = {"Std:Join": {"On": "-", "Values": ["exp", {"Get": "Parameters.Team"}]}}
    task = with_mlflow(make_task({"Team": "churn"}), {"MlflowResourceArn": SERVER, "MlflowExperimentName": name})

    task.step(context).start()

    assert sagemaker.requests[0]["Environment"] == {
        "MLFLOW_TRACKING_URI": SERVER,
        "MLFLOW_EXPERIMENT_NAME": "exp-churn",
    }


def test_the_experiment_of_mlflow_is_the_same_for_all_steps_whenever_they_start(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    """A time in it is that of the execution's start."""
    config = {"MlflowResourceArn": SERVER, "MlflowExperimentName": {"Get": "Execution.CurrentDateTime"}}

    with_mlflow(make_task(), config).step(context).start()

    assert sagemaker.requests[0]["Environment"]["MLFLOW_EXPERIMENT_NAME"] == "2026-01-02T03:04:05.000Z"


def test_a_run_may_name_another_experiment_of_mlflow(make_task: Any, context: Any, sagemaker: Any) -> None:
    task = with_mlflow(make_task({"sm_mlflow_experiment_name": "try 1"}), {"MlflowResourceArn": SERVER})

    task.step(context).start()

    assert sagemaker.requests[0]["Environment"]["MLFLOW_EXPERIMENT_NAME"] == "try 1"


def test_an_experiment_of_mlflow_without_a_server_fails_the_step_and_is_not_dropped(
    make_task: Any, context: Any, sagemaker: Any
) -> None:
    with pytest.raises(StepError, match="sm_mlflow_experiment_name needs a tracking server or an app"):
        make_task({"sm_mlflow_experiment_name": "try 1"}).step(context).start()

    assert sagemaker.requests == []


def test_without_mlflow_the_request_is_as_before(make_task: Any, context: Any, sagemaker: Any) -> None:
    make_task().step(context).start()

    assert "Environment" not in sagemaker.requests[0]


# -- experiments -------------------------------------------------------------------------------------------------------


@pytest.fixture
def experiments(sagemaker: Any) -> list[tuple[str, ...]]:
    """Which experiments and trials were asked for."""
    made: list[tuple[str, ...]] = []
    sagemaker.create_experiment = lambda ExperimentName: made.append((ExperimentName,)) or {}  # noqa: N803
    sagemaker.create_trial = lambda **names: made.append((names["ExperimentName"], names["TrialName"])) or {}
    return made


def with_experiment(task: Task, config: Any) -> Task:
    pipeline = dataclasses.replace(task.settings.pipeline, experiment_config=config)
    task.settings = dataclasses.replace(task.settings, pipeline=pipeline)
    return task


@pytest.mark.parametrize("config", [{}, {"ExperimentName": {"Get": "Execution.PipelineName"}}])
def test_a_job_belongs_to_the_experiment_of_the_pipeline_and_the_trial_of_the_execution(
    make_task: Any, context: Any, sagemaker: Any, experiments: Any, config: Any
) -> None:
    task = with_experiment(make_task(), config)

    task.step(context).start()

    trial = sagemaker.requests[0]["ExperimentConfig"]["TrialName"]
    assert sagemaker.requests[0]["ExperimentConfig"] == {
        "ExperimentName": "Pipe",
        "TrialName": trial,
        "TrialComponentDisplayName": "Step",
    }
    assert experiments == [("Pipe",), ("Pipe", trial)]
    assert trial in sagemaker.requests[0]["ProcessingJobName"], "the trial is the execution"


def test_the_trial_is_shown_under_the_display_name_of_the_run(make_task: Any, context: Any, sagemaker: Any) -> None:
    made: list[dict[str, str]] = []
    sagemaker.create_experiment = lambda **names: made.append(names) or {}
    sagemaker.create_trial = lambda **names: made.append(names) or {}

    with_experiment(make_task({"sm_display_name": "Try-1"}), {}).step(context).start()

    assert [names.get("DisplayName") for names in made] == [None, "Try-1"]


def test_the_definitions_own_display_name_stays(make_task: Any, context: Any, sagemaker: Any, experiments: Any) -> None:
    own = {"TrialComponentDisplayName": "Preprocessing"}
    task = with_experiment(make_task(ExperimentConfig=own), {"ExperimentName": "e", "TrialName": "t"})

    task.step(context).start()

    assert sagemaker.requests[0]["ExperimentConfig"] == {"ExperimentName": "e", "TrialName": "t", **own}


def test_without_experiments_nothing_is_made(make_task: Any, context: Any, sagemaker: Any, experiments: Any) -> None:
    with_experiment(make_task(), None).step(context).start()

    assert experiments == []
    assert "ExperimentConfig" not in sagemaker.requests[0]


def test_a_role_that_may_make_no_experiment_is_told_the_two_cures(
    make_task: Any, context: Any, sagemaker: Any, client_error: Any
) -> None:
    def refuse(**_: Any) -> None:
        raise client_error("AccessDeniedException", "no")

    sagemaker.create_experiment = refuse
    with pytest.raises(
        StepFailedError, match=r"allow sagemaker:CreateExperiment .* or remove PipelineExperimentConfig from"
    ):
        with_experiment(make_task(), {}).step(context).start()
    assert sagemaker.requests == []


# -- what a type adds --------------------------------------------------------------------------------------------------


def with_members(task: Task, **members: Any) -> Task:
    task.plan = dataclasses.replace(task.plan, step=dataclasses.replace(task.plan.step, members=members))
    return task


def test_an_operator_can_resolve_the_members_of_its_type(make_task: Any, context: Any, sagemaker: Any) -> None:
    task = with_members(make_task({"Flag": "yes"}), SkipCheck={"Get": "Parameters.Flag"}, Group=None)
    seen: list[Any] = []

    def noting(start: StepStart) -> Any:
        seen.append(start.members())
        return job_calls(start)

    task.calls = noting
    task.complete_properties = lambda run, properties: seen.append(run.members()) or properties

    task.step(context).start()

    assert seen == [{"SkipCheck": "yes", "Group": None}] * 2


def test_members_that_nobody_asks_for_are_not_resolved(make_task: Any, context: Any) -> None:
    assert with_members(make_task(), SkipCheck={"Get": "Steps.Step.Never"}).step(context).start()


@pytest.mark.parametrize("properties", [None, {"Calculated": "s3://bucket/new"}])
def test_a_step_that_did_not_succeed_though_its_job_did_publishes_what_it_says(
    make_task: Any, context: Any, sagemaker: Any, monkeypatch: pytest.MonkeyPatch, properties: Any
) -> None:
    def fail(*_: Any) -> Any:
        raise StepFailedError("Step", "violations", properties=properties)

    task = make_task()
    task.complete_properties = fail
    with pytest.raises(StepFailedError, match="violations"):
        task.step(context).start()

    published = read_properties(context, "Step")
    assert published == (properties or {**published, "ProcessingJobStatus": "Completed"})
    assert read_status(context, "Step") is StepStatus.FAILED
    assert context["task_state_store"].get(RECORD_KEY)["closed"] is True
