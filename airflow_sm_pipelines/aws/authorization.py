"""What IAM must allow for each call that this package makes: the action, and the resources that it is checked for.

Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service. A call that the
package begins to make needs a row here; `tests/aws/test_authorization.py` finds those that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.lambda_function import region_of

ANY = "*"

Texts: TypeAlias = "Callable[[object], str]"
"""Returns a value of a request as part of an ARN, in which ``*`` stands for what is not known."""


class Account(NamedTuple):
    """Where resources are; ``*`` stands for what is not known.

    Attributes:
        partition: ``aws``, ``aws-cn``, ``aws-us-gov`` …
        region: The region, e.g. ``eu-west-1``.
        account: The id of the account, 12 digits.
    """

    partition: str = ANY
    region: str = ANY
    account: str = ANY

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource; S3 has no region and no account in it, IAM no region."""
        region = "" if service in {"s3", "iam"} else self.region
        return f"arn:{self.partition}:{service}:{region}:{'' if service == 's3' else self.account}:{resource}"


class Authorization(NamedTuple):
    """An action that IAM must allow for a call.

    Attributes:
        action: The action, e.g. ``sagemaker:CreateModel``.
        resources: The ARNs that it is checked for; ``("*",)`` for an action that knows no resources.
        condition: Operator, key and value of a condition under which it is enough; ``()`` for none.
    """

    action: str
    resources: tuple[str, ...] = (ANY,)
    condition: tuple[str, ...] = ()


class _Call(NamedTuple):
    """The row of one call.

    Attributes:
        resources: What follows the account in the ARNs, with members of the request in braces, or a function of it.
        action: The action, if it is not the operation's name.
    """

    resources: tuple[str, ...] | Callable[[Body, Account, Texts], Iterator[str]] = ()
    action: str = ""


_PREFIXES = {"emr": "elasticmapreduce"}
"""boto3's names of services whose prefix in IAM is another."""


def iam_prefix(service: str) -> str:
    """Return the prefix of a service's actions and ARNs."""
    return _PREFIXES.get(service, service)


# -- resources that no single member of the request names --------------------------------------------------------------


def _model_package(request: Body, account: Account, text: Texts) -> Iterator[str]:
    """Yield the group and its versions, or the package without a group."""
    group = request.get("ModelPackageGroupName")
    if group is None:
        yield account.arn("sagemaker", f"model-package/{text(request.get('ModelPackageName', ANY))}")
        return
    named = text(group)
    whole = named if named.startswith("arn:") else account.arn("sagemaker", f"model-package-group/{named}")
    yield whole
    yield f"{whole.replace(':model-package-group/', ':model-package/')}/*"


def _model_package_group(request: Body, account: Account, text: Texts) -> Iterator[str]:
    yield next(_model_package(request, account, text))


def _model_package_version(request: Body, account: Account, text: Texts) -> Iterator[str]:
    named = text(request["ModelPackageName"])
    yield named if named.startswith("arn:") else account.arn("sagemaker", f"model-package/{named}")


def _association_ends(request: Body, account: Account, text: Texts) -> Iterator[str]:
    for end in ("SourceArn", "DestinationArn"):
        arn = text(request[end])
        if arn.startswith("arn:"):
            yield arn
        else:
            yield from (account.arn("sagemaker", f"{noun}/*") for noun in ("action", "artifact", "context"))


def _function(request: Body, account: Account, text: Texts) -> Iterator[str]:
    """Yield the function of a name, of a partial ARN (``account:function:name``), or of an ARN."""
    name = text(request["FunctionName"])
    if region_of(name) or name.startswith("arn:"):
        yield name
        return
    owner, found, short = name.partition(":function:")
    yield (account._replace(account=owner) if found else account).arn("lambda", f"function:{short if found else name}")


def queue_arn(url: str, account: Account) -> str:
    """Return the ARN of a queue, from its URL: ``https://sqs.<region>.amazonaws.com/<account>/<name>``.

    Args:
        url: The URL; ``*`` stands for what is not known.
        account: What the URL does not tell is taken from here.
    """
    host, _, path = url.partition("://")[2].partition("/")
    owner, _, name = path.partition("/")
    labels = host.split(".")
    region = labels[1] if labels[0] == "sqs" and len(labels) > 3 else account.region
    told = account._replace(region=region, account=owner or ANY)
    return told.arn("sqs", name or ANY)


def _queue(request: Body, account: Account, text: Texts) -> Iterator[str]:
    yield queue_arn(text(request["QueueUrl"]), account)


def _deleted_objects(request: Body, account: Account, text: Texts) -> Iterator[str]:
    for entry in request["Delete"]["Objects"]:
        yield account.arn("s3", f"{text(request['Bucket'])}/{text(entry['Key'])}")


# -- the calls ---------------------------------------------------------------------------------------------------------

