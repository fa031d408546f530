"""What all step operators share."""

from __future__ import annotations

import copy
import pickle
import re
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferralTimeout
from jinja2 import Environment

from airflow_sm_pipelines.aws.kinds import PROCESSING_JOB
from airflow_sm_pipelines.errors import PipelineFailStepError, StepError, StepTimeoutError, UndefinedReferenceError
from airflow_sm_pipelines.execution import step, step_run
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.retry_policy import SPARE_RETRIES
from airflow_sm_pipelines.execution.step import JobTask
from airflow_sm_pipelines.execution.step_run import StepRun
from airflow_sm_pipelines.execution.xcoms import DIGEST_KEY
from airflow_sm_pipelines.operators import base, step_course
from airflow_sm_pipelines.operators.base import JobOperator

DEFAULT_RULE = 5
"""What SageMaker retries without being asked: Step.SERVICE_FAULT and Step.THROTTLING."""


# -- retries -----------------------------------------------------------------------------------------------------------


def test_retries_cover_the_default_rule_and_workers_that_die(make_tasks: Any, processing: Any) -> None:
    task = make_tasks(processing("A"))["A"]

    assert task.retries == DEFAULT_RULE + SPARE_RETRIES == 8
    assert task.retry_policy.unmatched_retries == 0


def test_retries_cover_what_the_policies_grant(make_tasks: Any, processing: Any) -> None:
    policies = [
        {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "MaxAttempts": 2},
        {"ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"], "MaxAttempts": 4},
    ]

    assert make_tasks(processing("A", RetryPolicies=policies))["A"].retries == 2 + 4 + SPARE_RETRIES


def test_a_policy_that_never_retries_still_leaves_the_spare_ones(make_tasks: Any, processing: Any) -> None:
    never = [{"ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"], "MaxAttempts": 0}]

    assert make_tasks(processing("A", RetryPolicies=never))["A"].retries == SPARE_RETRIES


def test_the_users_own_retries_are_for_what_no_policy_matches(make_tasks: Any, processing: Any) -> None:
    delay = timedelta(minutes=2)
    task = make_tasks(processing("A"), default_args={"retries": 4, "retry_delay": delay})["A"]

    assert task.retry_policy.unmatched_retries == 4
    assert task.retries == DEFAULT_RULE + 4 + SPARE_RETRIES
    assert task.retry_delay == delay


def test_the_deployments_default_retries_count_as_the_users(
    make_tasks: Any, processing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "DEFAULT_RETRIES", 2)

    assert make_tasks(processing("A"))["A"].retry_policy.unmatched_retries == 2


def test_a_dead_workers_retry_comes_soon_and_the_spare_ones_outlast_the_restart_of_an_api_server(
    make_tasks: Any, processing: Any
) -> None:
    task = make_tasks(processing("A"))["A"]

    assert task.retry_delay == timedelta(seconds=20)
    assert task.retry_exponential_backoff == 2
    assert task.max_retry_delay == timedelta(minutes=2)
    assert task.retries == 8, "five that the default policy grants, and three spare ones"


# -- what Airflow does with a task -------------------------------------------------------------------------------------


def test_nothing_of_the_definition_is_rendered(make_tasks: Any, processing_arguments: Any) -> None:
    arguments = {
        **processing_arguments,
        "Environment": {"A": "{{ 1 + 1 }}", "B": "{% include 'x.sh' %}", "C": "x.sh", "D": "{{ undefined.name }}"},
    }
    task = make_tasks({"Name": "A", "Type": "Processing", "Arguments": arguments})["A"]

    task.render_template_fields({}, Environment(autoescape=False))

    assert task.request.body == arguments
    assert task.plan.step.arguments == arguments
    assert task.template_ext == ()


def test_a_copied_task_shares_its_definition(make_tasks: Any, processing: Any) -> None:
    task = make_tasks(processing("A"))["A"]

    copied = copy.deepcopy(task)

    assert copied.plan.step is task.plan.step
    assert copied.settings.pipeline is task.settings.pipeline
    assert (copied.task_id, copied.retries, copied.connection) == (task.task_id, task.retries, task.connection)


def test_a_task_can_be_pickled(make_tasks: Any, processing: Any) -> None:
    task = make_tasks(processing("A"))["A"]

    copied = pickle.loads(pickle.dumps(task))

    assert copied.plan.step.arguments == task.plan.step.arguments
    assert copied.retry_policy.rules == task.retry_policy.rules


def test_name_and_description_of_the_step_are_those_of_the_task(make_tasks: Any, processing: Any) -> None:
    named = make_tasks(processing("A", DisplayName="Prepare – Daten", Description="It's\n'''quoted'''"))["A"]
    plain = make_tasks(processing("A"))["A"]

    assert named.task_display_name == "Prepare – Daten"
    assert named.doc_md.startswith("It's '''quoted'''\n\n**Processing** step.")
    assert plain.task_display_name == "A"
    assert plain.doc_md.startswith("**Processing** step.")


