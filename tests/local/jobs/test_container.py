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


@pytest.mark.parametrize(
    ("path", "place"),
    [("/opt/ml/model", "opt/ml/model"), ("/data/out/", "elsewhere/data/out"), ("/a/../work", "elsewhere/work")],
)
def test_a_job_with_a_file_system_of_its_own_has_folders_anywhere(path, place):
    assert JobFolder(Path("/jobs/1"), has_all_paths=True).locate(path) == Path("/jobs/1") / place


@pytest.mark.parametrize("path", ["/", "data", "/data:/host", "/data,type=bind", "//data", "/a b", "/x/../.."])
def test_a_path_that_docker_would_read_as_something_else_fails_the_job(path):
    with pytest.raises(JobFailure, match="is no absolute path that a container can have a folder at"):
        JobFolder(Path("/jobs/1"), has_all_paths=True).locate(path)


def test_folders_of_every_container_are_created(tmp_path):
    folder = JobFolder(tmp_path)
    folder.create()
    assert all(path.is_dir() for path in (folder.home, folder.working_directory, folder.opt_ml / "config"))
