from __future__ import annotations

from pathlib import Path

import pytest

from airflow_sm_pipelines.local.jobs.container import JobFailure, JobFolder


def test_paths_of_the_container_are_below_the_jobs_folder():
    folder = JobFolder(Path("/jobs/1"))
    assert folder.locate("/opt/ml/processing/in/") == Path("/jobs/1/opt/ml/processing/in")
    assert folder.locate("/opt/ml/output") == folder.opt_ml / "output"


@pytest.mark.parametrize("path", ["/data", "/opt/ml", "/opt/mlflow/x", "/opt/ml/../etc", "opt/ml/x", ""])
def test_a_path_outside_of_opt_ml_fails_the_job(path):
    with pytest.raises(JobFailure, match="ClientError: the local AWS gives a job only /opt/ml"):
        JobFolder(Path("/jobs/1")).locate(path)


def test_folders_of_every_container_are_created(tmp_path):
    folder = JobFolder(tmp_path)
    folder.create()
    assert all(path.is_dir() for path in (folder.home, folder.working_directory, folder.opt_ml / "config"))
