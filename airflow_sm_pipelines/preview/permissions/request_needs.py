"""What a job needs by what its request names: objects in S3, images, keys, a VPC, MLflow.

Sources: developer guide, "How to use SageMaker AI execution roles", the sections of CreateProcessingJob,
CreateTrainingJob, CreateModel; API reference for keys. What a job's own code calls beyond this cannot be told from its
request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from airflow_sm_pipelines.aws.authorization import ANY, Account, Authorization
from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.partitions import partition_of
from airflow_sm_pipelines.aws.requests.tags import entries
from airflow_sm_pipelines.aws.s3_objects import bucket_and_key
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.paths import format_path
from airflow_sm_pipelines.definition.traversal import walk

Need = tuple[Authorization, str]
"""What must be allowed, and what for."""

_URI = re.compile(r"s3://[A-Za-z0-9.*_-]+(?:/[^\s\"',;]*)?")
_IMAGE = re.compile(
    r"(?P<account>[0-9*]+)\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9*-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[a-z0-9*._/-]+?)(?:[:@].*)?"
)
_ECR_ACTIONS = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_WRITTEN = frozenset(
    {
        "S3Output",
        "OutputDataConfig",
        "OutputConfig",
        "TransformOutput",
        "DebugHookConfig",
        "ProfilerConfig",
        "TensorBoardOutputConfig",
        "DataCaptureConfig",
        "OutputModelConfig",
        "s3MonitoringConfiguration",
        "LogUri",
    }
)
"""Members whose URIs the job writes to."""
_READ_AND_WRITTEN = frozenset({"CheckpointConfig"})
_OF_UNKNOWN_USE = frozenset(
    {"ContainerArguments", "ContainerEntrypoint", "Environment", "HyperParameters", "Args", "entryPointArguments"}
)
"""Members that the job's own code reads: nobody can tell what it does with their URIs."""
_CODE = frozenset({"sagemaker_submit_directory", "SAGEMAKER_SUBMIT_DIRECTORY"})
_ENTRY_POINT = frozenset({"Jar", "Path", "entryPoint"})

_READ, _WRITE = ("s3:GetObject",), ("s3:PutObject", "s3:AbortMultipartUpload")
_VOLUME_KEY = ("kms:CreateGrant",)
_DATA_KEY = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
_INTERFACES = ("ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface")
_LOOKS_AT_VPC = (
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)
_MLFLOW = re.compile(r"arn:[a-z*-]+:sagemaker:[a-z0-9*-]+:[0-9*]+:mlflow-(?:tracking-server|app)/.+")


class Place(NamedTuple):
    """A value of a request.

    Attributes:
        names: The members around it, then its own.
        path: Where it stands, as text.
        text: The value; ``*`` stands for what only a run knows.
    """

    names: tuple[str, ...]
    path: str
    text: str


def request_needs(scope: Body, account: Account, text: Callable[[object], str]) -> Iterator[Need]:
    """Yield what a job needs by what its request names.

    Args:
        scope: The request, or the part of it that the job's role is for.
        account: Where the job runs.
        text: Returns a value of the request with ``*`` in place of what only a run knows.
    """
    for place in places(scope, text):
        for find in _FINDERS:
            yield from find(place, account)
    yield from _vpc(scope, account, text)


def places(scope: Body, text: Callable[[object], str]) -> Iterator[Place]:
    """Yield every text of a request that names something, without its tags.

    Args:
        scope: The request.
        text: As for `request_needs`.
    """
    plain: dict[str, Json] = {name: value for name, value in scope.items() if name.lower() != "tags"}
    for path, value in walk(plain):
        names = tuple(part for part in path if isinstance(part, str))
        if isinstance(value, str) and _is_needed(names, value):
            yield Place(names, format_path(path), text(value))


def _is_needed(names: tuple[str, ...], value: str) -> bool:
    """Tell whether a text names something that the job needs; what only a run knows does so by its member."""
    return (
        "s3://" in value
        or "arn:" in value
        or ".dkr.ecr" in value
        or "Kms" in names[-1]
        or (value.startswith("<Steps.") and names[-1].endswith(("Uri", "Url", "Path", "Location", "Image")))
    )


