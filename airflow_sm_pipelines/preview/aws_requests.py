"""The AWS calls that a step makes to start its work, before anything has run.

Sources: the developer guide's chapter on step types, and the SDK's steps (which API's request each writes). The names
and tags that identify an attempt are those of `airflow_sm_pipelines.aws`; what is drawn at run time is a placeholder.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from airflow_sm_pipelines.aws.kinds import EMR_SERVERLESS_JOB, EMR_STEP
from airflow_sm_pipelines.aws.requests.emr import application_request, cluster_request, job_run_request, step_request
from airflow_sm_pipelines.aws.requests.model_packages import package_request
from airflow_sm_pipelines.aws.requests.names import resource_name
from airflow_sm_pipelines.aws.requests.tags import Owner, owner_tags
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.traversal import own_arguments
from airflow_sm_pipelines.preview.placeholders import KnownValues, Placeholder
from airflow_sm_pipelines.semantics.for_each import child_name


class AwsRequest(NamedTuple):
    """One AWS call.

    Attributes:
        service: Name of the boto3 client.
        operation: Name of the operation in the service's model.
        body: The request; values known only at run time are `Placeholder`.
    """

    service: str
    operation: str
    body: JsonObject


class _Creation(NamedTuple):
    """How a step type creates its SageMaker resource.

    Attributes:
        operation: The operation.
        name_member: Member of the request that holds the name of the attempt.
        role_member: Member for the role of the pipeline, where the definition names none; ``""`` if there is none.
        name_limit: Longest name that the API accepts, in characters.
        is_prefix: A name in the definition is the beginning of the name that is sent; else it is sent as it is.
    """

    operation: str
    name_member: str
    name_limit: int = 63
    role_member: str = ""
    is_prefix: bool = True


_PROCESSING = _Creation("CreateProcessingJob", "ProcessingJobName", role_member="RoleArn")
_CREATIONS = {
    "Processing": _PROCESSING,
    "Training": _Creation("CreateTrainingJob", "TrainingJobName", role_member="RoleArn"),
    "Transform": _Creation("CreateTransformJob", "TransformJobName"),
    "Tuning": _Creation("CreateHyperParameterTuningJob", "HyperParameterTuningJobName", 32),
    "AutoML": _Creation("CreateAutoMLJob", "AutoMLJobName", 32, role_member="RoleArn"),
    "Model": _Creation("CreateModel", "ModelName", role_member="ExecutionRoleArn"),
    # The service makes the name of a package.
    "RegisterModel": _Creation("CreateModelPackage", "ClientToken", 32),
    "EndpointConfig": _Creation("CreateEndpointConfig", "EndpointConfigName", is_prefix=False),
    "Endpoint": _Creation("CreateEndpoint", "EndpointName", is_prefix=False),
    "InferenceComponent": _Creation("CreateInferenceComponent", "InferenceComponentName", is_prefix=False),
    "QualityCheck": _PROCESSING,
    "ClarifyCheck": _PROCESSING,
    "Job": _Creation("CreateJob", "JobName", role_member="RoleArn"),
}

# Stand-ins of the right length, which no definition can hold, for what is drawn at run time.
_EXECUTION, _TOKEN = "\0" * 12, "\1" * 10
_DRAWN = {_EXECUTION: "<Execution.PipelineExecutionId>", _TOKEN: "<token>", _TOKEN[:8]: "<token>"}
_ANY_ITERATION = "N"
_OWNER = {"deployment": "<deployment>", "dag": "<DAG id>", "run": "<run id>"}


def requests_of(step: Step, known: KnownValues) -> list[AwsRequest]:
    """Return the calls that start a step's work; none for a step that only decides, such as a Condition.

    Args:
        step: The step.
        known: What is known before the run.
    """
    arguments = filled_arguments(step, known)
    creation = _CREATIONS.get(step.type)
    if creation:
        return [AwsRequest("sagemaker", creation.operation, _creation_body(step, arguments, creation))]
    build = _OTHERS.get(step.type)
    return build(step, arguments, known) if build else []


def filled_arguments(step: Step, known: KnownValues) -> JsonObject:
    """Return a step's Arguments, nested steps excluded, with values and placeholders for its expressions."""
    return cast("JsonObject", known.fill(own_arguments(step), payload=STEP_TYPES[step.type].payload))


def _creation_body(step: Step, arguments: JsonObject, creation: _Creation) -> JsonObject:
    given = arguments.get(creation.name_member)
    is_sent = given is not None and not creation.is_prefix
    name = given if is_sent else _name(step, given, creation.name_limit)
    role: JsonObject = {creation.role_member: Placeholder("<role of the DAG>")} if creation.role_member else {}
    body: JsonObject = {
        **role,
        **arguments,
        creation.name_member: name,
        **_our_tags(step, arguments),
    }
    return package_request(body) if step.type == "RegisterModel" else body


def _name(step: Step, prefix: Json, limit: int) -> Placeholder:
    if isinstance(prefix, Placeholder):
        return Placeholder(f"{prefix}-{_DRAWN[_EXECUTION]}-<token>-0")
    literal = None if prefix is None else str(prefix)
    called = child_name(step.name, _ANY_ITERATION) if step.body_of else step.name
    name = resource_name(_EXECUTION, called, _TOKEN, 0, limit=limit, prefix=literal)
    for drawn, shown in _DRAWN.items():
        name = name.replace(drawn, shown)
    return Placeholder(name)