_OBJECT = ("{Bucket}/{Key}",)
_CLUSTER, _NEW_CLUSTER = ("cluster/{ClusterId}",), ("cluster/*",)
_APPLICATION, _RUN = ("/applications/{applicationId}",), ("/applications/{applicationId}/jobruns/*",)
_LOG_GROUP = ("log-group:{logGroupName}:*",)
_JOB = ("job/{JobCategory}/{JobName}",)
"""The Service Authorization Reference does not list CreateJob yet; the form is that of ``JobArn`` in the API."""


def _of_jobs(noun: str, resource: str, member: str = "") -> dict[tuple[str, str], _Call]:
    """Return the rows of a job's four operations."""
    own = _Call((f"{resource}/{{{member or f'{noun}Name'}}}",))
    rows = {("sagemaker", f"{verb}{noun}"): own for verb in ("Create", "Describe", "Stop")}
    return {**rows, ("sagemaker", f"List{noun}s"): _Call()}


def _of(service: str, operations: str, resources: Any = (), action: str = "") -> dict[tuple[str, str], _Call]:
    """Return the rows of operations of one service that are checked for the same resources."""
    return {(service, operation): _Call(resources, action) for operation in operations.split()}


CALLS: Mapping[tuple[str, str], _Call] = {
    **_of_jobs("ProcessingJob", "processing-job"),
    **_of_jobs("TrainingJob", "training-job"),
    **_of_jobs("TransformJob", "transform-job"),
    **_of_jobs("HyperParameterTuningJob", "hyper-parameter-tuning-job"),
    **_of_jobs("AutoMLJob", "automl-job"),
    **_of("sagemaker", "CreateJob DescribeJob StopJob", _JOB),
    **_of("sagemaker", "ListJobs ListArtifacts ListModelPackages"),
    **_of(
        "sagemaker",
        "ListTrainingJobsForHyperParameterTuningJob",
        ("hyper-parameter-tuning-job/{HyperParameterTuningJobName}",),
    ),
    **_of("sagemaker", "CreateModel DescribeModel", ("model/{ModelName}",)),
    **_of("sagemaker", "CreateModelPackage", _model_package),
    **_of("sagemaker", "DescribeModelPackage", _model_package_version),
    **_of("sagemaker", "CreateModelPackageGroup DescribeModelPackageGroup", _model_package_group),
    **_of("sagemaker", "CreateEndpointConfig DescribeEndpointConfig", ("endpoint-config/{EndpointConfigName}",)),
    **_of(
        "sagemaker",
        "CreateEndpoint UpdateEndpoint",
        ("endpoint/{EndpointName}", "endpoint-config/{EndpointConfigName}"),
    ),
    **_of("sagemaker", "DescribeEndpoint DeleteEndpoint", ("endpoint/{EndpointName}",)),
    **_of(
        "sagemaker",
        "CreateInferenceComponent",
        ("inference-component/{InferenceComponentName}", "endpoint/{EndpointName}"),
    ),
    **_of(
        "sagemaker",
        "UpdateInferenceComponent DescribeInferenceComponent DeleteInferenceComponent",
        ("inference-component/{InferenceComponentName}",),
    ),
    **_of("sagemaker", "CreateExperiment", ("experiment/{ExperimentName}",)),
    **_of("sagemaker", "CreateTrial", ("experiment/{ExperimentName}", "experiment-trial/{TrialName}")),
    **_of(
        "sagemaker",
        "AssociateTrialComponent",
        ("experiment-trial/{TrialName}", "experiment-trial-component/{TrialComponentName}"),
    ),
    **_of("sagemaker", "CreateAction DescribeAction UpdateAction", ("action/{ActionName}",)),
    **_of("sagemaker", "CreateArtifact UpdateArtifact", ("artifact/*",)),  # its name is a hash
    **_of("sagemaker", "CreateContext DescribeContext UpdateContext", ("context/{ContextName}",)),
    **_of("sagemaker", "AddAssociation", _association_ends),
    **_of("emr", "RunJobFlow ListClusters"),
    **_of("emr", "TerminateJobFlows", _NEW_CLUSTER),
    **_of("emr", "AddJobFlowSteps", ("cluster/{JobFlowId}",)),
    **_of("emr", "DescribeCluster DescribeStep ListSteps CancelSteps", _CLUSTER),
    **_of("emr-serverless", "CreateApplication ListApplications"),
    **_of("emr-serverless", "GetApplication StopApplication DeleteApplication StartJobRun ListJobRuns", _APPLICATION),
    **_of("emr-serverless", "GetJobRun CancelJobRun", _RUN),
    **_of("lambda", "Invoke", _function, "lambda:InvokeFunction"),
    **_of("sqs", "SendMessage", _queue),
    **_of("s3", "GetObject HeadObject", _OBJECT, "s3:GetObject"),
    **_of("s3", "PutObject", _OBJECT),
    **_of("s3", "DeleteObjects", _deleted_objects, "s3:DeleteObject"),
    **_of("s3", "ListObjectsV2", ("{Bucket}",), "s3:ListBucket"),
    **_of("logs", "DescribeLogStreams", _LOG_GROUP),
    **_of("logs", "GetLogEvents", ("log-group:{logGroupName}:log-stream:{logStreamName}",)),
}
"""Service and operation -> what IAM checks. The tags and roles of a request are checked in addition."""

