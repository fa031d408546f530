from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from airflow_sm_pipelines.cli.main import main
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.errors import RehearsalError
from airflow_sm_pipelines.rehearsal import rehearsals
from airflow_sm_pipelines.rehearsal.run import RehearsalResult
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import NOTE, Outcome, Refusal

ABALONE = str(Path(__file__).parents[1] / "golden" / "v2_abalone_full.json")
TYPES = ", ".join(f"ml.x{number}" for number in range(500))
REFUSED = f"no such instance: {'x' * 1000} [{TYPES}], which is the end of the reason"
RESULT = RehearsalResult(
    state="failed",
    tasks={"AbaloneProcess": "success", "AbaloneTrain": "failed", "AbaloneEval": "upstream_failed"},
    reasons={"AbaloneTrain": "Step AbaloneTrain: out of luck"},
    objects={"AbaloneProcess": ["s3://bucket/train/rehearsal.json"]},
    refusals=[Refusal("AbaloneTrain", "CreateTrainingJob", REFUSED)],
)


@pytest.fixture
def rehearsed(monkeypatch):
    """The scenarios that would be run; each ends with `RESULT`."""
    scenarios = []

    def note(scenario, airflow):
        scenarios.append(scenario)
        return RESULT

    monkeypatch.setattr(rehearsals, "run_scenario", note)
    return scenarios


