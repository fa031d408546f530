from __future__ import annotations

import pytest

from airflow_sm_pipelines.local.services.sagemaker.containers.images import (
    is_clarify,
    is_model_monitor,
    is_xgboost,
    pickles_its_model,
)

REGISTRY = "246618743249.dkr.ecr.us-west-2.amazonaws.com"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (f"{REGISTRY}/sagemaker-xgboost:1.7-1", True),
        (f"{REGISTRY}/sagemaker-xgboost:1.0-1-cpu-py3", True),
        ("433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:1", True),
        ("xgboost", True),
        (f"{REGISTRY}/sagemaker-xgboost@sha256:00", True),
        (f"{REGISTRY}/my-xgboost:1.7-1", False),
        (f"{REGISTRY}/sagemaker-xgboost/extended:1", False),
        (f"{REGISTRY}/sagemaker-scikit-learn:1.2-1", False),
    ],
)
def test_the_built_in_algorithm_is_known_by_its_repository(image, expected):
    assert is_xgboost(image) is expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("1", True),
        ("latest", True),
        ("0.90-2-cpu-py3", True),
        ("1.0-1", True),
        ("1.2-2", True),
        ("1.3-1", False),
        ("1.7-1", False),
        ("3.0-5", False),
    ],
)
def test_models_are_pickled_up_to_version_1_2(tag, expected):
    assert pickles_its_model(f"{REGISTRY}/sagemaker-xgboost:{tag}") is expected


@pytest.mark.parametrize("ending", ["", ":1.0", "@sha256:00"])
def test_the_images_of_checks_are_known_by_their_repositories(ending):
    monitor, clarify = (
        f"{REGISTRY}/sagemaker-{name}{ending}" for name in ("model-monitor-analyzer", "clarify-processing")
    )
    assert (is_model_monitor(monitor), is_clarify(monitor)) == (True, False)
    assert (is_model_monitor(clarify), is_clarify(clarify)) == (False, True)
    assert not is_model_monitor(f"{REGISTRY}/my-sagemaker-model-monitor-analyzer{ending}")
    assert not is_clarify(f"{REGISTRY}/sagemaker-clarify-processing/extended")