def test_the_ui_shows_the_request_as_sent_after_the_task_has_run(make_tasks: Any, processing: Any) -> None:
    task = make_tasks(processing("A"))["A"]

    assert tuple(task.template_fields) == ("request",)
    assert task.template_fields_renderers == {"request": "json"}
    assert task.overwrite_rtif_after_execution is True


# -- execute -----------------------------------------------------------------------------------------------------------


class FakeJobStep:
    """Stands for `JobStep`: what was asked of it."""

    asked: list[Any]

    def __init__(self, task: JobTask, run: StepRun) -> None:
        assert task.kind is PROCESSING_JOB
        assert run.step == "A"

    def start(self) -> str:
        self.asked.append("start")
        return "properties"

    def resume(self, event: Any) -> str:
        self.asked.append(("resume", event))
        return "properties"

    has_ended = False

    def time_out(self) -> str:
        self.asked.append("time_out")
        if self.has_ended:
            return "properties"
        raise StepTimeoutError("A", "took longer")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    FakeJobStep.asked = []
    monkeypatch.setattr(step, "JobStep", FakeJobStep)
    return FakeJobStep.asked


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    answer: dict[str, Any] = {"skip": False}

    def pass_gate(plan: Any, task_ids: Any, context: Any, reused: Any) -> None:
        answer["asked for"] = (plan.step.name, dict(task_ids))
        if answer["skip"]:
            raise AirflowSkipException("the trigger does not hold")

    monkeypatch.setattr(step_course, "pass_gate", pass_gate)
    return answer


def test_the_gate_comes_first(make_tasks: Any, processing: Any, context: Any, asked: list[Any], gate: Any) -> None:
    task = make_tasks(processing("A"))["A"]
    gate["skip"] = True

    with pytest.raises(AirflowSkipException):
        task.execute(context)

    assert asked == []
    assert gate["asked for"] == ("A", {"A": "A"})


def test_behind_the_gate_the_job_starts(
    make_tasks: Any, processing: Any, context: Any, asked: list[Any], gate: Any
) -> None:
    task = make_tasks(processing("A"))["A"]

    assert task.execute(context) == "properties"
    assert asked == ["start"]


@pytest.mark.parametrize(("name", "says_it"), [("A", True), ("Beside", True), ("B", False)])
def test_the_first_steps_of_a_run_with_a_display_name_log_it(
    make_tasks: Any, processing: Any, context: Any, gate: Any, capsys: Any, name: str, says_it: bool
) -> None:
    task = make_tasks(processing("A"), processing("Beside"), processing("B", DependsOn=["A"]))[name]
    context["params"] = {"sm_display_name": "Try-1"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(task), "act", lambda *_: None)
        task.execute(context)

    assert bool(re.search(r"This is Try-1, execution [a-z0-9]{12} of ", capsys.readouterr().out)) is says_it


def test_a_fired_trigger_resumes_without_another_look_at_the_gate(
    make_tasks: Any, processing: Any, context: Any, asked: list[Any], gate: Any
) -> None:
    task = make_tasks(processing("A"))["A"]

    assert task.resume_execution("resume", {"event": {"status": "Completed"}}, context) == "properties"
    assert asked == [("resume", {"status": "Completed"})]
    assert "asked for" not in gate


def test_a_deferral_that_timed_out_stops_the_job(
    make_tasks: Any, processing: Any, context: Any, asked: list[Any]
) -> None:
    task = make_tasks(processing("A"))["A"]

    # What the scheduler writes for a deferral that took longer than its timeout.
    with pytest.raises(StepTimeoutError) as caught:
        task.resume_execution("__fail__", {"error": "Trigger timeout"}, context)

    assert asked == ["time_out"]
    assert isinstance(caught.value.__context__, TaskDeferralTimeout)


def test_a_deferral_that_timed_out_when_the_job_had_ended_returns_its_properties(
    make_tasks: Any, processing: Any, context: Any, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeJobStep, "has_ended", True)
    task = make_tasks(processing("A"))["A"]

    assert task.resume_execution("__fail__", {"error": "Trigger timeout"}, context) == "properties"


