from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_sm_pipelines.cli import rehearsal_run
from airflow_sm_pipelines.cli.rehearsal_files import FilePlace, ReadFile
from airflow_sm_pipelines.cli.rehearsal_run import RehearsalBrokenError, RehearsalPlan, rehearse
from airflow_sm_pipelines.local.rehearsal import NOTE, Outcome


def test_the_local_aws_is_told_outcomes_and_the_files_that_steps_write():
    written = ReadFile(FilePlace("Evaluate", "out", "a/b.json"), ["Evaluate.Report"], {("mse",): 1})
    elsewhere = ReadFile(FilePlace("", "", "s3://b/x.json"), ["s3://b/x.json"], {("x",): 1})
    plan = RehearsalPlan(Path("p.json"), {}, [written, elsewhere], {"Train": Outcome(stopped=True)})
    assert plan.rehearsal().outcomes == {"Train": Outcome(stopped=True)}
    assert plan.rehearsal().files == {"Evaluate": {"out": {"a/b.json": {"rehearsal": NOTE, "mse": 1}}}}


def test_a_file_name_becomes_an_id_that_airflow_allows(tmp_path):
    plan = RehearsalPlan(Path("my pipeline\u00e9's.json"), {})
    assert plan.dag_id == "my_pipeline__s"
    text = plan.write_dag_file(tmp_path).read_text()
    compile(text, "dag", "exec")
    assert repr(str(plan.file.absolute())) in text


def test_when_airflow_breaks_its_log_is_named_and_kept(monkeypatch):
    def broken(command, stdout, **_):
        stdout.write(b"a traceback")
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(rehearsal_run, "subprocess", SimpleNamespace(run=broken, STDOUT=subprocess.STDOUT, DEVNULL=-3))
    with pytest.raises(RehearsalBrokenError, match="exit code 3; its log is ") as caught:
        rehearse(RehearsalPlan(Path("p.json"), {}))
    log = Path(str(caught.value).rpartition(" ")[2])
    assert log.read_bytes() == b"a traceback"
    shutil.rmtree(log.parent)
