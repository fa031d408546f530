"""Model packages: what differs between a version of a group and a package of its own name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError, call
from airflow_sm_pipelines.aws.failures import says_absent, says_present


def ensure_group(client: Any, request: Mapping[str, Any]) -> bool:
    """Create the group that a CreateModelPackage request names, if there is none.

    The service's RegisterModel step makes missing groups (assumed: no document says so, published pipelines rely on
    it).

    Args:
        client: A boto3 client for SageMaker.
        request: The CreateModelPackage request.

    Returns:
        Whether a group was created.

    Raises:
        CallRefusedError: AWS refused a call.
    """
    name = request.get("ModelPackageGroupName")
    if not name or str(name).startswith("arn:"):
        return False
    try:
        call(client, "DescribeModelPackageGroup", {"ModelPackageGroupName": name})
    except CallRefusedError as error:
        if not says_absent(error.code, error.message):
            raise
    else:
        return False
    try:
        call(client, "CreateModelPackageGroup", {"ModelPackageGroupName": name})
    except CallRefusedError as error:
        if says_present(error.code, error.message):
            return False
        raise
    return True


def package_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a CreateModelPackage request as the API takes it.

    A version belongs to a group and has its tags: the API refuses tags of its own, and a name (API reference,
    CreateModelPackage, ``Tags`` and ``ModelPackageName``).
    """
    if not request.get("ModelPackageGroupName"):
        return dict(request)
    return {name: value for name, value in request.items() if name not in {"Tags", "ModelPackageName"}}
