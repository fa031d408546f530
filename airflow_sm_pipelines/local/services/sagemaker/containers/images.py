"""The images that the local AWS has a runtime for."""

from __future__ import annotations

import re

from airflow_sm_pipelines.local.jobs.container import JobFailure

_XGBOOST = re.compile(r"(?:^|/)(?:sagemaker-)?xgboost(?::(?P<tag>[^@/]+))?(?:@.*)?$")
"""``…/sagemaker-xgboost:1.7-1`` and the older ``…/xgboost:1`` (ECR paths of the built-in algorithm)."""

_MODEL_MONITOR = re.compile(r"(?:^|/)sagemaker-model-monitor-analyzer(?:[:@]|$)")
_CLARIFY = re.compile(r"(?:^|/)sagemaker-clarify-processing(?:[:@]|$)")

_LAST_PICKLED = (1, 2)

RUN_THE_IMAGE = "a local AWS that is started with --sandbox docker runs the image"
"""What helps a job whose image does the work."""


def is_xgboost(image: str) -> bool:
    """Tell whether an image is the built-in XGBoost algorithm."""
    return _XGBOOST.search(image) is not None


def is_model_monitor(image: str) -> bool:
    """Tell whether an image is the analyzer of Model Monitor."""
    return _MODEL_MONITOR.search(image) is not None


def is_clarify(image: str) -> bool:
    """Tell whether an image is that of SageMaker Clarify."""
    return _CLARIFY.search(image) is not None


def pickles_its_model(image: str) -> bool:
    """Tell whether this version of the XGBoost image saves its model with pickle.

    Up to 1.2 it does; since 1.3 it calls ``Booster.save_model`` (developer guide, "How to use SageMaker AI XGBoost").
    A tag that is no such version (``latest`` and ``1`` stand for 0.72) counts as old.
    """
    found = _XGBOOST.search(image)
    version = re.match(r"(\d+)\.(\d+)", (found["tag"] or "") if found else "")
    return version is None or (int(version[1]), int(version[2])) <= _LAST_PICKLED


def no_runtime(image: str, how: str) -> JobFailure:
    """Return the failure of a job whose image is unknown here.

    Args:
        image: The image.
        how: What the job lacks that would make it run all the same.
    """
    return JobFailure(
        f"ClientError: no local runtime for image {image}: {how}, it is not the built-in XGBoost, and what else the "
        f"image would run is unknown here; {RUN_THE_IMAGE}"
    )
