from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_sm_pipelines.errors import RehearsalError
from airflow_sm_pipelines.rehearsal import run as rehearsal_run
from airflow_sm_pipelines.rehearsal.documents import OUTPUTS, FilePlace, ReadFile
from airflow_sm_pipelines.rehearsal.run import RehearsalAirflow, RehearsalScenario, run_scenario
from airflow_sm_pipelines.rehearsal.stand_in.outcomes import NOTE, Outcome

ANSWERING = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    order = json.loads(line)
    with open(order["result_file"], "w") as file:
        json.dump({"seen": order, "there": os.path.exists(order["dag_file"])}, file)
    print("done", file=answers, flush=True)
"""
BROKEN = "import sys; sys.stdin.readline(); sys.stderr.write('a traceback'); sys.exit(3)"


@pytest.fixture
def process(monkeypatch, tmp_path):
    """Makes a program take the place of Airflow."""

    def put(program):
        package = tmp_path / "airflow_sm_pipelines" / "rehearsal"
        package.mkdir(parents=True)
        for folder in (package, package.parent):
            (folder / "__init__.py").touch()
        (package / "process.py").write_text(program)
        settings = rehearsal_run.airflow_settings
        path = {"PYTHONPATH": str(tmp_path)}
        monkeypatch.setattr(rehearsal_run, "airflow_settings", lambda *words: {**settings(*words), **path})

    return put


def test_the_local_aws_is_told_outcomes_outputs_and_the_files_that_steps_write():
    written = ReadFile(FilePlace("Evaluate", "out", "a/b.json"), ["Evaluate.Report"], {("mse",): 1})
    elsewhere = ReadFile(FilePlace("", "", "s3://b/x.json"), ["s3://b/x.json"], {("x",): 1})
    outputs = ReadFile(FilePlace("Ask", OUTPUTS, ""), ["Ask.OutputParameters"], {("sure",): True})
    scenario = RehearsalScenario(Path("p.json"), {}, [written, elsewhere, outputs], {"Train": Outcome(stopped=True)})
    assert scenario.rehearsal().outcomes == {"Train": Outcome(stopped=True)}
    assert scenario.rehearsal().files == {"Evaluate": {"out": {"a/b.json": {"rehearsal": NOTE, "mse": 1}}}}
    assert scenario.rehearsal().outputs == {"Ask": {"sure": True}}


def test_a_file_name_becomes_an_id_that_airflow_allows(tmp_path):
    scenario = RehearsalScenario(Path("my pipeline\u00e9's.json"), {})
    assert scenario.dag_id == "my_pipeline__s"
    text = scenario.write_dag_file(tmp_path).read_text()
    compile(text, "dag", "exec")
    assert repr(str(scenario.file.absolute())) in text


def test_one_airflow_runs_one_plan_after_the_other_each_with_its_own_aws(process):
    process(ANSWERING)
    with RehearsalAirflow() as airflow:
        answers = [
            airflow.run(RehearsalScenario(Path(f"{name}.json"), {"N": name}), {"AWS_ENDPOINT_URL": f"http://{name}"})
            for name in ("a", "b")
        ]
        home = airflow.log.parent
        assert list((home / "dags").iterdir()) == [], "a later run does not parse the files of earlier ones"
    assert [answer["there"] for answer in answers] == [True, True]
    assert [answer["seen"]["conf"] for answer in answers] == [{"N": "a"}, {"N": "b"}]
    assert [answer["seen"]["environment"]["AWS_ENDPOINT_URL"] for answer in answers] == ["http://a", "http://b"]
    assert not home.exists()


def test_several_files_share_one_start(process, monkeypatch):
    started = []
    start = subprocess.Popen
    process(ANSWERING)
    monkeypatch.setattr(subprocess, "Popen", lambda *words, **settings: started.append(1) or start(*words, **settings))
    with RehearsalAirflow() as airflow:
        assert started == [], "nothing to run yet"
        for name in ("a", "b", "c"):
            airflow.start()
            airflow.run(RehearsalScenario(Path(f"{name}.json"), {}), {})
    assert len(started) == 1


def test_when_airflow_breaks_its_log_is_named_and_kept(process):
    process(BROKEN)
    with RehearsalAirflow() as airflow, pytest.raises(RehearsalError, match="exit code 3; its log is ") as caught:
        airflow.run(RehearsalScenario(Path("p.json"), {}), {})
    log = Path(str(caught.value).rpartition(" ")[2])
    assert log.read_bytes() == b"a traceback"
    shutil.rmtree(log.parent)


@pytest.mark.loopback
def test_airflow_gets_ready_while_the_local_aws_starts(monkeypatch):
    from airflow_sm_pipelines.local.server.local_aws import LocalAws

    order = []
    answer = {"run_id": "run", "state": "success", "tasks": {}, "reasons": {}, "reuse": {}}
    airflow = SimpleNamespace(start=lambda: order.append("airflow"), run=lambda *_: answer)
    begin = LocalAws.start
    monkeypatch.setattr(LocalAws, "start", lambda self: order.append("AWS") or begin(self))
    run_scenario(RehearsalScenario(Path("p.json"), {}), airflow)
    assert order == ["airflow", "AWS"]


@pytest.mark.loopback
def test_a_definition_that_cannot_become_a_dag_is_refused_with_the_reasons():
    refusal = {"refused": "Steps[0]: is of type X, which this version cannot run"}
    airflow = SimpleNamespace(start=lambda: None, run=lambda *_: refusal)
    with pytest.raises(RehearsalError, match="is of type X, which this version cannot run"):
        run_scenario(RehearsalScenario(Path("p.json"), {}), airflow)


@pytest.mark.loopback
@pytest.mark.parametrize(("runs", "uses"), [(1, ["off"]), (3, ["refresh", "on", "on"])])
def test_the_first_run_sees_no_results_of_another_rehearsal(runs, uses):
    seen = []

    def run(scenario, aws):
        seen.append((scenario.parameters, aws["AWS_ENDPOINT_URL"]))
        return {"run_id": f"run-{len(seen)}", "state": "success", "tasks": {}, "reasons": {}, "reuse": {}}

    airflow = SimpleNamespace(start=lambda: None, run=run)
    result = run_scenario(RehearsalScenario(Path("p.json"), {"N": 1}, runs=runs), airflow)

    assert [parameters for parameters, _ in seen] == [{"N": 1, "sm_cache": use} for use in uses]
    assert len({address for _, address in seen}) == 1, "they share one local AWS"
    assert [later.number for later in result.later] == list(range(2, runs + 1))
