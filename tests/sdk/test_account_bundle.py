"""``pipeline.upsert()`` of the unmodified SDK, and the DAG bundle that mirrors what it has put into the account."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from airflow_sm_pipelines.bundle.account_bundle import LOADER_FILE, SageMakerDagBundle
from airflow_sm_pipelines.execution.connection import forget_clients

pytestmark = pytest.mark.sdk
PROGRAMS = Path(__file__).parent / "programs"

UPSERT = """
import sys
from pipeline import pipeline, threshold
threshold.default_value = float(sys.argv[1])
pipeline.upsert(role_arn="arn:aws:iam::123456789012:role/SageMakerRole", tags=[{"Key": "team", "Value": "ml"}])
"""
FILES = {"pipeline.py": (PROGRAMS / "pipeline.py").read_text(), "evaluate.py": "", "upsert.py": UPSERT}


@pytest.fixture
def bundle(aws, tmp_path, monkeypatch):
    """The bundle, with an Airflow connection to the account."""
    extra = {"region_name": "us-west-2", "endpoint_url": aws.endpoint_url}
    connection = {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(tmp_path / "processor"))
    forget_clients()
    yield SageMakerDagBundle(name="ml", store=str(tmp_path / "store"), tags={"team": "ml"})
    forget_clients()


def default_of_threshold(bundle: SageMakerDagBundle) -> Any:
    dags = runpy.run_path(str(bundle.path / LOADER_FILE))["dags"]
    return dags["evaluation"].params["Threshold"]


def test_each_upsert_is_a_new_version_of_the_dag(run_python, bundle):
    run_python("upsert.py", "6", files=FILES)
    bundle.initialize()
    assert default_of_threshold(bundle) == 6.0
    first = bundle.get_current_version()

    run_python("upsert.py", "7", files=FILES)
    bundle.refresh()
    assert default_of_threshold(bundle) == 7.0
    assert bundle.get_current_version() != first
