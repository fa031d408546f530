"""Runs that execute only selected steps, through ``dag.test()``: two or more runs of a DAG, with results reused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines import build_run_conf
from airflow_sm_pipelines.execution import connection
from airflow_sm_pipelines.local.server.local_aws import LocalAws
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import Outcome
from airflow_sm_pipelines.rehearsal.stand_in.rehearsal import Rehearsal
from airflow_sm_pipelines.semantics.pipeline_names import sagemaker_name
from tests.integration.conftest import BUNDLE_CLASS, ROLE, _dag_of

# Airflow's own test path warns of what it uses itself (starlette's test client, SQLAlchemy's legacy API).
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

Instance = tuple[str, int]
FAILED = Outcome(failure_reason="AlgorithmError: bad")


@dataclass
class Ended:
    """What a run left behind; tasks are (task id, map index), those of unmapped ones their id."""

    run_id: str
    state: str
    tasks: dict[str, str | None]
    properties: dict[str, Any]
    selection: dict[str, Any]
    shown: dict[str, Any]
    reasons: dict[str, str]
    jobs: set[str]

    def of(self, state: str) -> set[str]:
        return {name for name, found in self.tasks.items() if found == state}


@dataclass
class Lab:
    """One definition, run as often as a test wants, on an AWS whose jobs compute nothing."""

    folder: Path
    aws: LocalAws
    ends: dict[str, Outcome]
    dag_id: str
    document: dict[str, Any] = field(default_factory=dict)

    def pipeline(self, *steps: dict[str, Any], **members: Any) -> None:
        self.document = {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": list(steps), **members}

    def run(self, run_id: str | None = None, **conf: Any) -> Ended:
        settings = {"dag_id": self.dag_id, "deferrable": False, "poll_interval": 0.1, "role_arn": ROLE}
        file = self.folder / f"{self.dag_id}.py"
        (self.folder / f"{self.dag_id}.json").write_text(json.dumps(self.document))
        file.write_text(
            "from airflow_sm_pipelines import pipeline_dag\n\n"
            f"dag = pipeline_dag({f'{self.dag_id}.json'!r}, **{settings!r})\n"
        )
        dag, reasons = _dag_of(file), {}

        def note(context: Any) -> None:
            reasons[context["ti"].task_id] = str(context["exception"])

        for task in dag.tasks:
            task.retries, task.on_failure_callback = 0, [note]
        before = self._jobs()
        dag_run = dag.test(run_conf=conf)
        instances = dag_run.get_task_instances()
        return Ended(
            dag_run.run_id,
            str(dag_run.state),
            {_name(ti): ti.state for ti in instances},
            self._xcoms(dag_run.run_id, "return_value"),
            self._xcoms(dag_run.run_id, "sm_pipelines_selection"),
            self._shown(dag_run.run_id),
            reasons,
            {name.split("-")[2] for name in self._jobs() - before},
        )

    def _jobs(self) -> set[str]:
        client = self.aws.client("sagemaker")
        pages = client.get_paginator("list_processing_jobs").paginate()
        return {job["ProcessingJobName"] for page in pages for job in page["ProcessingJobSummaries"]}

    def _xcoms(self, run_id: str, key: str) -> dict[str, Any]:
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session

        with create_session() as session:
            rows = session.query(XComModel).filter_by(dag_id=self.dag_id, run_id=run_id, key=key).all()
            return {_name(r): json.loads(r.value) if isinstance(r.value, str) else r.value for r in rows}

    def _shown(self, run_id: str) -> dict[str, Any]:
        from airflow.models.renderedtifields import RenderedTaskInstanceFields
        from airflow.utils.session import create_session

        with create_session() as session:
            rows = session.query(RenderedTaskInstanceFields).filter_by(dag_id=self.dag_id, run_id=run_id).all()
            return {_name(row): row.rendered_fields.get("request") for row in rows}


def _name(row: Any) -> str:
    return str(row.task_id) if row.map_index < 0 else f"{row.task_id}[{row.map_index}]"


@pytest.fixture(scope="module")
def _quick_aws() -> Iterator[tuple[LocalAws, dict[str, Outcome]]]:
    ends: dict[str, Outcome] = {}
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=os.environ, check=True, capture_output=True)
    with LocalAws(sandbox="rewrite", stand_in=Rehearsal(outcomes=ends, job_seconds=0.03)) as aws:
        yield aws, ends


@pytest.fixture
def lab(
    _quick_aws: tuple[LocalAws, dict[str, Outcome]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Lab]:
    aws, ends = _quick_aws
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    bundle = {"name": "dags", "classpath": BUNDLE_CLASS, "kwargs": {"path": str(tmp_path)}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
    monkeypatch.setattr(connection, "_clients", {})
    ends.clear()
    yield Lab(tmp_path, aws, ends, tmp_path.name)
    ends.clear()


@pytest.fixture
def step(processing_arguments: dict[str, Any]) -> Any:
    """Make a Processing step that waits for others."""

    def make(name: str, *after: Any, **environment: Any) -> dict[str, Any]:
        arguments = {**processing_arguments, **({"Environment": environment} if environment else {})}
        return {"Name": name, "Type": "Processing", "Arguments": arguments, "DependsOn": list(after)}

    return make


def condition(name: str, left: Any, if_steps: list[Any], else_steps: list[Any], *after: str) -> dict[str, Any]:
    compared = {"Type": "Equals", "LeftValue": left, "RightValue": "yes"}
    arguments = {"Conditions": [compared], "IfSteps": if_steps, "ElseSteps": else_steps}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, "DependsOn": list(after)}


def arn_of(name: str) -> dict[str, str]:
    return {"Get": f"Steps.{name}.ProcessingJobArn"}


def test_selected_steps_run_with_what_the_latest_run_left_upstream(lab: Lab, step: Any) -> None:
    lab.pipeline(
        step("Process"),
        step("Train", ARN=arn_of("Process")),
        step("Eval", "Train"),
        step("Report", "Eval"),
        step("Aside"),
    )
    first = lab.run()
    second = lab.run(sm_select_steps=["Train", "Eval"])

    assert (first.state, second.state) == ("success", "success")
    assert first.jobs == {"Process", "Train", "Eval", "Report", "Aside"}
    assert second.of("success") == {"Process", "Train", "Eval"}
    assert second.of("skipped") == {"Report", "Aside"}
    assert second.jobs == {"Train", "Eval"}
    assert second.properties["Process"] == first.properties["Process"]
    assert second.properties["Train"]["Environment"] == {"ARN": first.properties["Process"]["ProcessingJobArn"]}
    for name in ("Train", "Eval"):
        assert second.properties[name]["ProcessingJobArn"] != first.properties[name]["ProcessingJobArn"]


def test_the_grid_shows_where_a_step_comes_from(lab: Lab, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"), step("Report", "Train"))
    first = lab.run()
    second = lab.run(sm_select_steps=["Train"])

    source = {"SourceRun": first.run_id}
    assert second.selection == {
        "Process": {"Role": "reused", **source},
        "Train": {"Role": "selected", **source},
        "Report": {"Role": "not selected"},
    }
    assert second.shown["Process"] == {"Selection": "reused", **source, "Status": "Succeeded"}
    assert second.shown["Report"] == {"Selection": "not selected"}
    assert "ProcessingResources" in second.shown["Train"]


def test_a_run_can_be_named_as_the_source_and_a_selection_can_be_the_source_of_the_next(lab: Lab, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"), step("Eval", ARN=arn_of("Train")))
    runs = [lab.run(), lab.run(), lab.run(sm_select_steps=["Train"])]
    named = lab.run(sm_select_steps=["Eval"], sm_source_run=runs[0].run_id)
    latest = lab.run(sm_select_steps=["Eval"], sm_source_run=runs[2].run_id)

    assert [one.state for one in runs] == ["success"] * 3
    assert named.properties["Train"] == runs[0].properties["Train"]
    assert latest.properties["Train"] == runs[2].properties["Train"]
    assert latest.properties["Process"] == runs[1].properties["Process"]
    assert latest.properties["Eval"]["Environment"]["ARN"] == runs[2].properties["Train"]["ProcessingJobArn"]


def test_after_a_failed_step_only_the_rest_is_run(lab: Lab, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"), step("Eval", "Train"))
    lab.ends["Train"] = FAILED
    first = lab.run()
    del lab.ends["Train"]
    second = lab.run(sm_select_steps=["Train", "Eval"])

    assert (first.state, second.state) == ("failed", "success")
    assert second.properties["Process"] == first.properties["Process"]


def test_without_a_source_steps_that_wait_for_none_can_run(lab: Lab, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"), step("Eval", "Train"))
    first = lab.run(sm_select_steps=["Process", "Train"], sm_source_run="none")
    refused = lab.run(sm_select_steps=["Eval"], sm_source_run="none")

    assert first.state == "success"
    assert first.of("skipped") == {"Eval"}
    assert refused.state == "failed"
    assert set(refused.reasons) == {"Process"}
    assert "Eval waits for Train, which is not selected, and there is no source run" in refused.reasons["Process"]


def test_what_is_wrong_with_a_selection_is_said_at_once_before_any_job(lab: Lab, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"), step("Eval", "Train"), step("Cond", "Eval"))
    ended = lab.run(sm_select_steps=["Train", "Cond", "Evl"])

    assert ended.state == "failed"
    assert ended.jobs == set()
    assert ended.reasons["Process"].splitlines()[1:] == [
        "    there is no step Evl; did you mean `Eval`?",
        "    they are not connected: Train | Cond; select the steps between them as well, or run each part by itself",
    ]


def test_a_reused_condition_keeps_its_outcome(lab: Lab, step: Any) -> None:
    lab.pipeline(
        step("Process"),
        condition(
            "Check", {"Get": "Parameters.Go"}, [step("Then")], [step("Otherwise"), step("More", "Otherwise")], "Process"
        ),
        Parameters=[{"Name": "Go", "Type": "String", "DefaultValue": "yes"}],
    )
    first = lab.run(Go="no")
    second = lab.run(sm_select_steps=["Otherwise"])
    refused = lab.run(sm_select_steps=["Then"], sm_source_run=first.run_id)

    assert first.of("success") == {"Process", "Check", "Otherwise", "More"}
    assert second.state == "success"
    assert second.of("success") == {"Process", "Check", "Otherwise"}
    assert second.properties["Check"] == {"Outcome": False}
    assert refused.state == "failed"
    assert refused.jobs == set()
    assert "Then: Check did not choose its if branch" in refused.reasons["Process"]


def test_a_selected_condition_decides_anew_and_nothing_after_it_runs(lab: Lab, step: Any) -> None:
    lab.pipeline(
        step("Process"),
        condition("Check", {"Get": "Parameters.Go"}, [step("Then")], [step("Otherwise")], "Process"),
        Parameters=[{"Name": "Go", "Type": "String", "DefaultValue": "yes"}],
    )
    lab.run(Go="no")
    second = lab.run(sm_select_steps=["Check"])

    assert second.state == "success"
    assert second.properties["Check"] == {"Outcome": True}
    assert second.of("skipped") == {"Then", "Otherwise"}


def test_a_handler_of_a_failure_is_selected_alone(lab: Lab, step: Any) -> None:
    lab.pipeline(
        step("Process"),
        step("Train", "Process"),
        step("Notify", {"Step": "Train", "Trigger": "Failed"}, ARN=arn_of("Train")),
        step("Report", "Train"),
    )
    lab.ends["Train"] = FAILED
    first = lab.run()
    second = lab.run(sm_select_steps=["Notify"])
    refused = lab.run(sm_select_steps=["Report"], sm_source_run=first.run_id)

    assert first.of("failed") == {"Train", "pipeline_status"}
    assert second.state == "success"
    assert second.of("success") == {"Process", "Notify", "pipeline_status"}
    assert second.of("skipped") == {"Train", "Report"}
    assert second.properties["Notify"]["Environment"]["ARN"] == first.properties["Train"]["ProcessingJobArn"]
    assert "Report: Train is Failed, but the trigger is Completed" in refused.reasons["Process"]


def test_a_failure_that_no_selected_step_handles_fails_the_run(lab: Lab, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"), step("Notify", {"Step": "Train", "Trigger": "Failed"}))
    lab.run()
    lab.ends["Train"] = FAILED
    second = lab.run(sm_select_steps=["Train"])

    assert second.state == "failed"
    assert second.of("skipped") == {"Notify"}
    assert second.reasons["pipeline_status"] == "Failed: Train failed"


def loop(name: str, items: Any, *body: dict[str, Any]) -> dict[str, Any]:
    arguments = {"IterableItems": items, "MaxConcurrency": 2, "ForEachBody": list(body)}
    return {"Name": name, "Type": "ForEach", "Arguments": arguments}


def test_a_for_each_is_reused_or_run_as_a_whole(lab: Lab, step: Any) -> None:
    each = step("Each", ITEM={"Get": "ForEach.CurrentItem"}, ARN=arn_of("Process"))
    first_output = {"Get": "Steps.Loop.IterationOutputs[0].Each.ProcessingJobArn"}
    lab.pipeline(step("Process"), loop("Loop", ["a", "b"], each), step("After", ARN=first_output))
    first = lab.run()
    after = lab.run(sm_select_steps=["After"])
    whole = lab.run(sm_select_steps=["Loop"], sm_source_run=first.run_id)
    part = lab.run(sm_select_steps=["Each"])

    assert first.state == "success"
    assert after.state == "success"
    assert after.properties["Loop.result"] == first.properties["Loop.result"]
    assert after.of("success") == {"Process", "Loop.result", "After"}
    wanted = first.properties["Loop.result"]["IterationOutputs"][0]["Each"]["ProcessingJobArn"]
    assert after.properties["After"]["Environment"]["ARN"] == wanted
    assert whole.state == "success"
    assert {"Each[0]", "Each[1]", "Loop.result"} <= whole.of("success")
    assert whole.of("skipped") == {"After"}
    assert whole.properties["Each[0]"]["Environment"]["ARN"] == first.properties["Process"]["ProcessingJobArn"]
    assert "Each is in the body of Loop, which is executed as a whole: select Loop" in part.reasons["Process"]


def test_a_for_each_that_is_not_selected_does_not_run(lab: Lab, step: Any) -> None:
    lab.pipeline(step("Process"), loop("Loop", ["a"], step("Each", ARN=arn_of("Process"))))
    ended = lab.run(sm_select_steps=["Process"])

    assert ended.state == "success"
    assert ended.of("success") == {"Process"}
    assert ended.jobs == {"Process"}


def test_the_first_run_of_a_pipeline_has_no_source(lab: Lab, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"))
    refused = lab.run(sm_select_steps=["Train"])
    ended = lab.run(sm_select_steps=["Process"])

    assert "Train waits for Process, which is not selected, and there is no source run" in refused.reasons["Process"]
    assert ended.state == "success"


@pytest.mark.parametrize(("source", "reason"), [("of-last-week", "has no run of-last-week")])
def test_a_source_that_does_not_exist_is_an_error(lab: Lab, step: Any, source: str, reason: str) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"))
    ended = lab.run(sm_select_steps=["Train"], sm_source_run=source)

    assert ended.state == "failed"
    assert reason in ended.reasons["Process"]


def test_a_step_that_is_new_in_the_definition_can_be_run_alone(lab: Lab, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"))
    first = lab.run()
    lab.pipeline(step("Added"), step("Process"), step("Train", "Process"), step("Eval", ARN=arn_of("Train")))
    second = lab.run(sm_select_steps=["Eval"])

    assert second.state == "success"
    assert second.jobs == {"Eval"}
    assert second.properties["Eval"]["Environment"]["ARN"] == first.properties["Train"]["ProcessingJobArn"]


def test_a_step_that_was_put_before_a_reused_one_does_not_hold_it_up(lab: Lab, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"))
    first = lab.run()
    lab.pipeline(step("Fetch"), step("Process", "Fetch"), step("Train", ARN=arn_of("Process")))
    second = lab.run(sm_select_steps=["Train"])

    assert second.state == "success"
    assert second.of("success") == {"Fetch", "Process", "Train"}
    assert second.jobs == {"Train"}
    assert second.properties["Process"] == first.properties["Process"]


def test_a_failure_is_seen_although_a_step_beside_it_stays_out(lab: Lab, step: Any) -> None:
    lab.pipeline(step("Process"), step("Beside", "Process"), step("Train", "Process"), step("Both", "Beside", "Train"))
    first = lab.run()
    lab.ends["Train"] = FAILED
    second = lab.run(sm_select_steps=["Train"])

    assert (first.state, second.state) == ("success", "failed")
    assert second.jobs == {"Train"}
    assert second.tasks["Beside"] == "success"
    assert second.selection["Beside"] == {"Role": "not selected"}


# -- an execution in SageMaker as the source run -----------------------------------------------------------------------


@dataclass
class Account:
    """An account with an execution of the lab's pipeline, as the local AWS has it recorded."""

    lab: Lab

    @property
    def arn(self) -> str:
        return self.of_pipeline(sagemaker_name(self.lab.dag_id))

    @staticmethod
    def of_pipeline(name: str) -> str:
        return f"arn:aws:sagemaker:us-west-2:111122223333:pipeline/{name.lower()}/execution/p1lrnbqnmbbr"

    def record(
        self, *steps: dict[str, Any], status: str = "Succeeded", arn: str = "", values: Any = None, **more: Any
    ) -> str:
        """Put a recording into the local AWS, and return the ARN of the execution."""
        arn = arn or self.arn
        parameters = [{"Name": name, "Value": value} for name, value in (values or {}).items()]
        recording = {
            "DescribePipelineExecution": {
                "PipelineArn": arn.partition("/execution/")[0],
                "PipelineExecutionArn": arn,
                "PipelineExecutionStatus": status,
                "CreationTime": "2026-11-20T08:00:00+00:00",
            },
            "ListPipelineExecutionSteps": {"PipelineExecutionSteps": list(steps)},
            "ListPipelineParametersForExecution": {"PipelineParameters": parameters},
            **more,
        }
        url, body = f"{self.lab.aws.endpoint_url}/_local/executions", json.dumps(recording).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST")):
            return arn


