"""What a definition names in AWS: roles, buckets, images, functions, queues, clusters, groups, models, instances."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_sm_pipelines.aws.authorization import passed_roles
from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.requests.step_start import AwsCall
from airflow_sm_pipelines.definition.expressions import Unknown
from airflow_sm_pipelines.preview.permissions.known_values import KnownValues
from airflow_sm_pipelines.preview.permissions.planned_step import PlannedStep
from airflow_sm_pipelines.preview.permissions.request_needs import places
from airflow_sm_pipelines.preview.preflight.outcome import Place

UNKNOWN = "\ufffd"
"""Stands for a value that only a run knows."""

_BUCKET = re.compile(r"s3://([^/\s\"',;]+)")
_IMAGE = re.compile(r"[0-9]{12}\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/.+")
# Operation of a call -> the member that names what must be there before a run, and what that is.
_NEEDED: Mapping[str, tuple[str, str]] = {
    "Invoke": ("function", "FunctionName"),
    "SendMessage": ("queue", "QueueUrl"),
    "DescribeCluster": ("cluster", "ClusterId"),
    "CreateModelPackage": ("group", "ModelPackageGroupName"),
    "CreateTransformJob": ("model", "ModelName"),
}
_MEMBERS = {"FunctionName": "FunctionArn", "QueueUrl": "SqsQueueUrl"}


@dataclass(slots=True)
class Named:
    """What a definition names, each with its places.

    Attributes:
        things: Sort and name -> places; the sorts are ``role``, ``bucket``, ``image`` and those of calls.
        principals: Role -> the services that must be able to assume it.
        instances: Quota's use and instance type -> the most that one step asks for, and the places.
        unknown: Sort and expression -> places, for names that only a run knows.
    """

    things: dict[tuple[str, str], list[Place]] = field(default_factory=dict)
    principals: dict[str, set[str]] = field(default_factory=dict)
    instances: dict[tuple[str, str], tuple[int, list[Place]]] = field(default_factory=dict)
    unknown: dict[tuple[str, str], list[Place]] = field(default_factory=dict)

    def of(self, sort: str) -> list[tuple[str, list[Place]]]:
        """Return the names of one sort, with their places."""
        return [(name, found) for (one, name), found in self.things.items() if one == sort]


def named_in(steps: Sequence[PlannedStep], known: KnownValues) -> Named:
    """Return what a definition names.

    Args:
        steps: The steps with the calls that start their work.
        known: What can be told of the values of their requests; unknown ones become `UNKNOWN`.
    """
    named = Named()
    for planned in steps:
        for sort, value, path in _named_by(planned):
            _add(named, sort, value, Place(planned.step.name, path), known)
        creation = planned.creation
        if creation is None:
            continue
        for role in passed_roles(creation.service, dict(creation.request)):
            named.principals.setdefault(known.text(role.role), set()).add(role.principal)
        for use, instance, count, member in instances_of(creation):
            place = Place(planned.step.name, f"{planned.step.path}.Arguments.{member}")
            if isinstance(instance, Unknown) or type(count) is not int:
                named.unknown.setdefault(("instances", str(instance)), []).append(place)
                continue
            most, where = named.instances.get((use, str(instance)), (0, []))
            named.instances[use, str(instance)] = (max(most, count), [*where, place])
    return named


def _add(named: Named, sort: str, value: object, place: Place, known: KnownValues) -> None:
    told: list[str] = []
    text = known.text(value, told.append)
    name = _name_of(sort, text)
    if name is None:
        return
    if UNKNOWN in name or "*" in name:
        for one in told or [str(value)]:
            named.unknown.setdefault((sort, one), []).append(place)
        return
    found = named.things.setdefault((sort, name), [])
    if place not in found:
        found.append(place)


def _name_of(sort: str, text: str) -> str | None:
    """Return what a text names; ``None`` if nothing of that sort."""
    if sort == "bucket":
        found = _BUCKET.search(text)
        return found[1] if found else UNKNOWN if text == UNKNOWN else None
    if sort == "image":
        return text if _IMAGE.fullmatch(text) else UNKNOWN if UNKNOWN in text else None
    return text


def _named_by(planned: PlannedStep) -> Iterator[tuple[str, object, str]]:
    """Yield sort, value and JSON path of what a step names."""
    path = planned.step.path
    for call in planned.planned.calls:
        sort, member = _NEEDED.get(call.operation, ("", ""))
        value = call.request.get(member) if member else None
        # A group that is missing is created; only one of another account must be there.
        if value is not None and not (sort == "group" and not str(value).startswith("arn:")):
            written = _MEMBERS.get(member)
            # A model that another step creates is not there yet.
            if not (sort == "model" and isinstance(value, Unknown)):
                yield sort, value, f"{path}.{written}" if written else f"{path}.Arguments.{member}"
    creation = planned.creation
    if creation is None:
        return
    for role in passed_roles(creation.service, dict(creation.request)):
        yield "role", role.role, f"{path}.Arguments.{role.member}"
    for one in places(creation.request, str):
        sort = "bucket" if "s3://" in one.text else "image" if one.names[-1].endswith(("Image", "ImageUri")) else ""
        if sort:
            yield sort, one.text, f"{path}.Arguments.{one.path}"


# -- instances ---------------------------------------------------------------------------------------------------------

_Instances = Iterator[tuple[str, Any, Any, str]]


def instances_of(creation: AwsCall) -> _Instances:
    """Yield quota's use, instance type, number and member of the instances that one resource takes.

    Names of quotas: Service Quotas console, service ``sagemaker``, e.g. ``ml.m5.xlarge for training job usage``.
    """
    request = creation.request
    if creation.operation == "CreateProcessingJob":
        yield from _group(request, "ProcessingResources.ClusterConfig", "processing job usage")
    elif creation.operation == "CreateTransformJob":
        yield from _group(request, "TransformResources", "transform job usage")
    elif creation.operation == "CreateTrainingJob":
        yield from _training(request, "", 1)
    elif creation.operation == "CreateHyperParameterTuningJob":
        limits = _at(request, "HyperParameterTuningJobConfig.ResourceLimits") or {}
        at_once = limits.get("MaxParallelTrainingJobs", 1) if isinstance(limits, Mapping) else 1
        if isinstance(request.get("TrainingJobDefinition"), Mapping):
            yield from _training(request["TrainingJobDefinition"], "TrainingJobDefinition.", at_once)
        for index, one in enumerate(request.get("TrainingJobDefinitions") or ()):
            yield from _training(one, f"TrainingJobDefinitions[{index}].", at_once)
    elif creation.operation == "CreateEndpointConfig":
        for index, one in enumerate(request.get("ProductionVariants") or ()):
            if isinstance(one, Mapping) and one.get("InstanceType"):
                count = one.get("InitialInstanceCount", 1)
                yield "endpoint usage", one["InstanceType"], count, f"ProductionVariants[{index}].InstanceType"


def _training(definition: Body, prefix: str, at_once: Any) -> _Instances:
    spot = "spot " if definition.get("EnableManagedSpotTraining") is True else ""
    groups = [(f"{prefix}ResourceConfig", definition.get("ResourceConfig"))]
    config = definition.get("ResourceConfig")
    if isinstance(config, Mapping) and isinstance(config.get("InstanceGroups"), list):
        groups = [
            (f"{prefix}ResourceConfig.InstanceGroups[{index}]", one)
            for index, one in enumerate(config["InstanceGroups"])
        ]
    for member, group in groups:
        if isinstance(group, Mapping) and group.get("InstanceType"):
            count = group.get("InstanceCount", 1)
            known = type(count) is int and type(at_once) is int
            total = count * at_once if known else None
            yield f"{spot}training job usage", group["InstanceType"], total, f"{member}.InstanceType"


def _group(request: Body, member: str, use: str) -> _Instances:
    group = _at(request, member)
    if isinstance(group, Mapping) and group.get("InstanceType"):
        yield use, group["InstanceType"], group.get("InstanceCount", 1), f"{member}.InstanceType"


def _at(request: Body, member: str) -> Any:
    value: Any = request
    for name in member.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
