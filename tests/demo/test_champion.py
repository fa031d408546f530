from __future__ import annotations

import io
import json
import threading
import zipfile
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from airflow_sm_pipelines.demo import champion as champion_demo
from airflow_sm_pipelines.demo.champion import CHAMPION_DEMO
from airflow_sm_pipelines.demo.examples import CHAMPION
from airflow_sm_pipelines.preview.advice import warnings

XCOMS: dict[str, Any] = {
    "DataQuality": {"CalculatedBaselineConstraints": "s3://b/constraints.json"},
    "Tune": {
        "BestTrainingJob": {
            "TunedHyperParameters": {"max_depth": "2", "eta": "0.12345"},
            "FinalHyperParameterTuningJobObjectiveMetric": {"MetricName": "validation:rmse", "Value": 48.421},
        },
        "TrainingJobSummaries": [{}, {}],
    },
    "MeasureGroups.result": {
        "IterationOutputs": [{"Report": {"OutputParameters": {"group": "older", "rows": 7, "mse": 12.34}}}]
    },
    "Register-RegisterModel": {"ModelPackageArn": "arn:p/3", "ModelPackageVersion": 3},
    "Review": {"OutputParameters": {"approved": True, "comment": "good enough"}},
    "Approve": {"OutputParameters": {"status": "Approved"}},
    "Summarize": {"Config": {"Args": ["python3", "s3://b/summary.csv"]}},
}


class Airflow:
    """Answers about one run."""

    def __init__(self, states: dict[str, str]) -> None:
        self._states = states

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, str]]:
        assert (dag_id, run_id) == ("diabetes_champion", "run")
        return [{"task_id": name, "state": state} for name, state in self._states.items()]

    def xcom(self, _dag_id: str, _run_id: str, task_id: str) -> Any:
        assert self._states[task_id] == "success", "what failed has no results"
        return XCOMS[task_id]


def results(**states: str) -> list[str]:
    api = Airflow({**dict.fromkeys(("Prepare", *XCOMS), "success"), **states})
    stage: Any = SimpleNamespace(airflow=SimpleNamespace(api=api))
    return list(CHAMPION_DEMO.results(stage, "run", 6000.0))


def test_the_definition_has_neither_errors_nor_warnings() -> None:
    assert warnings(CHAMPION.load()) == ()


def test_the_pipeline_shows_the_types_that_the_first_demo_has_not() -> None:
    types = {step.type for step in CHAMPION.load().steps}
    assert types >= {"Tuning", "RegisterModel", "Lambda", "Callback", "QualityCheck", "ForEach", "EMR"}


def test_what_every_step_has_made_is_said() -> None:
    assert results() == [
        "Baseline of the data: s3://b/constraints.json",
        "Best of 2 models: eta 0.123, max_depth 2 (validation:rmse 48.42)",
        "Its MSE in each age group:",
        "  older         7 rows      12.3",
        "Model package: arn:p/3 (version 3)",
        "Review: good enough",
        "The model package is now Approved",
        "Summary: s3://b/summary.csv",
    ]


def test_steps_that_have_not_succeeded_have_made_nothing() -> None:
    assert results(**{"MeasureGroups.result": "failed", "Approve": "skipped", "Summarize": "skipped"}) == [
        "Baseline of the data: s3://b/constraints.json",
        "Best of 2 models: eta 0.123, max_depth 2 (validation:rmse 48.42)",
        "Model package: arn:p/3 (version 3)",
        "Review: good enough",
    ]


@pytest.mark.parametrize(("error", "approved"), [(5999.0, "true"), (6000.0, "true"), (6000.5, "false")])
def test_the_reviewer_approves_a_model_by_its_worst_error(error: float, approved: str) -> None:
    judged = champion_demo._judgement(
        {"worst_mse": error, "limit": 6000.0, "worst_group": "older", "model_package": "p"}
    )
    assert judged["approved"] == approved
    assert "its worst age group, older" in judged["comment"]


def test_the_functions_are_those_that_the_definition_names() -> None:
    deployed: dict[str, list[str]] = {}

    class Lambda:
        def create_function(self, *, FunctionName: str, Handler: str, Code: Any, **_: Any) -> dict[str, Any]:  # noqa: N803
            names = zipfile.ZipFile(io.BytesIO(Code["ZipFile"])).namelist()
            assert names == [f"{Handler.removesuffix('.handle')}.py"]
            deployed[FunctionName] = names
            return {}

    champion_demo._deploy_functions(Lambda())

    steps: list[Any] = [step for step in CHAMPION.load().steps if step.type == "Lambda"]
    named = {f"champion-{step.members['FunctionArn']['Std:Join']['Values'][1]}" for step in steps}
    assert named == deployed.keys()


class Queue:
    """Holds messages until they are deleted."""

    def __init__(self, done: threading.Event, *tokens: str) -> None:
        self._done = done
        self.tokens = list(tokens)

    def receive_message(self, **_: Any) -> dict[str, Any]:
        if not self.tokens:
            self._done.set()
            return {}
        arguments = {"worst_mse": 1.0, "limit": 2.0, "worst_group": "older"}
        body = json.dumps({"token": self.tokens[0], "status": "Executing", "arguments": arguments})
        return {"Messages": [{"Body": body, "ReceiptHandle": self.tokens[0]}]}

    def delete_message(self, *, ReceiptHandle: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.tokens.remove(ReceiptHandle)
        return {}


def test_the_reviewer_goes_on_after_refusals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = threading.Event()
    queue = Queue(done, "answered-in-the-ui", "busy")
    refusals = {"answered-in-the-ui": ["ConflictException"], "busy": ["ThrottlingException"]}
    answered: list[str] = []

    class SageMaker:
        def send_pipeline_execution_step_success(self, *, CallbackToken: str, **_: Any) -> dict[str, Any]:  # noqa: N803
            if refusals[CallbackToken]:
                answer = {"Error": {"Code": refusals[CallbackToken].pop(), "Message": "no"}}
                raise ClientError(answer, "SendPipelineExecutionStepSuccess")
            answered.append(CallbackToken)
            return {}

    monkeypatch.setattr(champion_demo, "_POLL_SECONDS", 0.01)
    api = SimpleNamespace(base_url="http://127.0.0.1:1")
    clients = {"sqs": queue, "sagemaker": SageMaker()}
    stage: Any = SimpleNamespace(client=lambda service, **_: clients[service], airflow=SimpleNamespace(api=api))

    champion_demo._review(stage, "queue", done)

    assert queue.tokens == []
    assert answered == ["busy"]
    assert (
        "The reviewer goes on after: SendPipelineExecutionStepSuccess: ThrottlingException" in capsys.readouterr().out
    )
