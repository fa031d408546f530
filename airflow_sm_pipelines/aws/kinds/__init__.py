"""One row per kind of AWS resource that a step creates.

What differs between kinds is data here, as far as possible; the code that creates, observes and stops them is in
`airflow_sm_pipelines.aws.protocols`. Member names, limits and states are those of the service's API reference.
"""

from __future__ import annotations

from airflow_sm_pipelines.aws.kinds import emr, hosting, sagemaker
from airflow_sm_pipelines.aws.kinds.emr import (
    EMR_CLUSTER,
    EMR_SERVERLESS_APPLICATION,
    EMR_SERVERLESS_JOB,
    EMR_STEP,
)
from airflow_sm_pipelines.aws.kinds.hosting import ENDPOINT, ENDPOINT_CONFIG, INFERENCE_COMPONENT
from airflow_sm_pipelines.aws.kinds.resource_kind import ResourceKind
from airflow_sm_pipelines.aws.kinds.sagemaker import (
    AUTO_ML_JOB,
    MODEL,
    MODEL_CUSTOMIZATION_JOB,
    MODEL_PACKAGE,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TUNING_JOB,
)

__all__ = [
    "AUTO_ML_JOB",
    "EMR_CLUSTER",
    "EMR_SERVERLESS_APPLICATION",
    "EMR_SERVERLESS_JOB",
    "EMR_STEP",
    "ENDPOINT",
    "ENDPOINT_CONFIG",
    "INFERENCE_COMPONENT",
    "MODEL",
    "MODEL_CUSTOMIZATION_JOB",
    "MODEL_PACKAGE",
    "PROCESSING_JOB",
    "RESOURCE_KINDS",
    "TRAINING_JOB",
    "TRANSFORM_JOB",
    "TUNING_JOB",
    "ResourceKind",
]

RESOURCE_KINDS: dict[str, ResourceKind] = {kind.key: kind for kind in (*sagemaker.KINDS, *hosting.KINDS, *emr.KINDS)}
"""All rows, by their keys."""
