"""A definition that AWS stores: an object in S3, or what DescribePipeline returns. Needs credentials and network."""

from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError, refusals
from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.errors import SageMakerPipelinesError


class FetchError(SageMakerPipelinesError):
    """AWS did not give the definition; says why, and what was asked for."""


def from_s3(bucket: str, key: str, *, version_id: str | None = None, region: str | None = None) -> str:
    """Return the text of an S3 object.

    Args:
        bucket: Name of the bucket.
        key: Key of the object.
        version_id: The object's version; the current one by default.
        region: AWS region; that of the environment by default.

    Raises:
        FetchError: AWS refused, or the object is not text.
    """
    uri = f"s3://{bucket}/{key}"
    request = {"Bucket": bucket, "Key": key} | ({"VersionId": version_id} if version_id else {})
    content: bytes = _call("s3", "GetObject", request, uri, region, lambda answer: answer["Body"].read())
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FetchError(f"{uri}: not UTF-8 text at byte {error.start}") from error


def from_pipeline(name: str, *, region: str | None = None) -> str:
    """Return the definition of a pipeline of the SageMaker Pipelines service.

    Args:
        name: Name or ARN of the pipeline.
        region: AWS region; that of the environment by default.

    Raises:
        FetchError: AWS refused, or the answer holds no definition.
    """
    answer = _call("sagemaker", "DescribePipeline", {"PipelineName": name}, f"pipeline {name}", region, dict)
    text = answer.get("PipelineDefinition")
    if not isinstance(text, str):
        raise FetchError(
            f"pipeline {name}: the answer of DescribePipeline holds no definition, but {list_names(answer)}"
        )
    return text


_CURES = {
    "NoCredentialsError": "; set AWS_PROFILE, or sign in",
    "NoRegionError": "; add --region, or set AWS_REGION",
}


def _call(client: str, operation: str, request: dict[str, Any], what: str, region: str | None, read: Any) -> Any:
    import boto3
    from botocore import xform_name

    make_client: Any = boto3.client
    try:
        with refusals(operation):
            return read(getattr(make_client(client, region_name=region), xform_name(operation))(**request))
    except CallRefusedError as error:
        raise FetchError(f"{what}: {error}{_CURES.get(error.code, '')}") from error
