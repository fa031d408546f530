"""Definitions that AWS stores: as an object of S3, as a pipeline of the SageMaker service, with one of its executions.

Everything here needs credentials and the network. A pipeline of another account that is shared through AWS Resource
Access Manager is reached by its ARN (developer guide, "Set up cross-account support for Pipelines").
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from airflow_sm_pipelines.aws.calls import call, refusals
from airflow_sm_pipelines.definition.json_values import Json, JsonObject, list_names
from airflow_sm_pipelines.errors import AwsCallError, SageMakerPipelinesError


class SourceError(SageMakerPipelinesError):
    """A source gives no definition: AWS refused, a module cannot be imported, there is no such object."""


@dataclass(frozen=True, slots=True)
class FoundDefinition:
    """The definition of a source.

    Attributes:
        text: The definition as JSON text.
        surroundings: What its pipeline has beside it, in the API's names; empty for a source that is no pipeline.
    """

    text: str
    surroundings: JsonObject = field(default_factory=dict)


def from_s3(bucket: str, key: str, *, version_id: str | None = None, region: str | None = None) -> FoundDefinition:
    """Return the text of an S3 object.

    Args:
        bucket: Name of the bucket.
        key: Key of the object.
        version_id: The object's version; the current one by default.
        region: AWS region; that of the environment by default.

    Raises:
        SourceError: AWS refused, or the object is not text.
    """
    uri = f"s3://{bucket}/{key}"
    request = {"Bucket": bucket, "Key": key} | ({"VersionId": version_id} if version_id else {})
    with _refusals_of(uri), refusals("GetObject"):
        content: bytes = call(_client("s3", region), "GetObject", request)["Body"].read()
    try:
        return FoundDefinition(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SourceError(f"{uri}: not UTF-8 text at byte {error.start}") from error


# -- the SageMaker Pipelines service -----------------------------------------------------------------------------------

_KEPT = ("PipelineName", "PipelineArn", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
"""What is kept of DescribePipeline: what a run uses, and the ARN. Times would make each export differ."""

_OF_EXECUTION = ("RoleArn", "ParallelismConfiguration")
"""What an execution may have had otherwise than its pipeline has it now."""

_EXECUTION = re.compile(r"(arn:[^:]+:sagemaker:[^:]+:[^:]+:pipeline/[^/]+)/execution/.+")


def is_execution(name: str) -> bool:
    """Tell whether a text is the ARN of an execution of a pipeline."""
    return _EXECUTION.fullmatch(name) is not None


def from_pipeline(name: str, *, version_id: int | None = None, region: str | None = None) -> FoundDefinition:
    """Return the definition of a pipeline of the SageMaker Pipelines service, with what stands beside it.

    Args:
        name: Name or ARN of the pipeline.
        version_id: Number of the pipeline's version; the latest by default.
        region: AWS region; that of the ARN or the environment by default.

    Raises:
        SourceError: AWS refused, or the answer has no definition.
    """
    version = {} if version_id is None else {"PipelineVersionId": version_id}
    with _refusals_of(f"pipeline {name}"), refusals("DescribePipeline"):
        client = _client("sagemaker", region or _region_of(name))
        answer = call(client, "DescribePipeline", {"PipelineName": name, **version})
    return FoundDefinition(
        _definition_in(answer, f"pipeline {name}", "DescribePipeline"), _surroundings(client, answer)
    )


def from_execution(arn: str, *, region: str | None = None, with_tags: bool = True) -> FoundDefinition:
    """Return the definition that an execution of a pipeline ran, with what stands beside it.

    Args:
        arn: ARN of the execution.
        region: AWS region; that of the ARN by default.
        with_tags: Whether the tags of the pipeline are asked for, too.

    Raises:
        SourceError: AWS refused, or the answer has no definition.
    """
    of_execution, operation = {"PipelineExecutionArn": arn}, "DescribePipelineDefinitionForExecution"
    with _refusals_of(f"execution {arn}"), refusals(operation):
        client = _client("sagemaker", region or _region_of(arn))
        text = _definition_in(call(client, operation, of_execution), f"execution {arn}", operation)
        execution = call(client, "DescribePipelineExecution", of_execution)
        pipeline = call(client, "DescribePipeline", {"PipelineName": execution["PipelineArn"]})
    own = {name: execution[name] for name in _OF_EXECUTION if execution.get(name)}
    return FoundDefinition(text, {**_surroundings(client, pipeline, with_tags=with_tags), **own})


def _definition_in(answer: Mapping[str, Any], what: str, operation: str) -> str:
    text = answer.get("PipelineDefinition")
    if not isinstance(text, str):
        raise SourceError(f"{what}: the answer of {operation} holds no definition, but {list_names(answer)}")
    return text


def _surroundings(client: Any, pipeline: Mapping[str, Any], *, with_tags: bool = True) -> JsonObject:
    """Return what stands beside a definition; tags are not in DescribePipeline's answer."""
    found: JsonObject = {name: pipeline[name] for name in _KEPT if pipeline.get(name)}
    tags = _tags(client, str(pipeline["PipelineArn"])) if with_tags else []
    return {**found, "Tags": tags} if tags else found


def _tags(client: Any, arn: str) -> list[Json]:
    """Return the tags of a pipeline; report a refusal, since what AWS RAM shares does not include ListTags."""
    tags: list[Json] = []
    page: dict[str, str] = {}
    try:
        while True:
            answer = call(client, "ListTags", {"ResourceArn": arn, **page})
            tags += answer.get("Tags", ())
            if not answer.get("NextToken"):
                return tags
            page = {"NextToken": answer["NextToken"]}
    except AwsCallError as error:
        if error.exception_type:  # throttled, or an outage: an export without them would look like a change
            raise SourceError(f"the tags of {arn}: {error}") from error
        print(f"The pipeline's tags are not exported: {error}", file=sys.stderr)
        return []


def _region_of(name: str) -> str | None:
    """Return the region in an ARN, ``None`` for a name."""
    return name.split(":")[3] or None if name.startswith("arn:") and name.count(":") >= 5 else None


_CURES = {
    "NoCredentialsError": "; set AWS_PROFILE, or sign in",
    "NoRegionError": "; add --region, or set AWS_DEFAULT_REGION",
}


@contextmanager
def _refusals_of(what: str) -> Iterator[None]:
    """Say what was asked for when AWS refuses."""
    try:
        yield
    except AwsCallError as error:
        raise SourceError(f"{what}: {error}{_CURES.get(error.code, '')}") from error


def _client(service: str, region: str | None) -> Any:
    import boto3

    make_client: Any = boto3.client
    return make_client(service, region_name=region)
