"""Rehearsals as a library, with a stand-in for Airflow; whole ones run in tests/integration/test_rehearse.py."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import airflow_sm_pipelines
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import InvalidDefinitionError, RehearsalError
from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.rehearsal import rehearsals as module
from airflow_sm_pipelines.rehearsal.later_runs import EndedLaterRun
from airflow_sm_pipelines.rehearsal.rehearsals import Rehearsals, rehearse
from airflow_sm_pipelines.rehearsal.run import RehearsalResult, RehearsalScenario
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import NOTE, Outcome, Refusal
from tests.report_schemas import complain

DEFINITION: dict[str, Any] = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Size", "Type": "Integer"}, {"Name": "Word", "Type": "String", "DefaultValue": "w"}],
    "Steps": [
        {
            "Name": "Ask",
            "Type": "Lambda",
            "FunctionArn": "f",
            "OutputParameters": [{"OutputName": "n", "OutputType": "Integer"}],
        },
        {
            "Name": "Each",
            "Type": "ForEach",
            "Arguments": {
                "IterableItems": ["a", "b"],
                "MaxConcurrency": 1,
                "ForEachBody": [{"Name": "Work", "Type": "Lambda", "FunctionArn": "g"}],
            },
        },
    ],
}
TASKS = {"Ask": "success", "Each.items": "success", "Work-0": "success", "Work-1": "failed", "Each.result": "failed"}


@pytest.fixture
def scenarios(monkeypatch: pytest.MonkeyPatch) -> list[RehearsalScenario]:
    """The scenarios that are run; each ends alike."""
    noted: list[RehearsalScenario] = []

    def run(scenario: RehearsalScenario, _airflow: object) -> RehearsalResult:
        assert json.loads(scenario.file.read_text()) == DEFINITION
        noted.append(scenario)
        reasons = {"Work-1": "no luck", "Each.result": "1 of 2 iterations failed"}
        refusals = [Refusal("", "CreateBucket", "no")]
        return RehearsalResult("failed", TASKS, reasons, {"Ask": ["s3://b/k"]}, refusals)

    monkeypatch.setattr(module, "run_scenario", run)
    return noted


def test_the_package_offers_it() -> None:
    assert airflow_sm_pipelines.rehearse is rehearse
    assert airflow_sm_pipelines.Rehearsals is Rehearsals


@pytest.mark.parametrize("form", ["file", "text", "dict"])
def test_a_definition_comes_as_a_file_a_text_or_a_dict(
    scenarios: list[RehearsalScenario], tmp_path: Path, form: str
) -> None:
    file = tmp_path / "p.json"
    file.write_text(json.dumps(DEFINITION))
    sources = {"file": str(file), "text": f"\ufeff {json.dumps(DEFINITION)}", "dict": DEFINITION}
    names = {"file": str(file), "text": "<text>", "dict": "<dict>"}

    report = rehearse(sources[form])

    assert report.file == names[form]
    assert scenarios[0].dag_id == ("p" if form == "file" else "pipeline")
    assert scenarios[0].file.exists() is (form == "file"), "the folder of Airflow is removed"


def test_the_report_says_how_everything_ended(scenarios: list[RehearsalScenario]) -> None:
    report = rehearse(DEFINITION)

    assert not report.succeeded
    assert report.step("Work").state == "failed"
    assert report.step("Work").iterations[1].reason == "no luck"
    assert "Work  Lambda   failed in 1 of 2 iterations; in iteration 1: failed: no luck" in str(report).splitlines()
    assert str(report).endswith("\nThe pipeline failed.")
    with pytest.raises(KeyError):
        report.step("Wrok")


def test_the_json_of_the_report_has_iterations_only_where_there_are_some(scenarios: list[RehearsalScenario]) -> None:
    document = rehearse(DEFINITION).as_json()

    assert document == {
        "file": "<dict>",
        "state": "failed",
        "note": NOTE,
        "parameters": {"Size": 1, "Word": "w"},
        "placeholders": ["Size"],
        "values": [{"name": "Ask.OutputParameters.n", "value": 1}],
        "steps": [
            {"name": "Ask", "type": "Lambda", "state": "succeeded", "reason": None, "synthetic": ["s3://b/k"]},
            {
                "name": "Each",
                "type": "ForEach",
                "state": "failed",
                "reason": "1 of 2 iterations failed",
                "synthetic": [],
            },
            {
                "name": "Work",
                "type": "Lambda",
                "state": "failed",
                "reason": None,
                "iterations": [{"state": "succeeded", "reason": None}, {"state": "failed", "reason": "no luck"}],
                "synthetic": [],
            },
        ],
        "untried": [],
        "notes": [],
        "warnings": [{"step": None, "operation": "CreateBucket", "message": "no"}],
    }
    assert complain("rehearse", document) == []
    assert complain("rehearse", [document]) == []


def test_the_report_says_that_a_violation_has_no_effect_on_a_check_that_compares_nothing() -> None:
    file = Path(__file__).parents[1] / "golden" / "v2_clarify_quality_checks.json"
    pipeline = load_pipeline(file)
    prepared = module.prepare(pipeline, file, outcomes={"DataQualityCheckStep": "violation"})
    tasks = dict.fromkeys((step.name for step in pipeline.steps), "success")

    def notes(*written: str) -> list[str]:
        result = RehearsalResult("success", tasks, {}, {"DataQualityCheckStep": written})
        return [note for note in module.report_of(prepared, result).notes if "no effect" in note]

    assert len(notes("s3://b/out/constraints.json")) == 1
    assert notes("s3://b/out/constraints.json", "s3://b/out/constraint_violations.json") == []


def test_parameters_outcomes_and_values_are_chosen(scenarios: list[RehearsalScenario]) -> None:
    report = rehearse(
        DEFINITION,
        parameters={"Size": "7", "Word": "x"},
        outcomes={"Ask": "failed:nobody there"},
        values={"Ask.OutputParameters.n": 5},
    )

    assert report.parameters == {"Size": 7, "Word": "x"}
    assert report.placeholders == []
    assert report.values[0].value == 5
    assert scenarios[0].outcomes == {"Ask": Outcome(failure_reason="nobody there")}


def test_a_text_stays_a_text_though_it_reads_like_a_number(scenarios: list[RehearsalScenario]) -> None:
    assert rehearse(DEFINITION, values={"Ask.OutputParameters.n": "5"}).values[0].value == "5"
    assert rehearse(DEFINITION, values=["Ask.OutputParameters.n=5"]).values[0].value == 5


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"parameters": {"Sise": 1}}, "did you mean `Size`"),
        ({"parameters": {"Size": "many"}}, "parameter Size "),
        ({"outcomes": {"Aks": "stopped"}}, "did you mean `Ask`"),
        ({"outcomes": {"Each": "stopped"}}, "is of type ForEach, which runs no job"),
        ({"values": {"Ask.OutputParameters.m": 1}}, "reads no 'm' of Ask.OutputParameters"),
    ],
)
def test_what_does_not_exist_is_a_value_error(
    scenarios: list[RehearsalScenario], chosen: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        rehearse(DEFINITION, **chosen)
    assert scenarios == []


def test_a_broken_definition_and_a_missing_file_are_errors_as_everywhere(scenarios: list[RehearsalScenario]) -> None:
    with pytest.raises(InvalidDefinitionError):
        rehearse({"Steps": []})
    with pytest.raises(FileNotFoundError):
        rehearse("nowhere.json")


def test_rehearsals_are_done_in_a_with_statement() -> None:
    with pytest.raises(RuntimeError, match="`with` statement"):
        Rehearsals().rehearse(DEFINITION)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModuleNotFoundError("No module named 'moto'", name="moto"), "moto is not installed: pip install 'airflow-sm-"),
        (LocalAwsError("no free port"), "no free port"),
    ],
)
def test_what_is_missing_is_a_rehearsal_error(monkeypatch: pytest.MonkeyPatch, error: Exception, message: str) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, "run_scenario", fail)
    with pytest.raises(RehearsalError, match=message):
        rehearse(DEFINITION)


def test_a_fault_of_ours_is_not_taken_for_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ModuleNotFoundError("no", name="airflow_sm_pipelines.nothing")

    monkeypatch.setattr(module, "run_scenario", fail)
    with pytest.raises(ModuleNotFoundError):
        rehearse(DEFINITION)


def test_the_users_aws_settings_are_hidden_for_the_time_of_a_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    seen: list[bool] = []

    def look(*_: object) -> RehearsalResult:
        seen.append("AWS_PROFILE" in os.environ)
        return RehearsalResult("success", {}, {}, {})

    monkeypatch.setattr(module, "run_scenario", look)
    with Rehearsals() as rehearsals:
        assert rehearsals.rehearse(DEFINITION).succeeded
        assert os.environ["AWS_PROFILE"] == "production"
    assert seen == [False]


# -- several runs ------------------------------------------------------------------------------------------------------


def test_later_runs_are_told_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = dict.fromkeys(TASKS, "success")
    reuse = {"Ask": {"outcome": "hit", "run_id": "one", "resource": ""}}
    second = EndedLaterRun(2, "success", tasks, {}, reuse, {"one": 1, "two": 2})
    noted: list[RehearsalScenario] = []

    def run(scenario: RehearsalScenario, _: object) -> RehearsalResult:
        noted.append(scenario)
        return RehearsalResult("success", tasks, {}, {}, (), [second])

    monkeypatch.setattr(module, "run_scenario", run)
    report = rehearse(DEFINITION, runs=2)

    assert noted[0].runs == 2
    assert report.succeeded
    [told] = report.later_runs
    assert [(step.name, step.state) for step in told.steps] == [
        ("Ask", "succeeded"),
        ("Each", "succeeded"),
        ("Work", "succeeded"),
    ]
    lines = str(report).splitlines()
    start = lines.index("Run 2, with the same values:")
    assert lines[start + 2] == "Ask   Lambda   succeeded (cache hit: run 1)"
    assert lines[start + 4] == "Work  Lambda   succeeded"
    assert complain("rehearse", report.as_json()) == []


def test_a_later_run_of_a_selection_tells_the_roles_too(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = {**dict.fromkeys(TASKS, "skipped"), "Ask": "success"}
    result = RehearsalResult("success", tasks, {}, {}, (), [EndedLaterRun(2, "success", tasks)])
    monkeypatch.setattr(module, "run_scenario", lambda *_: result)

    [told] = rehearse(DEFINITION, runs=2, select=["Ask"]).later_runs

    assert {step.name: step.state for step in told.steps} == {
        "Ask": "succeeded",
        "Each": "not selected",
        "Work": "not selected",
    }


def test_a_later_run_that_fails_fails_the_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = dict.fromkeys(TASKS, "success")
    second = EndedLaterRun(2, "failed", {**tasks, "Ask": "failed"}, {"Ask": "no luck"})
    result = RehearsalResult("success", tasks, {}, {}, (), [second])
    monkeypatch.setattr(module, "run_scenario", lambda *_: result)
    report = rehearse(DEFINITION, runs=2)
    assert not report.succeeded
    assert "Ask   Lambda   failed: no luck" in str(report)


def test_a_rehearsal_has_at_least_one_run(scenarios: list[RehearsalScenario]) -> None:
    with pytest.raises(ValueError, match="runs must be at least 1, not 0"):
        rehearse(DEFINITION, runs=0)
    assert scenarios == []


def test_a_rehearsal_has_no_other_source_runs() -> None:
    with pytest.raises(ValueError, match="sm_source_run of a rehearsal is latest or none, not 'of-last-week'"):
        rehearse(DEFINITION, select=["Ask"], source_run="of-last-week")