TAG_ACTIONS = {
    "sagemaker": ("sagemaker:AddTags", "sagemaker:ListTags"),
    "emr": ("elasticmapreduce:AddTags", ""),
    "emr-serverless": ("emr-serverless:TagResource", "emr-serverless:ListTagsForResource"),
}
"""Service -> the action that tags a new resource, and the one that reads the tags of a resource."""

# Tagged while they are created, under ids that nobody knows before.
_NEW_RESOURCES = {
    "RunJobFlow": _NEW_CLUSTER,
    "CreateApplication": ("/applications/*",),
    "StartJobRun": _RUN,
}


def authorization(service: str, operation: str, request: Body, account: Account, text: Texts) -> Authorization:
    """Return the action of a call, with the resources that it is checked for.

    Args:
        service: Name of the boto3 client.
        operation: Name of the operation in the service model.
        request: Its request.
        account: Where the resources are.
        text: Returns a value of the request as part of an ARN.
    """
    row = CALLS[service, operation]
    action = row.action or f"{iam_prefix(service)}:{operation}"
    condition = ("StringLike", "s3:prefix", f"{text(request['Prefix'])}*") if operation == "ListObjectsV2" else ()
    return Authorization(action, _arns(row.resources, service, request, account, text) or (ANY,), condition)


def tagged_resources(service: str, operation: str, request: Body, account: Account, text: Texts) -> tuple[str, ...]:
    """Return the ARNs of the resource that a Create call makes: the first that it is checked for."""
    made = _NEW_RESOURCES.get(operation) or CALLS[service, operation].resources
    arns = _arns(made, service, request, account, text)
    return arns if callable(made) else arns[:1]


def _arns(resources: Any, service: str, request: Body, account: Account, text: Texts) -> tuple[str, ...]:
    if callable(resources):
        return tuple(dict.fromkeys(resources(request, account, text)))
    return tuple(account.arn(iam_prefix(service), one.format_map(_Texts(request, text))) for one in resources)


class _Texts(dict[str, str]):
    """The members of a request as parts of ARNs; ``*`` for one that it does not have."""

    def __init__(self, request: Body, text: Texts) -> None:
        super().__init__()
        self._request, self._text = request, text

    def __missing__(self, name: str) -> str:
        return self._text(self._request[name]) if name in self._request else ANY


# -- roles that a request passes on ------------------------------------------------------------------------------------

SAGEMAKER_PRINCIPAL = "sagemaker.amazonaws.com"
EMR_PRINCIPAL, EC2_PRINCIPAL = "elasticmapreduce.amazonaws.com", "ec2.amazonaws.com"
EMR_SERVERLESS_PRINCIPAL = "emr-serverless.amazonaws.com"
EMR_RUNTIME = ""
"""No service assumes the runtime role of an EMR step: the role of the cluster's instances does."""

_ROLE_MEMBERS: Mapping[str, Mapping[str, str]] = {
    "sagemaker": dict.fromkeys(("RoleArn", "ExecutionRoleArn", "ValidationRole"), SAGEMAKER_PRINCIPAL),
    "emr": {
        "ServiceRole": EMR_PRINCIPAL,
        "AutoScalingRole": EMR_PRINCIPAL,
        "JobFlowRole": EC2_PRINCIPAL,
        "ExecutionRoleArn": EMR_RUNTIME,
    },
    "emr-serverless": {"executionRoleArn": EMR_SERVERLESS_PRINCIPAL},
}


class PassedRole(NamedTuple):
    """A role that a request passes on.

    Attributes:
        role: ARN or name, as in the request.
        principal: The service that it is passed to, or `EMR_RUNTIME`.
        member: Where it stands in the request.
        scope: The object of the request that it stands in: what the role is for.
    """

    role: str
    principal: str
    member: str
    scope: Body


def passed_roles(service: str, request: object, path: str = "") -> Iterator[PassedRole]:
    """Yield every role that a request passes on, at any depth.

    Args:
        service: Name of the boto3 client.
        request: The request, or a part of it.
        path: Where the part stands.
    """
    if isinstance(request, Mapping):
        for name, value in request.items():
            place = f"{path}.{name}" if path else name
            if isinstance(value, str) and name in _ROLE_MEMBERS.get(service, {}):
                yield PassedRole(value, _ROLE_MEMBERS[service][name], place, request)
            else:
                yield from passed_roles(service, value, place)
    elif isinstance(request, list):
        for index, value in enumerate(request):
            yield from passed_roles(service, value, f"{path}[{index}]")
