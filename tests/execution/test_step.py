"""One try of a step's task, from Airflow's side."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.aws.requests.jobs import job_calls
from airflow_sm_pipelines.aws.requests.step_start import StepStart
from airflow_sm_pipelines.errors import (
    CallNotMadeError,
    RequestError,
    StepFailedError,
    UndefinedReferenceError,
)
from airflow_sm_pipelines.execution.job import JobRun
from airflow_sm_pipelines.execution.job_reference import JobReference
from airflow_sm_pipelines.execution.records import COUNTS_KEY, RECORD_KEY, RetryCounts, as_stored, read_attempt
from airflow_sm_pipelines.execution.step_run import StepRun
from airflow_sm_pipelines.execution.xcoms import ATTEMPT_KEY, read_properties, read_status
from airflow_sm_pipelines.semantics.readiness import StepStatus
from tests.execution.step_stand_ins import DeferredError, Task, the_job

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


def test_the_log_of_a_job_that_has_succeeded_ends_with_a_summary_without_a_further_call(
    make_task: Any, context: Any, sagemaker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    properties = make_task().step(context).start()

    summary = caplog.messages[
        caplog.messages.index(f"Summary of the processing job {properties['ProcessingJobName']}") :
    ]
    assert summary[1:3] == ["  status: Completed", f"  ARN: {properties['ProcessingJobArn']}"]
    assert sagemaker.calls == ["CreateProcessingJob", "DescribeProcessingJob"]


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