def test_outcomes_parameters_and_values_reach_the_plan(rehearsed):
    outcomes = ("--outcome", "AbaloneTrain=failed:AlgorithmError: a=b", "AbaloneEval=stopped")
    values = ("--value", "AbaloneEval.EvaluationReport.regression_metrics.mse.value=9")
    main(["rehearse", ABALONE, *outcomes, *values, "--parameters", "MseThreshold=3"])
    [scenario] = rehearsed
    assert scenario.outcomes == {
        "AbaloneTrain": Outcome(failure_reason="AlgorithmError: a=b"),
        "AbaloneEval": Outcome(stopped=True),
    }
    assert scenario.parameters["MseThreshold"] == 3.0
    documents = scenario.rehearsal().files["AbaloneEval"]["evaluation"]
    assert documents == {"evaluation.json": {"rehearsal": NOTE, "regression_metrics": {"mse": {"value": 9}}}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--outcome", "AbaloneTrian=stopped"], "no step 'AbaloneTrian' (did you mean `AbaloneTrain`?)"),
        (["--outcome", "AbaloneTrain=broken"], "or, of a check, violation, found 'AbaloneTrain=broken'"),
        (["--outcome", "AbaloneTrain=failed:"], "found 'AbaloneTrain=failed:'"),
        (["--outcome", "AbaloneMSECond=stopped"], "is of type Condition, which runs no job"),
        (["--outcome", "AbaloneTrain=violation"], "is of type Training, which finds no violations"),
        (["--value", "AbaloneEval.EvaluationReprt.x=1"], "did you mean `AbaloneEval.EvaluationReport"),
        (["--parameters", "MseTreshold=1"], "did you mean `MseThreshold`?"),
    ],
)
def test_a_wrong_name_is_wrong_usage_with_a_near_miss(rehearsed, capsys, arguments, message):
    assert main(["rehearse", ABALONE, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert rehearsed == []


def test_the_report_says_of_each_step_how_it_ended_and_what_is_synthetic(rehearsed, capsys):
    assert main(["rehearse", ABALONE]) == 1
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert NOTE in lines[0]
    assert "value AbaloneEval.EvaluationReport.regression_metrics.mse.value = 0.0" in lines
    start = lines.index("AbaloneProcess Processing succeeded")
    assert lines[start + 1 : start + 4] == [
        "synthetic: s3://bucket/train/rehearsal.json",
        "AbaloneTrain Training failed: Step AbaloneTrain: out of luck",
        "AbaloneEval Processing not run",
    ]
    assert lines[-1] == "The pipeline failed."


def test_the_report_says_what_aws_would_refuse_without_endless_enumerations(rehearsed, capsys):
    assert main(["rehearse", ABALONE]) == 1
    lines = capsys.readouterr().out.splitlines()
    [refusal] = [line for line in lines if line.startswith("  AbaloneTrain: CreateTrainingJob: no such instance: xxx")]
    assert lines[lines.index(refusal) - 1] == "AWS would refuse what the rehearsal let pass:"
    assert refusal.endswith(" and 490 more], which is the end of the reason")
    assert len(refusal) < 1200


def test_sigterm_ends_a_rehearsal_in_order(monkeypatch):
    ended = []

    class Airflow:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            ended.append("airflow")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(rehearsals, "RehearsalAirflow", Airflow)
    monkeypatch.setattr(rehearsals, "run_scenario", lambda *_: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit) as caught:
        main(["rehearse", ABALONE])
    assert caught.value.code == 143
    assert ended == ["airflow"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_with_format_json_standard_output_holds_the_json_alone(rehearsed, capsys):
    assert main(["rehearse", ABALONE, "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["state"], report["note"]) == ("failed", NOTE)
    assert report["steps"][0] == {
        "name": "AbaloneProcess",
        "type": "Processing",
        "state": "succeeded",
        "reason": None,
        "synthetic": ["s3://bucket/train/rehearsal.json"],
    }
    assert report["steps"][1]["reason"] == "Step AbaloneTrain: out of luck"
    [refusal] = report["warnings"]
    assert (refusal["step"], refusal["operation"]) == ("AbaloneTrain", "CreateTrainingJob")
    assert refusal["message"] == REFUSED, "JSON has all of it"


def test_a_refused_definition_is_told_as_the_translator_tells_it(monkeypatch, capsys):
    def refuse(scenario, airflow):
        raise RehearsalError("step Wait is of type Callback")

    monkeypatch.setattr(rehearsals, "run_scenario", refuse)
    assert main(["rehearse", ABALONE]) == 1
    assert capsys.readouterr().err == "sm-pipelines rehearse: step Wait is of type Callback\n"


def test_a_file_that_is_no_definition_is_refused(write, capsys, rehearsed):
    assert main(["rehearse", write("broken.json", "{")]) == 1
    assert "broken.json" in capsys.readouterr().err
    assert rehearsed == []


@pytest.fixture
def all_well(monkeypatch):
    """Every step succeeds except the Fail step of the branch that is not taken."""
    tasks = dict.fromkeys([step.name for step in load_pipeline(ABALONE).steps], "success")
    ended = RehearsalResult("success", {**tasks, "AbaloneMSEFail": "skipped"}, {}, {}, RESULT.refusals)
    monkeypatch.setattr(rehearsals, "run_scenario", lambda *_: ended)


def test_a_branch_that_was_not_tried_is_named_with_what_leads_there(all_well, capsys):
    assert main(["rehearse", ABALONE]) == 0
    lines = capsys.readouterr().out.splitlines()
    advice = "--value AbaloneEval.EvaluationReport.regression_metrics.mse.value=7.0"
    assert lines[lines.index("Not tried:") + 1] == f"  AbaloneMSEFail: AbaloneMSECond is true; try {advice}"
    assert lines[-1] == "All that ran has succeeded; 1 of 8 steps was not tried."


def test_the_json_names_it_too(all_well, capsys):
    main(["rehearse", ABALONE, "--format", "json"])
    assert json.loads(capsys.readouterr().out)["untried"] == [
        {
            "steps": ["AbaloneMSEFail"],
            "because": "AbaloneMSECond is true",
            "arguments": ["--value", "AbaloneEval.EvaluationReport.regression_metrics.mse.value=7.0"],
        }
    ]


@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 1)])
def test_with_strict_what_aws_would_refuse_is_a_failure(all_well, options, code):
    assert main(["rehearse", ABALONE, *options]) == code


def test_with_strict_a_rehearsal_without_refusals_succeeds(monkeypatch):
    tasks = dict.fromkeys([step.name for step in load_pipeline(ABALONE).steps], "success")
    monkeypatch.setattr(rehearsals, "run_scenario", lambda *_: RehearsalResult("success", tasks, {}, {}))
    assert main(["rehearse", ABALONE, "--strict"]) == 0


def test_the_number_of_runs_reaches_the_plan(rehearsed):
    main(["rehearse", ABALONE, "--runs", "3"])
    assert [scenario.runs for scenario in rehearsed] == [3]


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_of_runs_is_wrong_usage(rehearsed, capsys, number):
    with pytest.raises(SystemExit) as ended:
        main(["rehearse", ABALONE, "--runs", number])
    assert ended.value.code == 2
    assert "expected a whole number from 1" in capsys.readouterr().err


def test_steps_can_be_selected_in_either_form(rehearsed, capsys):
    main(["rehearse", ABALONE, "--select", "AbaloneTrain,AbaloneEval"])
    main(["rehearse", ABALONE, "--select", "AbaloneProcess", "AbaloneTrain", "--source-run", "none"])
    assert [(one.select, one.source_run) for one in rehearsed] == [
        (("AbaloneTrain", "AbaloneEval"), "latest"),
        (("AbaloneProcess", "AbaloneTrain"), "none"),
    ]
    assert rehearsed[0].selection() == {
        "sm_select_steps": ["AbaloneTrain", "AbaloneEval"],
        "sm_source_run": "latest",
    }
    lines = capsys.readouterr().out.splitlines()
    assert "  note: this run executes only AbaloneProcess, AbaloneTrain" in lines
    assert any(line.split() == ["AbaloneProcess", "Processing", "reused"] for line in lines)
    assert "Not tried:" not in lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "AbaloneTrian"], "there is no step AbaloneTrian; did you mean `AbaloneTrain`?"),
        (["--select", "AbaloneTrain,AbaloneMSECond"], "they are not connected: AbaloneTrain | AbaloneMSECond"),
        (["--select", "AbaloneTrain", "--source-run", "none"], "AbaloneTrain waits for AbaloneProcess, which is not"),
    ],
)
def test_steps_that_cannot_be_selected_are_wrong_usage(rehearsed, capsys, arguments, message):
    assert main(["rehearse", ABALONE, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert rehearsed == []


def test_a_folder_stands_for_each_definition_in_it(all_well, tmp_path, capsys):
    for name in ("b.json", "a.json", "sub/c.json", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(Path(ABALONE).read_text())
    assert main(["rehearse", "--format", "json", str(tmp_path), ABALONE]) == 0
    files = [report["file"] for report in json.loads(capsys.readouterr().out)]
    assert files == [str(tmp_path / "a.json"), str(tmp_path / "b.json"), ABALONE]


def test_a_folder_gives_a_list_even_of_one_report(all_well, tmp_path, capsys):
    (tmp_path / "a.json").write_text(Path(ABALONE).read_text())
    assert main(["rehearse", "--format", "json", str(tmp_path)]) == 0
    assert [report["state"] for report in json.loads(capsys.readouterr().out)] == ["succeeded"]


def test_a_folder_without_definitions_is_wrong_usage(tmp_path, capsys, rehearsed):
    with pytest.raises(SystemExit) as ended:
        main(["rehearse", str(tmp_path)])
    assert ended.value.code == 2
    assert f"there is no *.json in the folder {tmp_path}" in capsys.readouterr().err
    assert rehearsed == []
