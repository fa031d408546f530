"""Every call that a run makes is allowed by the policy that `iam-policy` prints for its definition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.rehearsal.rehearsals import prepare
from tests.integration import test_plan_is_what_is_sent as runs
from tests.integration.iam_oracle import Check, checks, is_allowed

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("default")]

recorded, rehearse = runs.recorded, runs.rehearse
DAGS = Path(__file__).parents[2] / "dags"
DEFINITIONS = [*runs.DEFINITIONS, *sorted(DAGS.glob("*.json"))]


class ServiceCalls(runs.Recorded):
    """The calls of a run, each with the name of its service."""

    def note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        service = model.service_model.service_name
        self.calls.setdefault(self.task, []).append((f"{service}:{model.name}", dict(params)))

    def all(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [(*name.split(":"), request) for calls in self.calls.values() for name, request in calls]  # type: ignore[misc]


def needed(recorded: ServiceCalls) -> list[Check]:
    return [check for service, operation, request in recorded.all() for check in checks(service, operation, request)]


def printed_policy(file: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["iam-policy", str(file), *options]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: file.stem)
def test_the_policy_allows_every_call_of_a_run(
    file: Path,
    recorded: runs.Recorded,
    rehearse: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = ServiceCalls()
    monkeypatch.setattr(recorded, "note", calls.note)
    pipeline = load_pipeline(file)
    prepared = prepare(pipeline, file)

    ended = rehearse(prepared.scenario)

    policy = printed_policy(file, capsys, "--region", "us-west-2", "--account", "123456789012")
    found = needed(calls)
    assert [check for check in found if not is_allowed(policy, check)] == []
    made = {step.name for step in pipeline.steps if CATALOG[step.type].calls} & ended
    assert found or not made


def test_a_policy_that_lacks_an_action_does_not_allow_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    policy = printed_policy(DAGS / "diabetes.json", capsys)
    create = {"TrainingJobName": "pipelines-1", "RoleArn": "arn:aws:iam::123456789012:role/SageMakerRole", "Tags": [{}]}
    wanted = list(checks("sagemaker", "CreateTrainingJob", create))

    assert len(wanted) == 3
    assert all(is_allowed(policy, check) for check in wanted)
    for check in wanted:
        others = [one for one in policy["Statement"] if check.action not in one["Action"]]
        assert not is_allowed({"Statement": others}, check)
    elsewhere = check_of(wanted, "iam:PassRole")._replace(context={"iam:PassedToService": "ec2.amazonaws.com"})
    assert not is_allowed(policy, elsewhere)


def check_of(found: list[Check], action: str) -> Check:
    return next(check for check in found if check.action == action)