def _objects(place: Place, account: Account) -> Iterator[Need]:
    for uri in _URI.findall(place.text):
        bucket, key = bucket_and_key(uri)
        reads, writes, doubt = _use(place)
        folder = account.arn("s3", f"{bucket or ANY}/{key.rstrip('*')}*")
        note = f"use {place.path}" if doubt else None
        if reads:
            for action in _READ:
                yield Authorization(action, (folder,)), note or f"read {place.path}"
            condition = ("StringLike", "s3:prefix", f"{key.rstrip('*')}*")
            yield (
                Authorization("s3:ListBucket", (account.arn("s3", bucket or ANY),), condition),
                (note or f"list what is below {place.path}"),
            )
        if writes:
            for action in _WRITE:
                yield Authorization(action, (folder,)), note or f"write {place.path}"


def _use(place: Place) -> tuple[bool, bool, bool]:
    """Return whether the job reads a URI, whether it writes below it, and whether that is not known."""
    names = set(place.names)
    if names & _CODE or names & _ENTRY_POINT:
        return True, False, False
    if names & _READ_AND_WRITTEN:
        return True, True, False
    if names & _OF_UNKNOWN_USE or place.names[-1] in {"JobConfigDocument", "sparkSubmitParameters"}:
        return True, True, True
    written = bool(names & _WRITTEN) or place.names[-1] in {"DestinationS3Uri", "S3FailurePath", "S3OutputPath"}
    return not written, written, False


def _image(place: Place, _: Account) -> Iterator[Need]:
    found = _IMAGE.fullmatch(place.text)
    if found is None:
        return
    partition = ANY if ANY in found["region"] else partition_of(found["region"])
    arn = Account(partition, found["region"], found["account"]).arn("ecr", f"repository/{found['repository']}")
    for action in _ECR_ACTIONS:
        yield Authorization(action, (arn,)), f"pull {place.path}"
    yield Authorization("ecr:GetAuthorizationToken"), f"pull {place.path}"


def _key(place: Place, account: Account) -> Iterator[Need]:
    member = place.names[-1]
    if "Kms" not in member:
        return
    key = place.text
    condition: tuple[str, ...] = ()
    if key.startswith("alias/"):
        # A permission for an alias is none for its key: IAM checks the key, and knows by which alias it was named.
        condition, arn = ("ForAnyValue:StringEquals", "kms:ResourceAliases", key), account.arn("kms", "key/*")
    elif ":alias/" in key:
        alias = key.partition(":alias/")[2]
        condition = ("ForAnyValue:StringEquals", "kms:ResourceAliases", f"alias/{alias}")
        arn = f"{key.partition(':alias/')[0]}:key/*"
    else:
        arn = key if key.startswith("arn:") else account.arn("kms", f"key/{key}")
    volume = "Volume" in member
    for action in _VOLUME_KEY if volume else _DATA_KEY:
        yield Authorization(action, (arn,), condition), f"use {place.path}"


def _mlflow(place: Place, _: Account) -> Iterator[Need]:
    if _MLFLOW.fullmatch(place.text):
        yield Authorization("sagemaker-mlflow:*", (place.text,)), f"log to {place.path}"


_FINDERS = (_objects, _image, _key, _mlflow)


def _vpc(scope: Body, account: Account, text: Callable[[object], str]) -> Iterator[Need]:
    for path, value in walk(dict(scope)):
        if not path or path[-1] != "VpcConfig" or not isinstance(value, Mapping):
            continue
        place = format_path(path)
        interfaces = account.arn("ec2", "network-interface/*")
        named = [
            account.arn("ec2", f"{noun}/{text(one)}")
            for member, noun in (("Subnets", "subnet"), ("SecurityGroupIds", "security-group"))
            for one in entries(value.get(member))
        ]
        reason = f"put a network interface into {place}"
        yield Authorization("ec2:CreateNetworkInterface", (interfaces, *named)), reason
        for action in (*_INTERFACES, "ec2:DeleteNetworkInterfacePermission"):
            yield Authorization(action, (interfaces,)), reason
        for action in _LOOKS_AT_VPC:
            yield Authorization(action), reason