def _tags(step: Step) -> list[Json]:
    map_index = "<map index>" if step.body_of else "-1"
    tags: list[Json] = []
    for tag in owner_tags(Owner("", "", "", step.name)):
        kind = tag["Key"].rpartition(":")[2]
        value = map_index if kind == "map-index" else _OWNER.get(kind, tag["Value"])
        tags.append({"Key": tag["Key"], "Value": Placeholder(value) if value.startswith("<") else value})
    return tags


def _cleanup(step: Step, arguments: JsonObject, known: KnownValues) -> list[AwsRequest]:
    """What is deleted is known only when the steps before have run (SDK 3: `cleanup_step`)."""
    bucket, objects = Placeholder("<bucket>"), Placeholder("<objects of these steps>")
    return [AwsRequest("s3", "DeleteObjects", {"Bucket": bucket, "Delete": {"Objects": objects}})]


def _lambda(step: Step, arguments: JsonObject, known: KnownValues) -> list[AwsRequest]:
    function = known.fill(step.members["FunctionArn"])
    return [AwsRequest("lambda", "Invoke", {"FunctionName": function, "Payload": arguments})]


def _callback(step: Step, arguments: JsonObject, known: KnownValues) -> list[AwsRequest]:
    message: JsonObject = {
        "token": Placeholder("<token>"),
        "pipelineExecutionArn": Placeholder("<Execution.PipelineExecutionArn>"),
        "arguments": arguments,
        "status": "Executing",
    }
    body: JsonObject = {"QueueUrl": known.fill(step.members["SqsQueueUrl"]), "MessageBody": message}
    return [AwsRequest("sqs", "SendMessage", body)]


def _emr(step: Step, arguments: JsonObject, known: KnownValues) -> list[AwsRequest]:
    """A step of a cluster; with ClusterConfig, of a cluster made for it (SDK: `sagemaker.workflow.emr_step`)."""
    name = _name(step, None, EMR_STEP.name_limit)
    if "ClusterConfig" in arguments:
        return [AwsRequest("emr", "RunJobFlow", cluster_request(arguments, name, _owner_tags(step)))]
    return [AwsRequest("emr", "AddJobFlowSteps", step_request(arguments, name, _owner_tags(step)))]


def _emr_serverless(step: Step, arguments: JsonObject, known: KnownValues) -> list[AwsRequest]:
    name, tags = _name(step, None, EMR_SERVERLESS_JOB.name_limit), _owner_tags(step)
    filled = {"ExecutionRoleArn": Placeholder("<role of the DAG>"), **arguments}
    config = arguments.get("ApplicationConfig")
    if not isinstance(config, dict):
        run = job_run_request(filled, cast("str", arguments["ApplicationId"]), name, tags)
        return [AwsRequest("emr-serverless", "StartJobRun", run)]
    run = job_run_request(filled, Placeholder("<id of the new application>"), name, tags)
    return [
        AwsRequest("emr-serverless", "CreateApplication", application_request(config, name, tags)),
        AwsRequest("emr-serverless", "StartJobRun", run),
    ]


def _owner_tags(step: Step) -> list[dict[str, str]]:
    return cast("list[dict[str, str]]", _tags(step))


def _lineage(step: Step, arguments: JsonObject, known: KnownValues) -> list[AwsRequest]:
    calls = []
    for member, operation in _LINEAGE_CALLS.items():
        entries = arguments.get(member, [])
        for entry in entries if isinstance(entries, list) else ():
            body = _object(entry)
            request = _association(body) if member == "Associations" else {**body, **_our_tags(step, body)}
            calls.append(AwsRequest("sagemaker", operation, request))
    return calls


def _our_tags(step: Step, body: JsonObject) -> JsonObject:
    tags = body.get("Tags")
    return {"Tags": [*(tags if isinstance(tags, list) else []), *_tags(step)]}


_LINEAGE_CALLS = {
    "Actions": "CreateAction",
    "Artifacts": "CreateArtifact",
    "Contexts": "CreateContext",
    "Associations": "AddAssociation",
}


def _association(entry: JsonObject) -> JsonObject:
    ends = {f"{end}Arn": _arn_of(entry.get(end)) for end in ("Source", "Destination")}
    return {**ends, **{name: value for name, value in entry.items() if name not in ("Source", "Destination")}}


def _arn_of(end: Json) -> Json:
    """An end is an ARN, or names an entity that the step itself creates."""
    if not isinstance(end, dict) or "Arn" in end:
        return end["Arn"] if isinstance(end, dict) else None
    return Placeholder(f"<ARN of the {end.get('Type')} {end.get('Name')}>")


def _object(value: Json) -> JsonObject:
    """Return an object as it is; nothing is known of one that is an expression as a whole."""
    return value if isinstance(value, dict) else {}


_OTHERS = {
    "Cleanup": _cleanup,
    "Lambda": _lambda,
    "Callback": _callback,
    "EMR": _emr,
    "EMRServerless": _emr_serverless,
    "Lineage": _lineage,
}
