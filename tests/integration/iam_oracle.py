"""IAM as its user guide describes it: what a real call is checked for, and whether a policy allows that.

It shares no code with the package: what is checked comes from an extract of AWS's Service Authorization Reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

REFERENCE: dict[str, dict[str, list[str]]] = json.loads(
    (Path(__file__).parents[1] / "aws" / "service_authorization.json").read_text()
)
ACCOUNT, REGION = "123456789012", "us-west-2"
PREFIXES = {"emr": "elasticmapreduce"}
ACTIONS = {
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("lambda", "Invoke"): "lambda:InvokeFunction",
}
WITHOUT_PERMISSION = {("sts", "GetCallerIdentity")}
# Variables of the reference's ARNs -> members of requests.
MEMBERS = {
    "BucketName": ("Bucket",),
    "ClusterId": ("ClusterId", "JobFlowId"),
    "AutoMLJobJobName": ("AutoMLJobName",),
    "ApplicationId": ("applicationId",),
    "JobRunId": ("jobRunId",),
    "LogGroupName": ("logGroupName",),
    "LogStreamName": ("logStreamName",),
}
MADE_UP = {"HashOfArtifactSource": "0123abcd", "ClusterId": "j-NEW", "ApplicationId": "00new", "JobRunId": "00run"}
PASSED = re.compile(r"(?:RoleArn|executionRoleArn|ServiceRole|JobFlowRole|ValidationRole)$")
PRINCIPALS = {
    "ServiceRole": "elasticmapreduce.amazonaws.com",
    "JobFlowRole": "ec2.amazonaws.com",
    "executionRoleArn": "emr-serverless.amazonaws.com",
}


class Check(NamedTuple):
    """What IAM checks for a call."""

    action: str
    resource: str
    context: dict[str, str]


def checks(service: str, operation: str, request: dict[str, Any]) -> Iterator[Check]:
    """Yield what IAM checks for a call."""
    if (service, operation) in WITHOUT_PERMISSION:
        return
    action = ACTIONS.get((service, operation), f"{PREFIXES.get(service, service)}:{operation}")
    context = {"s3:prefix": request["Prefix"]} if operation == "ListObjectsV2" else {}
    for resource in resources(service, action, request) or ["*"]:
        yield Check(action, resource, context)
        if request.get("Tags") and service == "sagemaker":
            yield Check("sagemaker:AddTags", resource, {})
    if operation == "RunJobFlow":
        yield Check("elasticmapreduce:AddTags", f"arn:aws:elasticmapreduce:{REGION}:{ACCOUNT}:cluster/j-NEW", {})
    if operation == "CreateApplication":
        yield Check("emr-serverless:TagResource", f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/00new", {})
    if operation.startswith(("Create", "Run", "Start", "AddJobFlowSteps")):
        yield from passed(service, request)


def resources(service: str, action: str, request: dict[str, Any]) -> list[str]:
    """What the reference says is checked, with the values of a request; what it leaves open is not checked."""
    special = SPECIAL.get(service) or SPECIAL.get(action)
    if special is not None:
        return special(request)
    return [filled(arn, request) for arn in REFERENCE[action]["required"]] if action in REFERENCE else []


def of_function(request: dict[str, Any]) -> list[str]:
    name = request["FunctionName"]
    return [name if name.startswith("arn:") else f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"]


def of_queue(request: dict[str, Any]) -> list[str]:
    *_, owner, name = request["QueueUrl"].split("/")
    return [f"arn:aws:sqs:{REGION}:{owner}:{name}"]


def of_bucket(request: dict[str, Any]) -> list[str]:
    if "Delete" in request:
        return [f"arn:aws:s3:::{request['Bucket']}/{one['Key']}" for one in request["Delete"]["Objects"]]
    return [f"arn:aws:s3:::{request['Bucket']}" + (f"/{request['Key']}" if "Key" in request else "")]


def of_version(request: dict[str, Any]) -> list[str]:
    name = (
        f"{request['ModelPackageGroupName']}/7" if "ModelPackageGroupName" in request else request["ModelPackageName"]
    )
    return [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{name}"]


def of_job(request: dict[str, Any]) -> list[str]:
    return [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:job/{request['JobCategory']}/{request['JobName']}"]


SPECIAL: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "lambda": of_function,
    "sqs": of_queue,
    "s3": of_bucket,
    "sagemaker:AddAssociation": lambda request: [request["SourceArn"], request["DestinationArn"]],
    "sagemaker:CreateModelPackage": of_version,
    **{f"sagemaker:{verb}Job": of_job for verb in ("Create", "Describe", "Stop")},
}


def filled(template: str, request: dict[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name in {"Partition", "Region", "Account"}:
            return {"Partition": "aws", "Region": REGION, "Account": ACCOUNT}[name]
        found = next((request[one] for one in MEMBERS.get(name, (name,)) if one in request), None)
        return str(found) if found is not None else MADE_UP[name]

    arn = re.sub(r"\$\{(\w+)\}", value, template)
    return arn.rpartition("arn:")[2] and "arn:" + arn.rpartition("arn:")[2]  # a name that is an ARN itself


def passed(service: str, value: Any) -> Iterator[Check]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str) and PASSED.search(name):
                arn = inner if inner.startswith("arn:") else f"arn:aws:iam::{ACCOUNT}:role/{inner}"
                emr = "ec2.amazonaws.com" if service == "emr" else "sagemaker.amazonaws.com"
                yield Check("iam:PassRole", arn, {"iam:PassedToService": PRINCIPALS.get(name, emr)})
            else:
                yield from passed(service, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from passed(service, inner)


# -- policies ----------------------------------------------------------------------------------------------------------


def is_allowed(policy: dict[str, Any], check: Check) -> bool:
    return any(
        any(fits(one, check.action) for one in listed(statement["Action"]))
        and any(fits(one, check.resource) for one in listed(statement["Resource"]))
        and all(
            holds(operator, key, listed(values), check.context)
            for operator, conditions in statement.get("Condition", {}).items()
            for key, values in conditions.items()
        )
        for statement in policy["Statement"]
    )


def holds(operator: str, key: str, values: list[str], context: dict[str, str]) -> bool:
    if key not in context:
        return False
    if operator == "StringEquals":
        return context[key] in values
    assert operator == "StringLike"
    return any(fits(value, context[key]) for value in values)


def fits(pattern: str, text: str) -> bool:
    """Tell whether a text fits a pattern with ``*`` and ``?``; IAM tells capital letters from small ones."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
