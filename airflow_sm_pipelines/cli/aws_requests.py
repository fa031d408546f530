"""The AWS calls that a step makes to start its work, before anything has run.

Sources: the developer guide's chapter on step types, and the SDK's steps (which API's request each writes). The names
and tags that identify an attempt are those of `airflow_sm_pipelines.aws`; what is drawn at run time is a placeholder.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from airflow_sm_pipelines.aws.model_packages import package_request
from airflow_sm_pipelines.aws.names import resource_name
from airflow_sm_pipelines.aws.tags import Owner, owner_tags
from airflow_sm_pipelines.cli.placeholders import KnownValues, Placeholder
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.traversal import own_arguments


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
    given, tags = arguments.get(creation.name_member), arguments.get("Tags")
    is_sent = given is not None and not creation.is_prefix
    name = given if is_sent else _name(step, given, creation.name_limit)
    role: JsonObject = {creation.role_member: Placeholder("<role of the DAG>")} if creation.role_member else {}
    body: JsonObject = {
        **role,
        **arguments,
        creation.name_member: name,
        "Tags": [*(tags if isinstance(tags, list) else []), *_tags(step)],
    }
    return package_request(body) if step.type == "RegisterModel" else body


def _name(step: Step, prefix: Json, limit: int) -> Placeholder:
    if isinstance(prefix, Placeholder):
        return Placeholder(f"{prefix}-{_DRAWN[_EXECUTION]}-<token>-0")
    literal = None if prefix is None else str(prefix)
    name = resource_name(_EXECUTION, step.name, _TOKEN, 0, limit=limit, prefix=literal)
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
    name, cluster = step.name, arguments.get("ClusterConfig")
    work: Json = {"Name": name, **_object(arguments["StepConfig"])}
    if not isinstance(cluster, dict):
        job_flow = {"JobFlowId": arguments["ClusterId"], "Steps": [work]}
        role = {"ExecutionRoleArn": arguments["ExecutionRoleArn"]} if "ExecutionRoleArn" in arguments else {}
        return [AwsRequest("emr", "AddJobFlowSteps", {**job_flow, **role})]
    return [
        AwsRequest("emr", "RunJobFlow", {"Name": name, **cluster}),
        AwsRequest("emr", "AddJobFlowSteps", {"JobFlowId": Placeholder("<id of the new cluster>"), "Steps": [work]}),
    ]


def _emr_serverless(step: Step, arguments: JsonObject, known: KnownValues) -> list[AwsRequest]:
    job, application = _object(arguments["JobConfig"]), arguments.get("ApplicationConfig")
    token: JsonObject = {"clientToken": Placeholder("<token>")}
    if not isinstance(application, dict):
        run = {"applicationId": arguments["ApplicationId"], **job, **token}
        return [AwsRequest("emr-serverless", "StartJobRun", run)]
    new = Placeholder("<id of the new application>")
    return [
        AwsRequest("emr-serverless", "CreateApplication", {**application, **token}),
        AwsRequest("emr-serverless", "StartJobRun", {**job, "applicationId": new, **token}),
    ]


def _lineage(step: Step, arguments: JsonObject, known: KnownValues) -> list[AwsRequest]:
    calls = []
    for member, operation in _LINEAGE_CALLS.items():
        entries = arguments.get(member, [])
        for entry in entries if isinstance(entries, list) else ():
            body = _object(entry)
            calls.append(AwsRequest("sagemaker", operation, _association(body) if member == "Associations" else body))
    return calls


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
