"""Removing what a job leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws import jobs
from airflow_sm_pipelines.aws.kinds import EMR_SERVERLESS_APPLICATION, EMR_SERVERLESS_JOB
from airflow_sm_pipelines.errors import AwsCallError, CallRefusedError
from airflow_sm_pipelines.execution.leftovers import remove_leftovers, remove_patiently


class Removal:
    """Stands in for `jobs.remove`."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.pauses: list[float] = []

    def __call__(self, client: Any, kind: Any, reference: str) -> bool:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run(self, monkeypatch: pytest.MonkeyPatch, patience: float = 60.0) -> str:
        monkeypatch.setattr(jobs, "remove", self)
        return remove_leftovers(None, EMR_SERVERLESS_APPLICATION, "app/run", self.pauses.append, patience)


def test_it_goes_on_until_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    removal = Removal(True, True, False)
    assert removal.run(monkeypatch) == ""
    assert len(removal.pauses) == 2


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    removal = Removal(True)
    assert removal.run(monkeypatch, 10.0) == "the EMR Serverless application of app/run is not gone after 10 s"
    assert sum(removal.pauses) == 10.0


def test_a_refusal_is_told_and_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    removal = Removal(CallRefusedError("StopApplication", "AccessDenied", "no", None))
    said = removal.run(monkeypatch)
    assert said == (
        "cannot remove the EMR Serverless application of app/run: AWS refused StopApplication: AccessDenied: no"
    )


def test_a_kind_that_leaves_nothing_makes_no_call() -> None:
    assert jobs.remove(None, EMR_SERVERLESS_JOB, "app/run") is False


def test_to_stop_orphans_a_refusal_is_the_news(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = CallRefusedError("StopApplication", "AccessDeniedException", "no", None)
    monkeypatch.setattr(jobs, "remove", Removal(True, refused))
    with pytest.raises(AwsCallError, match="StopApplication"):
        remove_patiently(None, EMR_SERVERLESS_APPLICATION, "app/run", lambda _: None, 10)
