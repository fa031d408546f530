"""Checks that what a definition names is there: one read-only call for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from airflow_sm_pipelines.aws.authorization import EC2_PRINCIPAL, EMR_RUNTIME, Account
from airflow_sm_pipelines.aws.calls import Body, call, refusals
from airflow_sm_pipelines.aws.failures import says_absent
from airflow_sm_pipelines.aws.kinds.emr import LIVE_CLUSTER_STATES
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.preview.preflight.named import Named
from airflow_sm_pipelines.preview.preflight.outcome import Checked, Place, Verdict, unchecked

MakeClient: TypeAlias = "Callable[..., Any]"
"""Returns a boto3 client for a service, in a region if one is given as ``region``."""

_ABSENT = frozenset({"404", "NoSuchBucket", "NoSuchEntity", "RepositoryNotFoundException", "ImageNotFoundException"})
_ABSENT_QUEUE = "NonExistentQueue"


def existence_checks(named: Named, where: Account, make_client: MakeClient) -> Iterator[Checked]:
    """Yield the outcome for everything that a definition names.

    Args:
        named: What it names.
        where: Account and region in which the pipeline runs.
        make_client: Makes the clients.
    """
    for name, places in named.of("role"):
        for principal in sorted(named.principals.get(name, ())):
            yield _role(name, principal, places, where.account, make_client)
    for name, places in named.of("bucket"):
        yield _bucket(name, places, where.region, make_client)
    for sort, check in _CHECKS.items():
        for name, places in named.of(sort):
            yield check(name, places, make_client)


def _look(make_client: MakeClient, service: str, operation: str, request: Body, region: str = "") -> Body | None:
    """Return the answer of a call, ``None`` if AWS says that there is nothing of that name.

    Raises:
        AwsCallError: The call failed for another reason.
    """
    with refusals(operation):
        client = make_client(service, region=region) if region else make_client(service)
    try:
        return call(client, operation, request)
    except AwsCallError as error:
        if error.code in _ABSENT or _ABSENT_QUEUE in error.code or says_absent(error.code, error.message):
            return None
        raise


def _role(name: str, principal: str, places: Sequence[Place], account: str, make_client: MakeClient) -> Checked:
    """Check that a role is there, and that the service may assume it. Conditions of its trust policy are left aside."""
    profile = principal == EC2_PRINCIPAL
    subject = f"{'instance profile' if profile else 'role'} {name}"
    expected = f"exists, and {principal} may assume it" if principal != EMR_RUNTIME else "exists"
    owner = name.split(":")[4] if name.startswith("arn:") else account
    if owner != account:
        found = f"it belongs to account {owner}, and the credentials to account {account}"
        if principal == EMR_RUNTIME:
            return Checked(Verdict.UNCHECKED, subject, tuple(places), expected, found)
        advice = "name a role of the account that the jobs run in: no other can be passed on"
        return Checked(Verdict.ERROR, subject, tuple(places), expected, found, advice)
    operation, member = ("GetInstanceProfile", "InstanceProfileName") if profile else ("GetRole", "RoleName")
    try:
        answer = _look(make_client, "iam", operation, {member: name.rpartition("/")[2]})
    except AwsCallError as error:
        return unchecked(subject, places, expected, error, f"iam:{operation}")
    if answer is None:
        advice = "create it (`sm-pipelines iam-policy` prints its policies), or name another"
        return Checked(Verdict.ERROR, subject, tuple(places), expected, "it does not exist", advice)
    role = next(iter(answer["InstanceProfile"]["Roles"]), {}) if profile else answer["Role"]
    if principal != EMR_RUNTIME and not trusts(role.get("AssumeRolePolicyDocument") or {}, principal):
        advice = (
            f"allow sts:AssumeRole to {principal} in its trust policy (`sm-pipelines iam-policy --for ROLE --trust`)"
        )
        return Checked(
            Verdict.ERROR, subject, tuple(places), expected, f"its trust policy does not name {principal}", advice
        )
    return Checked(Verdict.OK, subject, tuple(places), expected)


def trusts(document: Body, principal: str) -> bool:
    """Tell whether a trust policy allows a service to assume the role; conditions are left aside."""
    for statement in _listed(document.get("Statement")):
        named = statement.get("Principal")
        services = _listed(named.get("Service")) if isinstance(named, Mapping) else _listed(named)
        actions = {"*", "sts:*", "sts:AssumeRole"} & set(_listed(statement.get("Action")))
        if statement.get("Effect") == "Allow" and actions and {principal, "*"} & set(services):
            return True
    return False


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _bucket(name: str, places: Sequence[Place], region: str, make_client: MakeClient) -> Checked:
    subject, expected = f"bucket {name}", f"exists in {region}"
    advice = "create it, or correct the name"
    try:
        answer = _look(make_client, "s3", "HeadBucket", {"Bucket": name})
    except AwsCallError as error:
        if error.code == "301":
            return Checked(Verdict.ERROR, subject, tuple(places), expected, "it is in another region", _SAME_REGION)
        return unchecked(subject, places, expected, error, "s3:ListBucket")
    if answer is None:
        return Checked(Verdict.ERROR, subject, tuple(places), expected, "it does not exist", advice)
    found = str(answer.get("BucketRegion") or region)
    if found != region:
        return Checked(Verdict.ERROR, subject, tuple(places), expected, f"it is in {found}", _SAME_REGION)
    return Checked(Verdict.OK, subject, tuple(places), expected)


_SAME_REGION = "use a bucket of the pipeline's region: jobs cannot use others"


def _image(image: str, places: Sequence[Place], make_client: MakeClient) -> Checked:
    subject, expected = f"image {image}", "exists in ECR"
    host, _, rest = image.partition("/")
    account, _, _, region = host.split(".")[:4]
    repository, _, digest = rest.partition("@")
    repository, _, tag = repository.partition(":")
    wanted = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
    request = {"registryId": account, "repositoryName": repository, "imageIds": [wanted]}
    try:
        answer = _look(make_client, "ecr", "DescribeImages", request, region)
    except AwsCallError as error:
        return unchecked(subject, places, expected, error, "ecr:DescribeImages, also in the repository's policy,")
    if answer is None:
        advice = "push it, or correct the name"
        return Checked(Verdict.ERROR, subject, tuple(places), expected, "ECR does not have it", advice)
    return Checked(Verdict.OK, subject, tuple(places), expected)


@dataclass(frozen=True, slots=True)
class _Lookup:
    """A call that finds one thing by its name, or tells that there is none.

    Attributes:
        noun: What it is.
        service, operation: The call.
        member: The member of the request that takes the name.
        further: Its other members.
        expected: What is expected of the thing.
    """

    noun: str
    service: str
    operation: str
    member: str
    further: Mapping[str, Any] = field(default_factory=dict)
    expected: str = "exists"

    def __call__(self, name: str, places: Sequence[Place], make_client: MakeClient) -> Checked:
        """Make the call."""
        subject = f"{self.noun} {name}"
        try:
            answer = _look(make_client, self.service, self.operation, {self.member: name, **self.further})
        except AwsCallError as error:
            return unchecked(subject, places, self.expected, error, f"{self.service}:{self.operation}")
        if answer is None:
            advice = "create it, or correct the name"
            return Checked(Verdict.ERROR, subject, tuple(places), self.expected, "it does not exist", advice)
        return Checked(Verdict.OK, subject, tuple(places), self.expected)


def _cluster(name: str, places: Sequence[Place], make_client: MakeClient) -> Checked:
    subject, expected = f"cluster {name}", f"is {', '.join(LIVE_CLUSTER_STATES)}"
    try:
        answer = _look(make_client, "emr", "DescribeCluster", {"ClusterId": name})
    except AwsCallError as error:
        return unchecked(subject, places, expected, error, "elasticmapreduce:DescribeCluster")
    state = answer["Cluster"]["Status"]["State"] if answer else ""
    if state in LIVE_CLUSTER_STATES:
        return Checked(Verdict.OK, subject, tuple(places), expected)
    found = f"it is {state}" if state else "it does not exist"
    return Checked(Verdict.ERROR, subject, tuple(places), expected, found, "start a cluster, or correct the id")


_CHECKS: Mapping[str, Callable[[str, Sequence[Place], MakeClient], Checked]] = {
    "image": _image,
    "function": _Lookup("function", "lambda", "GetFunctionConfiguration", "FunctionName"),
    "queue": _Lookup("queue", "sqs", "GetQueueAttributes", "QueueUrl", {"AttributeNames": ["QueueArn"]}),
    "cluster": _cluster,
    "group": _Lookup(
        "model package group",
        "sagemaker",
        "DescribeModelPackageGroup",
        "ModelPackageGroupName",
        expected="exists, since it belongs to another account or region",
    ),
    "model": _Lookup("model", "sagemaker", "DescribeModel", "ModelName"),
}
