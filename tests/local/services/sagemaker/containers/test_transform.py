from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from airflow_sm_pipelines.local.jobs.container import ImageRun
from airflow_sm_pipelines.local.services.sagemaker.containers.transform import TransformPlanner
from airflow_sm_pipelines.local.services.sagemaker.jobs.table import Job, JobStatus
from airflow_sm_pipelines.local.services.sagemaker.resources.table import ResourceKey

CREATED = datetime(2026, 1, 2, tzinfo=UTC)
XGBOOST = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:1.7-1"


def plan(containers, **members):
    models = SimpleNamespace(get=lambda *_: SimpleNamespace(members={"Containers": containers}))
    data = {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}
    request = {
        "ModelName": "m",
        "TransformInput": {"DataSource": {"S3DataSource": data}},
        "TransformOutput": {"S3OutputPath": "s3://b/out"},
        **members,
    }
    key = ResourceKey("transform-job", "us-west-2", "t")
    job = Job(key, request, JobStatus.IN_PROGRESS, creation_time=CREATED, last_modified_time=CREATED)
    return TransformPlanner(models, None, runs_images=True).plan(job)


def test_where_images_run_a_model_is_served_by_its_own():
    [server] = plan([{"Image": "i", "ModelDataUrl": "s3://b/m.tar.gz", "Environment": {"A": "b"}}]).servers
    assert (server.run, server.model_path) == (ImageRun("i", (), ("serve",)), "/opt/ml/model")
    assert server.environment == {"SAGEMAKER_BATCH": "true", "A": "b"}


@pytest.mark.parametrize(("strategy", "told"), [("SingleRecord", "SINGLE_RECORD"), ("MultiRecord", "MULTI_RECORD")])
def test_a_server_is_told_what_the_request_sets_and_nothing_else(strategy, told):
    limits = {"MaxPayloadInMB": 3, "MaxConcurrentTransforms": 2, "Environment": {"A": "of the job"}}
    [server] = plan([{"Image": "i", "Environment": {"A": "of the model"}}], BatchStrategy=strategy, **limits).servers
    assert server.environment == {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_BATCH_STRATEGY": told,
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "3",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2",
        "A": "of the job",
    }


def test_the_built_in_xgboost_serves_here_beside_images_that_run():
    made = plan([{"Image": "first"}, {"Image": XGBOOST}, {"Image": "last"}])
    assert [server.run.image for server in made.servers] == ["first", "last"]
    assert [server.model_path for server in made.servers] == ["/opt/ml/models/1", "/opt/ml/models/3"]
    [text] = made.files.values()
    runtimes = [container["runtime"] for container in json.loads(text)["containers"]]
    assert runtimes == ["image_server", "xgboost_serving", "image_server"]
