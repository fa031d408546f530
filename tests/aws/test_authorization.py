"""The table of what IAM checks, compared with AWS's own reference and with the calls of the package.

`service_authorization.json` is an extract of the Service Authorization Reference, as of November 2026: the resources
that must be named, and those that may be.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

import airflow_sm_pipelines
from airflow_sm_pipelines.aws.authorization import (
    CALLS,
    EMR_RUNTIME,
    Account,
    authorization,
    iam_prefix,
    passed_roles,
    queue_arn,
    tagged_resources,
)
from airflow_sm_pipelines.aws.kinds import RESOURCE_KINDS

REFERENCE: dict[str, dict[str, list[str]]] = json.loads(
    (Path(__file__).parent / "service_authorization.json").read_text()
)
# Not in the reference yet: Amazon SageMaker's newest jobs.
NOT_IN_THE_REFERENCE = {f"sagemaker:{verb}Job{s}" for verb, s in (("Create", ""), ("Describe", ""), ("Stop", ""))} | {
    "sagemaker:ListJobs"
}
HERE = Account("aws", "eu-west-1", "123456789012")
SYMBOLS: dict[str, Any] = {
    "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/q",
    "SourceArn": "<ARN of the Action a>",
    "DestinationArn": "<ARN of the Artifact b>",
    "Delete": {"Objects": [{"Key": "k"}]},
    "ModelPackageGroupName": "g",
    "ModelPackageName": "g/1",
    "FunctionName": "f",
    "Prefix": "p",
}


class Everything(dict[str, Any]):
    """A request that has every member."""

    def __missing__(self, name: str) -> Any:
        return SYMBOLS.get(name, f"x-{name}")

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]


def text(value: object) -> str:
    return re.sub("<.*>", "*", str(value))


def form(arn: str) -> str:
    """What tells the types of resources apart: the service, and the words before the names."""
    _, _, service, _, _, resource = arn.split(":", 5)
    if service == "s3":
        return "s3:object" if "/" in resource else "s3:bucket"
    if service in {"sqs", "logs"}:
        return f"{service}:{'stream' if ':log-stream:' in resource else ''}"
    words = re.split(r"[/:]", resource.strip("/"))
    return f"{service}:{words[0]}{'/jobruns' if 'jobruns' in words else ''}"


def rows() -> list[Any]:
    return [pytest.param(service, operation, id=f"{service}:{operation}") for service, operation in CALLS]


@pytest.mark.parametrize(("service", "operation"), rows())
def test_a_row_is_an_operation_with_the_resources_of_the_reference(service: str, operation: str) -> None:
    import botocore.session

    model = botocore.session.get_session().get_service_model(service)
    allowed = authorization(service, operation, Everything(), HERE, text)

    assert operation in model.operation_names
    if allowed.action in NOT_IN_THE_REFERENCE:
        return
    known = REFERENCE[allowed.action]
    found = {form(arn) for arn in allowed.resources if arn != "*"}
    required = {form(arn) for arn in known["required"]}
    if operation == "AddAssociation":  # what it checks depends on its ends
        required &= found
    assert required <= found <= required | {form(arn) for arn in known["optional"]}
    assert found or not known["required"]


@pytest.mark.parametrize("kind", RESOURCE_KINDS.values(), ids=lambda kind: kind.key)
def test_the_resource_that_is_created_is_the_one_that_is_tagged(kind: Any) -> None:
    request = Everything()

    [made, *_] = tagged_resources(kind.service, kind.create, request, HERE, text)

    assert f":{iam_prefix(kind.service)}:" in made
    assert made != "*"


# Of commands and tasks that are no part of a definition's run; docs/permissions.md has their rows.
OF_NO_STEP = {
    "DescribePipelineExecution",
    "DescribePipelineDefinitionForExecution",
    "ListPipelineExecutionSteps",
    "ListPipelineParametersForExecution",
    "ReceiveMessage",
    "DeleteMessage",
    "GetCallerIdentity",  # needs no permission
    "AssumeRole",  # of the connection's own principal
    "ListTags",
    "ListTagsForResource",
    "SendPipelineExecutionStepFailure",  # answered, not called
    "SendPipelineExecutionStepSuccess",
}
ROOMS = ("aws", "semantics", "execution", "callbacks", "operators", "sensors")


def operations_named_in(package: Path) -> set[str]:
    """Every text in the source of the rooms that is the name of an operation of a service that we call."""
    import botocore.session

    session = botocore.session.get_session()
    services = {service for service, _ in CALLS} | {"sts"}
    known = {name for service in services for name in session.get_service_model(service).operation_names}
    texts: set[str] = set()
    for room in ROOMS:
        for file in (package / room).rglob("*.py"):
            if file.name == "authorization.py":
                continue
            texts |= {
                node.value
                for node in ast.walk(ast.parse(file.read_text()))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
    return known & texts


def test_every_call_of_a_step_has_a_row() -> None:
    called = operations_named_in(Path(airflow_sm_pipelines.__file__).parent)

    assert len(called) > 70
    assert called - {operation for _, operation in CALLS} - OF_NO_STEP == set()


@pytest.mark.parametrize(
    ("url", "arn"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/111122223333/q", "arn:aws:sqs:eu-west-1:111122223333:q"),
        ("https://eu-west-1.queue.amazonaws.com/111122223333/q.fifo", "arn:aws:sqs:eu-central-1:111122223333:q.fifo"),
        ("http://127.0.0.1:4566/123456789012/q", "arn:aws:sqs:eu-central-1:123456789012:q"),
        ("*", "arn:aws:sqs:eu-central-1:*:*"),
    ],
)
def test_the_url_of_a_queue_tells_its_arn(url: str, arn: str) -> None:
    assert queue_arn(url, Account("aws", "eu-central-1", "123456789012")) == arn


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("f", "arn:aws:lambda:eu-west-1:123456789012:function:f"),
        ("f:live", "arn:aws:lambda:eu-west-1:123456789012:function:f:live"),
        ("111122223333:function:f", "arn:aws:lambda:eu-west-1:111122223333:function:f"),
        ("arn:aws:lambda:us-east-1:111122223333:function:f:3", "arn:aws:lambda:us-east-1:111122223333:function:f:3"),
    ],
)
def test_a_function_is_named_by_name_by_partial_arn_or_by_arn(name: str, arn: str) -> None:
    assert authorization("lambda", "Invoke", {"FunctionName": name}, HERE, text).resources == (arn,)


def test_a_version_belongs_to_a_group_that_may_be_of_another_account() -> None:
    group = "arn:aws:sagemaker:eu-west-1:999999999999:model-package-group/g"

    found = authorization("sagemaker", "CreateModelPackage", {"ModelPackageGroupName": group}, HERE, text)

    assert found.resources == (group, "arn:aws:sagemaker:eu-west-1:999999999999:model-package/g/*")


def test_roles_are_found_at_any_depth_with_the_service_that_they_are_passed_to() -> None:
    tuning = {"TrainingJobDefinitions": [{"RoleArn": "a"}, {"RoleArn": "b"}]}
    cluster = {"ServiceRole": "s", "JobFlowRole": "j"}

    assert [(one.role, one.member) for one in passed_roles("sagemaker", tuning)] == [
        ("a", "TrainingJobDefinitions[0].RoleArn"),
        ("b", "TrainingJobDefinitions[1].RoleArn"),
    ]
    assert {one.role: one.principal for one in passed_roles("emr", cluster)} == {
        "s": "elasticmapreduce.amazonaws.com",
        "j": "ec2.amazonaws.com",
    }
    assert [one.principal for one in passed_roles("emr", {"ExecutionRoleArn": "r"})] == [EMR_RUNTIME]
