from __future__ import annotations

from pathlib import Path

import pytest

from airflow_sm_pipelines.local.jobs.rewriting import rewrite_files, rewrite_text


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("/opt/ml", "/job/ml"),
        ("/opt/ml/processing/in", "/job/ml/processing/in"),
        ("--model=/opt/ml/model --out '/opt/ml/output'", "--model=/job/ml/model --out '/job/ml/output'"),
        ("file:///opt/ml/x", "file:///job/ml/x"),
        ("/opt/mlflow", "/opt/mlflow"),
        ("/opt/ml-data", "/opt/ml-data"),
        ("s3://bucket/opt/ml/x", "s3://bucket/opt/ml/x"),
        ("../opt/ml", "../opt/ml"),
    ],
)
def test_the_path_is_replaced_and_nothing_that_looks_like_it(text, rewritten):
    assert rewrite_text(text, Path("/job/ml")) == rewritten


def test_a_folder_with_backslashes_is_taken_literally():
    assert rewrite_text("/opt/ml", Path(r"/a\1b")) == r"/a\1b"


def test_scripts_and_json_files_are_rewritten_and_nothing_else(tmp_path):
    for name in ("run.py", "run.sh", "config.json", "data.csv"):
        (tmp_path / name).write_text("/opt/ml/x\r\n", newline="")
    (tmp_path / "binary.py").write_bytes(b"\xff/opt/ml")
    (tmp_path / "link.py").symlink_to(tmp_path / "data.csv")
    rewrite_files(tmp_path)
    for name in ("run.py", "run.sh", "config.json"):
        assert (tmp_path / name).read_bytes() == f"{tmp_path}/x\r\n".encode()
    assert (tmp_path / "data.csv").read_bytes() == b"/opt/ml/x\r\n"
    assert (tmp_path / "binary.py").read_bytes() == b"\xff/opt/ml"