def executed(name: str, status: str = "Succeeded", **metadata: Any) -> dict[str, Any]:
    """Return a step as ListPipelineExecutionSteps has it."""
    return {"StepName": name, "StepStatus": status, "Metadata": metadata}


def processed(name: str, run: Ended, status: str = "Succeeded") -> dict[str, Any]:
    """Return a step with the job that a run has made for it."""
    return executed(name, status, ProcessingJob={"Arn": run.properties[name]["ProcessingJobArn"]})


@pytest.fixture
def account(lab: Lab) -> Iterator[Account]:
    yield Account(lab)
    with urllib.request.urlopen(urllib.request.Request(f"{lab.aws.endpoint_url}/_local/executions", method="DELETE")):
        pass


def test_the_source_is_the_execution_in_sagemaker_whose_arn_is_given(lab: Lab, account: Account, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", ARN=arn_of("Process")), step("Eval", "Train"))
    first, latest = lab.run(), lab.run()
    iteration = {**executed("Each"), "IterationContext": {"ParentStepName": "Loop"}}
    steps = [processed(name, first) for name in ("Eval", "Train", "Process")]
    arn = account.record(*[iteration] * 30, *steps)  # more than a page of the list
    ended = lab.run(sm_select_steps=["Train"], sm_source_run=arn)

    assert ended.state == "success"
    assert ended.jobs == {"Train"}
    assert ended.of("skipped") == {"Eval"}
    assert ended.properties["Process"] == first.properties["Process"] != latest.properties["Process"]
    assert ended.properties["Train"]["Environment"] == {"ARN": first.properties["Process"]["ProcessingJobArn"]}
    assert ended.selection["Process"] == {"Role": "reused", "SourceRun": arn}
    assert ended.shown["Process"] == {"Selection": "reused", "SourceRun": arn, "Status": "Succeeded"}


def test_an_execution_of_the_account_needs_no_job_here(lab: Lab, account: Account, step: Any) -> None:
    """As a person rehearses a selection who has taken the answers of AWS along."""
    lab.pipeline(step("Process"), step("Train", ARN=arn_of("Process")))
    job = {
        "ProcessingJobName": "pipelines-p1lrnbqnmbbr-Process-x",
        "ProcessingJobArn": "arn:aws:sagemaker:us-west-2:111122223333:processing-job/pipelines-p1lrnbqnmbbr-Process-x",
        "ProcessingJobStatus": "Completed",
        "ProcessingEndTime": "2026-11-20T09:00:00.125000+01:00",
    }
    process = executed("Process", ProcessingJob={"Arn": job["ProcessingJobArn"]})
    arn = account.record(process, DescribeProcessingJob=[job])
    ended = lab.run(sm_select_steps=["Train"], sm_source_run=arn)

    assert ended.state == "success"
    assert ended.properties["Process"] == {**job, "ProcessingEndTime": "2026-11-20T08:00:00.125000+00:00"}
    assert ended.properties["Train"]["Environment"] == {"ARN": job["ProcessingJobArn"]}


def test_what_steps_returned_in_an_execution_is_reused(lab: Lab, account: Account, step: Any) -> None:
    outputs = [{"OutputName": "rows", "OutputType": "Integer"}]
    queue = "https://sqs.us-west-2.amazonaws.com/123456789012/queue"
    ask = {"Name": "Ask", "Type": "Callback", "SqsQueueUrl": queue, "Arguments": {}, "OutputParameters": outputs}
    rows = {"Std:Join": {"On": "-", "Values": [{"Get": "Steps.Ask.OutputParameters['rows']"}]}}
    lab.pipeline(ask, condition("Check", "yes", [step("Then")], [step("Otherwise", ROWS=rows)], "Ask"))
    arn = account.record(
        executed("Ask", Callback={"CallbackToken": "t" * 10, "OutputParameters": [{"Name": "rows", "Value": "12"}]}),
        executed("Check", Condition={"Outcome": "False"}),
    )
    ended = lab.run(sm_select_steps=["Otherwise"], sm_source_run=arn)
    refused = lab.run(sm_select_steps=["Then"], sm_source_run=arn)

    assert ended.state == "success"
    assert ended.properties["Check"] == {"Outcome": False}
    assert ended.properties["Otherwise"]["Environment"] == {"ROWS": "12"}
    assert "Then: Check did not choose its if branch" in refused.reasons["Ask"]


def test_parameters_of_an_execution_are_taken_over_with_overrides(lab: Lab, account: Account, step: Any) -> None:
    def text(name: str) -> dict[str, Any]:
        return {"Std:Join": {"On": "", "Values": [{"Get": f"Parameters.{name}"}]}}

    lab.pipeline(
        step("Process"),
        step("Train", "Process", DEPTH=text("MaxDepth"), RATE=text("Rate"), FAST=text("Fast"), PLACE=text("Place")),
        Parameters=[
            {"Name": "MaxDepth", "Type": "Integer", "DefaultValue": 1},
            {"Name": "Rate", "Type": "Float", "DefaultValue": 0.1},
            {"Name": "Fast", "Type": "Boolean", "DefaultValue": False},
            {"Name": "Place", "Type": "String", "DefaultValue": "here"},
        ],
    )
    first = lab.run()
    values = {"MaxDepth": "6", "Rate": "0.5", "Fast": "true", "Place": "there"}
    arn = account.record(processed("Process", first), values=values)
    conf = build_run_conf(lab.dag_id, arn, select_steps=["Train"], parameters={"Rate": 0.7}, aws_conn_id=None)
    ended = lab.run(**conf)

    assert ended.state == "success"
    assert ended.jobs == {"Train"}
    shown = {"DEPTH": "6", "RATE": "0.7", "FAST": "true", "PLACE": "there"}
    assert ended.properties["Train"]["Environment"] == shown


def test_an_execution_that_failed_is_a_source_for_what_comes_before_the_failure(
    lab: Lab, account: Account, step: Any
) -> None:
    lab.pipeline(step("Process"), step("Train", ARN=arn_of("Process")), step("Eval", ARN=arn_of("Train")))
    first = lab.run()
    arn = account.record(processed("Train", first, "Failed"), processed("Process", first), status="Failed")
    again = lab.run(sm_select_steps=["Train", "Eval"], sm_source_run=arn)
    refused = lab.run(sm_select_steps=["Eval"], sm_source_run=arn)

    assert again.state == "success"
    assert again.jobs == {"Train", "Eval"}
    assert again.properties["Train"]["Environment"]["ARN"] == first.properties["Process"]["ProcessingJobArn"]
    assert (refused.state, refused.jobs) == ("failed", set())
    assert "Eval: Train is Failed, but the trigger is Completed" in refused.reasons["Process"]


def test_a_step_that_an_execution_has_not_run_has_nothing_to_reuse(lab: Lab, account: Account, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"))
    refused = lab.run(sm_select_steps=["Train"], sm_source_run=account.record())

    assert (refused.state, refused.jobs) == ("failed", set())
    assert f"cannot run after what the execution {account.arn} did" in refused.reasons["Process"]


@pytest.mark.parametrize("status", ["Executing", "Stopping", "Stopped"])
def test_an_execution_that_has_not_succeeded_or_failed_is_no_source(
    lab: Lab, account: Account, step: Any, status: str
) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"))
    refused = lab.run(sm_select_steps=["Train"], sm_source_run=account.record(executed("Process"), status=status))

    assert (refused.state, refused.jobs) == ("failed", set())
    assert f"{account.arn} is {status}, and must have succeeded or failed" in refused.reasons["Process"]


def test_an_execution_of_another_pipeline_is_no_source(lab: Lab, account: Account, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"))
    arn = account.record(executed("Process"), arn=account.of_pipeline("wines"))
    refused = lab.run(sm_select_steps=["Train"], sm_source_run=arn)

    assert (refused.state, refused.jobs) == ("failed", set())
    assert f"{arn} is an execution of the pipeline wines, and this is " in refused.reasons["Process"]


def test_an_execution_that_does_not_exist_is_no_source(lab: Lab, account: Account, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", "Process"))
    refused = lab.run(sm_select_steps=["Train"], sm_source_run=account.arn)

    assert (refused.state, refused.jobs) == ("failed", set())
    assert f"cannot read the source run {account.arn}: " in refused.reasons["Process"]
    assert f"Pipeline execution with ARN {account.arn} does not exist" in refused.reasons["Process"]


def test_a_job_of_an_execution_that_is_gone_is_missed_by_who_reads_it(lab: Lab, account: Account, step: Any) -> None:
    lab.pipeline(step("Process"), step("Train", ARN=arn_of("Process")), step("Eval", "Process"))
    gone = "arn:aws:sagemaker:us-west-2:111122223333:processing-job/pipelines-p1lrnbqnmbbr-Process-x"
    arn = account.record(executed("Process", ProcessingJob={"Arn": gone}))
    ended = lab.run(sm_select_steps=["Eval"], sm_source_run=arn)
    refused = lab.run(sm_select_steps=["Train"], sm_source_run=arn)

    assert (ended.state, refused.state) == ("success", "failed")
    assert "has no properties of this step (they were deleted" in refused.reasons["Process"]
