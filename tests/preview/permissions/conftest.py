"""Small definitions, and what they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_sm_pipelines.aws.authorization import Account
from airflow_sm_pipelines.definition.loading import load_pipeline
from airflow_sm_pipelines.preview.permissions.needed import needed_permissions
from airflow_sm_pipelines.preview.permissions.permission import NeededPermissions, StepPermissions

ROLE = "arn:aws:iam::123456789012:role/Jobs"
HERE = Account("aws", "eu-west-1", "123456789012")
SAGEMAKER = "arn:aws:sagemaker:eu-west-1:123456789012"


def get(text: str) -> dict[str, str]:
    return {"Get": text}


def join(*values: Any, on: str = "") -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": [*values]}}


def processing(name: str, arguments: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    least = {"ProcessingResources": {}, "AppSpecification": {}, "RoleArn": ROLE}
    return {"Name": name, "Type": "Processing", "Arguments": {**least, **(arguments or {})}, **members}


def training(name: str, arguments: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    least = {"RoleArn": ROLE, "OutputDataConfig": {"S3OutputPath": "s3://b/models"}}
    return {"Name": name, "Type": "Training", "Arguments": {**least, **(arguments or {})}, **members}


def output(name: str, uri: Any) -> dict[str, Any]:
    return {"ProcessingOutputConfig": {"Outputs": [{"OutputName": name, "S3Output": {"S3Uri": uri}}]}}


def read_input(uri: Any) -> dict[str, Any]:
    return {"ProcessingInputs": [{"InputName": "in", "S3Input": {"S3Uri": uri}}]}


@pytest.fixture
def needed() -> Callable[..., NeededPermissions]:
    """Return what steps need in a known account."""

    def find(
        *steps: dict[str, Any], account: Account = HERE, role_arn: str = "", values: Any = None, **members: Any
    ) -> NeededPermissions:
        pipeline = load_pipeline({"Version": "2020-12-01", **members, "Steps": [*steps]})
        return needed_permissions(pipeline, values or {}, account, role_arn)

    return find


def resources(needs: StepPermissions, action: str) -> set[str]:
    """The resources of an action."""
    return {arn for one in needs.permissions if one.allows.action == action for arn in one.allows.resources}


def actions(needs: StepPermissions) -> set[str]:
    """All actions."""
    return {one.allows.action for one in needs.permissions}
