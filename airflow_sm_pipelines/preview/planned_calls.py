"""The AWS calls that a step will make to start its work, before anything has run.

They come from the builders that a run uses, too (`airflow_sm_pipelines.catalog`). Nobody answers them here: the answers
are assumed to be those of an account in which nothing of the pipeline is there yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.check_types import CHECK_TYPES
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.requests.lineage import LINEAGE_ENTITIES
from airflow_sm_pipelines.aws.requests.messages import JSON_MEMBERS
from airflow_sm_pipelines.aws.requests.names import resource_name
from airflow_sm_pipelines.aws.requests.shaping import shape_request
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, StepStart
from airflow_sm_pipelines.aws.requests.tags import Owner, owner_tags
from airflow_sm_pipelines.aws.s3_objects import split_uri
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.expressions import Unknown, evaluate
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.errors import AwsCallError, CallRefusedError, StepError, UnfitRequestError
from airflow_sm_pipelines.preview.placeholders import PlaceholderScope
from airflow_sm_pipelines.semantics.for_each import child_name

# Stand-ins of the right length, which no definition can hold, for what is drawn at run time: names are cut as in a run.
_EXECUTION, _TOKEN = "\0" * 12, "\1" * 10
_DRAWN = {re.compile("\0+"): "<Execution.PipelineExecutionId>", re.compile("\1+"): "<token>"}
_ANY_ITERATION = "N"
_OWNER = {"deployment": "<deployment>", "dag": "<DAG id>", "run": "<run id>"}
_ROLE = Unknown("<role of the DAG>")
# Flags that the builders read; one that only a run knows is taken for the service's default.
_FLAGS = frozenset({"SkipCheck", "RegisterNewBaseline", "FailOnViolation"})


@dataclass(frozen=True, slots=True)
class PlannedCalls:
    """What is known of the calls that start a step's work.

    Attributes:
        calls: The calls in their order, in the API's own types; what only a run knows is a placeholder.
        misfits: What the API would refuse.
        end: Why the step would fail before its last call; ``""`` if nothing speaks against it.
    """

    calls: tuple[AwsCall, ...] = ()
    misfits: tuple[str, ...] = ()
    end: str = ""


def planned_calls(step: Step, pipeline: Pipeline, scope: PlaceholderScope) -> PlannedCalls:
    """Return the calls that start a step's work; none for a step that only decides, such as a Condition.

    Args:
        step: The step.
        pipeline: Its definition.
        scope: What is known before the run.
    """
    row = CATALOG[step.type]
    if not row.calls:
        return PlannedCalls()
    calls: list[AwsCall] = []
    misfits: list[str] = []
    end = ""
    try:
        for call in _every_call(row.builder()(_start(step, pipeline, scope, row.kind_of(step.arguments)))):
            request, found = _shaped(call)
            calls.append(replace(call, request=_shown(request)))
            misfits += (f"{call.operation}: {fault}" for fault in found)
    except StepError as error:
        end = error.message
    except UnfitRequestError as error:
        end = str(error)
    return PlannedCalls(tuple(calls), tuple(misfits), end)


def _every_call(calls: Calls[AwsCall | None]) -> Iterator[AwsCall]:
    """Drive a builder with assumed answers; yield each of its calls."""
    try:
        call = next(calls)
        while True:
            yield call
            answer = _ASSUMED.get(call.operation, _nothing)(call.request)
            call = calls.throw(answer) if isinstance(answer, AwsCallError) else calls.send(answer)
    except StopIteration as done:
        if done.value is not None:
            yield done.value


def _start(step: Step, pipeline: Pipeline, scope: PlaceholderScope, kind: ResourceKind | None) -> StepStart:
    name = child_name(step.name, _ANY_ITERATION) if step.body_of else step.name
    attempt = _attempt(step, name, kind, scope)
    of_job = scope.of_job({kind.name_member: attempt}) if kind else scope

    def members() -> JsonObject:
        found = {name: evaluate(value, scope) for name, value in step.members.items()}
        return {name: value for name, value in found.items() if not (name in _FLAGS and isinstance(value, Unknown))}

    return StepStart(
        step=name,
        attempt=attempt,
        arguments=step.arguments,
        resolve=lambda value, _, payload: evaluate(value, of_job, payload=payload),
        members=members,
        trial=scope.trial,
        shape=_shaped,
        tags=_tags(step),
        log=_Silence(),
        kind=kind,
        role_arn=pipeline.resource.role_arn or _ROLE,
        execution_id="<Execution.PipelineExecutionId>",
        token=Unknown("<token>"),
        try_number="<try number>",
        step_types={other.name: other.type for other in pipeline.steps},
        object_of=_object_of,
    )


class _Silence:
    """A log that nobody reads."""

    def info(self, message: str, /, *arguments: object) -> None:
        """Say nothing."""

    def warning(self, message: str, /, *arguments: object) -> None:
        """Say nothing."""

    def error(self, message: str, /, *arguments: object) -> None:
        """Say nothing."""


# -- what a run would draw ---------------------------------------------------------------------------------------------


def _attempt(step: Step, name: str, kind: ResourceKind | None, scope: PlaceholderScope) -> str:
    if kind is None:
        return ""
    given = None if kind.token_member else step.arguments.get(kind.name_member)
    prefix = None if given is None else evaluate(given, scope)
    if prefix is not None and kind.verbatim_name:
        return prefix if isinstance(prefix, str) else str(prefix)
    if isinstance(prefix, Unknown):
        return Unknown(f"{prefix}-{_EXECUTION}-{_TOKEN}-0")
    literal = None if prefix is None else str(prefix)
    try:
        return resource_name(_EXECUTION, name, _TOKEN, 0, limit=kind.name_limit, prefix=literal)
    except UnfitRequestError as error:
        raise UnfitRequestError(f"Arguments.{kind.name_member}: {error}") from error


def _shown(value: Any) -> Any:
    """Return a value with placeholders for what would have been drawn."""
    if isinstance(value, str):
        for drawn, shown in _DRAWN.items():
            value = drawn.sub(shown, value) if drawn.search(value) else value
        return value
    if isinstance(value, Mapping):
        return {name: _shown(member) for name, member in value.items()}
    return [_shown(element) for element in value] if isinstance(value, list) else value


def _tags(step: Step) -> list[dict[str, str]]:
    map_index = "<map index>" if step.body_of else "-1"
    tags = []
    for tag in owner_tags(Owner("", "", "", step.name)):
        name = tag["Key"].rpartition(":")[2]
        value = map_index if name == "map-index" else _OWNER.get(name, tag["Value"])
        tags.append({"Key": tag["Key"], "Value": Unknown(value) if value.startswith("<") else value})
    return tags


def _object_of(uri: str) -> tuple[str, str]:
    if "<" not in uri:
        return split_uri(uri)
    bucket, _, key = uri.removeprefix("s3://").partition("/") if uri.startswith("s3://") else ("", "", "")
    return bucket or Unknown(f"<bucket of {uri}>"), key or Unknown(f"<key of {uri}>")


# -- assumed answers ---------------------------------------------------------------------------------------------------


def _nothing(_: Body) -> Body:
    return {}


def _absent(_: Body) -> AwsCallError:
    return CallRefusedError("", "ResourceNotFound", "", None)


def _approved_version(request: Body) -> Body:
    return {"ModelPackageSummaryList": [{"ModelPackageArn": f"<latest approved {request['ModelPackageGroupName']}>"}]}


def _registered_baselines(request: Body) -> Body:
    sections: dict[str, dict[str, Any]] = {}
    for row in CHECK_TYPES.values():
        for member in filter(None, (row.constraints_member, row.statistics_member)):
            uri = Unknown(f"<{row.section}.{member} of {request['ModelPackageName']}>")
            sections.setdefault(row.section, {})[member] = {"S3Uri": uri}
    return {"DriftCheckBaselines": sections}


def _objects(request: Body) -> Body:
    """One object that is asked for by its key is there; of those below a prefix, nobody knows how many."""
    key = request["Prefix"] if "MaxKeys" in request else Unknown(f"<every key below {request['Prefix']}>")
    return {"Contents": [{"Key": key}]}


def _created_entity(name_member: str, arn_member: str, noun: str) -> Callable[[Body], Body]:
    return lambda request: {arn_member: Unknown(f"<ARN of the {noun} {request.get(name_member)}>")}


_ASSUMED: Mapping[str, Callable[[Body], Body | AwsCallError]] = {
    "DescribeModelPackageGroup": _absent,
    "ListModelPackages": _approved_version,
    "DescribeModelPackage": _registered_baselines,
    "DescribeCluster": lambda _: {"Cluster": {"Status": {"State": "WAITING"}}},
    "CreateApplication": lambda _: {"applicationId": Unknown("<id of the new application>")},
    "GetObject": lambda _: {"Body": b'{"<members of the original>": "<their values>"}'},
    "ListObjectsV2": _objects,
    **{
        entity.create: _created_entity(entity.name_member, entity.arn_member, entity.noun.capitalize())
        for entity in LINEAGE_ENTITIES
    },
}


# -- the API's types ---------------------------------------------------------------------------------------------------


def _shaped(call: AwsCall) -> tuple[dict[str, Any], list[str]]:
    """Return a request in the API's own types, and where it does not fit the installed botocore's model of the call."""
    shape, version = _input_shape(call.service, call.operation)
    if shape is None:
        return dict(call.request), [f"the installed botocore {version} knows no {call.service}:{call.operation}"]
    own = JSON_MEMBERS.get((call.service, call.operation), {})  # texts of our own making, which have no model
    typed = {name: Unknown("<JSON>") if name in own else value for name, value in call.request.items()}
    request, faults = shape_request(typed, shape, is_unknown=_is_unknown)
    kept = {name: value for name, value in call.request.items() if name in own or name not in shape.members}
    return {**request, **kept}, faults


def _is_unknown(value: object) -> bool:
    """Tell whether a value is a placeholder, or a text that a builder has made around one."""
    return isinstance(value, Unknown) or (isinstance(value, str) and "<Execution.PipelineExecutionId>" in value)


@cache
def _input_shape(service: str, operation: str) -> tuple[Any, str]:
    """Return the model of a request, ``None`` if botocore has none, and botocore's version."""
    # Reading a model takes a third of a second: only who asks pays for it.
    import botocore
    from botocore.exceptions import UnknownServiceError
    from botocore.model import OperationNotFoundError
    from botocore.session import get_session

    try:
        shape = get_session().get_service_model(service).operation_model(operation).input_shape
    except (UnknownServiceError, OperationNotFoundError):
        shape = None
    return shape, botocore.__version__
