from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws.kinds import ENDPOINT, MODEL, MODEL_PACKAGE, PROCESSING_JOB, RESOURCE_KINDS, TRAINING_JOB
from airflow_sm_pipelines.preview.api_models import input_shape
from airflow_sm_pipelines.semantics import described_requests as rules
from airflow_sm_pipelines.semantics.described_requests import ABSENT, rule_for

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/champions"


@pytest.mark.parametrize(
    ("kind", "path", "described", "requested", "rule"),
    [
        (TRAINING_JOB, ("TrainingJobName",), "a", "b", rules.NAME),
        (MODEL_PACKAGE, ("ClientToken",), ABSENT, "b", rules.NAME),
        (ENDPOINT, ("EndpointName",), "a", "b", ""),  # others find it by its name
        (TRAINING_JOB, ("OutputDataConfig", "KmsKeyId"), "", ABSENT, rules.EMPTY),
        (MODEL, ("PrimaryContainer", "Environment"), ABSENT, {}, rules.EMPTY),
        (TRAINING_JOB, ("EnableNetworkIsolation",), False, ABSENT, rules.DEFAULT),
        (TRAINING_JOB, ("EnableNetworkIsolation",), ABSENT, False, rules.DEFAULT),
        (TRAINING_JOB, ("EnableNetworkIsolation",), True, ABSENT, ""),
        (TRAINING_JOB, ("EnableNetworkIsolation",), False, True, ""),
        (TRAINING_JOB, ("StoppingCondition",), {"MaxRuntimeInSeconds": 86400}, ABSENT, rules.DEFAULT),
        (TRAINING_JOB, ("StoppingCondition",), {"MaxRuntimeInSeconds": 60}, ABSENT, ""),
        (TRAINING_JOB, ("InputDataConfig", "train", "CompressionType"), "None", ABSENT, rules.DEFAULT),
        (TRAINING_JOB, ("InputDataConfig", "train", "CompressionType"), "Gzip", ABSENT, ""),
        (TRAINING_JOB, ("AlgorithmSpecification", "MetricDefinitions"), [{"Name": "x"}], ABSENT, rules.ADDED),
        (TRAINING_JOB, ("AlgorithmSpecification", "MetricDefinitions"), ABSENT, [{"Name": "x"}], ""),
        (TRAINING_JOB, ("ProfilerConfig", "S3OutputPath"), "s3://a", ABSENT, rules.ADDED),
        (TRAINING_JOB, ("ProfilerConfig", "S3OutputPath"), "s3://a", "s3://b", ""),
        (PROCESSING_JOB, ("ProfilerConfig",), {"S3OutputPath": "s3://a"}, ABSENT, ""),
        (MODEL_PACKAGE, ("ModelPackageGroupName",), ARN, "champions", rules.ARN),
        (MODEL_PACKAGE, ("ModelPackageGroupName",), ARN, "champion", ""),
        (MODEL_PACKAGE, ("ModelPackageGroupName",), "champions", ARN, rules.ARN),
        (MODEL_PACKAGE, ("ModelApprovalStatus",), "Approved", "PendingManualApproval", rules.LATER),
        (PROCESSING_JOB, ("RoleArn",), "arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b", ""),
    ],
)
def test_a_difference_means_nothing_only_by_a_rule(
    kind: Any, path: Any, described: Any, requested: Any, rule: str
) -> None:
    assert rule_for(kind, path, described, requested) == rule


def test_each_rule_has_its_reason() -> None:
    assert {rules.NAME, rules.EMPTY, rules.DEFAULT, rules.ADDED, rules.ARN, rules.LATER} < rules.RULES.keys()


@pytest.mark.parametrize("table", [rules._DEFAULTS, rules._ADDED, rules._LATER], ids=["default", "added", "later"])
@pytest.mark.newest
def test_the_tables_name_members_that_the_api_has(table: Any) -> None:
    for key, patterns in table.items():
        kind = RESOURCE_KINDS[key]
        for pattern in patterns:
            shape = input_shape(kind.service, kind.create)
            for member in pattern:
                if shape.type_name == "map":
                    shape = shape.value
                elif member == "*":
                    shape = shape.member
                else:
                    assert member in shape.members, f"{key}: {pattern}"
                    shape = shape.members[member]