def test_a_kill_while_the_gate_is_asked_creates_nothing(
    make_tasks: Any, processing: Any, context: Any, sagemaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = make_tasks(processing("A"))["A"]
    monkeypatch.setattr(AwsConnection, "client", lambda *_: sagemaker)
    monkeypatch.setattr(step_run, "task_state", lambda *_: "failed")
    monkeypatch.setattr(step_course, "pass_gate", lambda *_: task.on_kill())

    with pytest.raises(StepError, match=r"its task was ended \(failed\); it had created nothing"):
        task.execute(context)

    assert sagemaker.requests == []


def test_a_kill_wakes_the_waiting_step(make_tasks: Any, processing: Any, context: Any, asked: list[Any]) -> None:
    task = make_tasks(processing("A"))["A"]
    task.on_kill()  # before it runs there is nothing to wake

    task.execute(context)
    assert not task.kill_switch.is_flipped
    task.on_kill()
    assert task.kill_switch.is_flipped


def test_a_base_class_does_nothing_by_itself(make_tasks: Any, processing: Any, context: Any) -> None:
    task = make_tasks(processing("A"))["A"]

    with pytest.raises(NotImplementedError):
        super(JobOperator, task).act(task.step_run(context))


# -- what the UI shows of the policies ---------------------------------------------------------------------------------


def test_the_docs_of_a_task_name_its_retry_policies(make_tasks: Any, processing: Any) -> None:
    policies = [{"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 30, "MaxAttempts": 2}]

    task = make_tasks(processing("A", Description="Prepares.", RetryPolicies=policies))["A"]

    assert task.doc_md.startswith("Prepares.\n\n")
    assert "\n- Retries:\n  - SageMaker.CAPACITY\\_ERROR: 2 retries, after 30, 60 s\n  - Step." in task.doc_md
    assert "Retries" not in make_tasks(processing("A"))["A"].doc_md


def test_one_policy_is_shown_as_airflows_own_delay_and_backoff(make_tasks: Any, processing: Any) -> None:
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 30, "BackoffRate": 1.5}

    task = make_tasks(processing("A", RetryPolicies=[policy]))["A"]

    assert (task.retry_delay, task.retry_exponential_backoff) == (timedelta(seconds=30), 1.5)
    constant = make_tasks(processing("A", RetryPolicies=[{**policy, "BackoffRate": 1.0}]))["A"]
    assert (constant.retry_delay, constant.retry_exponential_backoff) == (timedelta(seconds=30), 0.0)


@pytest.mark.parametrize("count", [1, 2])
def test_the_job_of_a_dead_worker_is_not_left_alone_for_long(make_tasks: Any, processing: Any, count: int) -> None:
    slow = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 3600}
    policies = [slow, {"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "IntervalSeconds": 30}][:count]

    task = make_tasks(processing("A", RetryPolicies=policies))["A"]

    assert (task.retry_delay, task.retry_exponential_backoff) == (timedelta(seconds=20), 2)


def test_a_policy_that_retries_at_once_does_not_use_up_the_spare_retries(make_tasks: Any, processing: Any) -> None:
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 1}

    assert make_tasks(processing("A", RetryPolicies=[policy]))["A"].retry_delay == timedelta(seconds=20)


def test_the_users_own_delay_wins(make_tasks: Any, processing: Any) -> None:
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 30}

    task = make_tasks(processing("A", RetryPolicies=[policy]), default_args={"retry_delay": timedelta(minutes=3)})["A"]

    assert task.retry_delay == timedelta(minutes=3)


def frames_of(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def test_a_failure_comes_without_the_way_that_it_took_through_our_code(make_tasks: Any, context: Any) -> None:
    # The cause has a traceback of its own, and a deeper one.
    arguments = {"ErrorMessage": {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.Reason"}]}}}
    step = {"Name": "Stop", "Type": "Fail", "Arguments": arguments}
    task = make_tasks(step, parameters=[{"Name": "Reason", "Type": "String"}])["Stop"]

    with pytest.raises(UndefinedReferenceError) as caught:
        task.execute(context)

    ours = [name for name in frames_of(caught.value) if name != "wrapper"]
    assert ours == ["test_a_failure_comes_without_the_way_that_it_took_through_our_code", "execute"]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_failure_after_a_deferral_comes_without_it_too(
    make_tasks: Any, processing: Any, context: Any, ti: Any, api: Any
) -> None:
    ti.task_id = "A"
    task = make_tasks(processing("A"))["A"]

    with pytest.raises(StepError, match="its attempt record is gone") as caught:
        task.resume_execution("resume", {"event": {}}, context)

    assert frames_of(caught.value)[1:] == ["resume_execution"]


def test_a_failure_is_followed_by_what_is_decided_about_it(
    make_tasks: Any, context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    task = make_tasks({"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "too bad"}})["Stop"]

    with pytest.raises(PipelineFailStepError):
        task.execute(context)

    assert "No retry: the pipeline has reached a Fail step" in capsys.readouterr().out


def test_a_step_that_starts_a_run_notes_the_definition_where_the_bundle_pins_no_versions(
    make_tasks: Any, context: Any, ti: Any
) -> None:
    task = make_tasks({"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "too bad"}})["Stop"]
    ti.bundle_instance.version = None
    context["dag"].fileloc = __file__
    context["dag_run"].start_date = datetime.now(UTC) + timedelta(hours=1)

    with pytest.raises(PipelineFailStepError):
        task.execute(context)

    assert ti.xcom_pull(task_ids=ti.task_id, key=DIGEST_KEY, map_indexes=-1) == task.settings.pipeline.digest
