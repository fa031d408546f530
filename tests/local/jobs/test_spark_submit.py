"""What of a spark-submit for a cluster is run on one machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_sm_pipelines.local.jobs.container import JobFailure
from airflow_sm_pipelines.local.jobs.spark_submit import spark_submit


@pytest.fixture(autouse=True)
def spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spark-submit").write_text("#!/bin/sh\n")
    (tmp_path / "spark-submit").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


HERE = ("spark-submit", "--master", "local[2]")


@pytest.mark.parametrize(
    ("arguments", "command", "downloads"),
    [
        (["x.py", "--master", "mine"], (*HERE, "x.py", "--master", "mine"), []),
        (["s3://b/c/x.py", "1"], (*HERE, "/opt/ml/emr/x.py", "1"), ["s3://b/c/x.py"]),
        (
            [
                "--deploy-mode",
                "cluster",
                "--master=yarn",
                "--verbose",
                "--conf",
                "a=b",
                "s3://b/x.jar",
                "--in",
                "s3://b/y",
            ],
            (*HERE, "--verbose", "--conf", "a=b", "/opt/ml/emr/x.jar", "--in", "s3://b/y"),
            ["s3://b/x.jar"],
        ),
        (["--class", "org.Main", "/usr/lib/x.jar"], (*HERE, "--class", "org.Main", "/usr/lib/x.jar"), []),
        (["--version"], (*HERE, "--version"), []),
    ],
)
def test_the_cluster_is_replaced_and_the_application_brought_here(
    arguments: list[str], command: tuple[str, ...], downloads: list[str]
) -> None:
    found, brought = spark_submit(["spark-submit", *arguments])

    assert found == command
    assert [one.uri for one in brought] == downloads


def test_without_spark_there_is_nothing_to_run() -> None:
    with pytest.raises(JobFailure, match="no-spark is not installed on this machine"):
        spark_submit(["no-spark", "x.py"])
