"""The AWS calls that a step will make to start its work, before anything has run.

They come from the builders that a run uses, too (`airflow_sm_pipelines.catalog`). Nobody answers them here: the answers
are assumed to be those of an account in which nothing of the pipeline is there yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from airflow_sm_pipelines.aws.calls import Body
from airflow_sm_pipelines.aws.check_types import CHECK_TYPES
from airflow_sm_pipelines.aws.kinds import ResourceKind
from airflow_sm_pipelines.aws.requests.lineage import LINEAGE_ENTITIES
from airflow_sm_pipelines.aws.requests.messages import JSON_MEMBERS
from airflow_sm_pipelines.aws.requests.mlflow import MlflowTarget
from airflow_sm_pipelines.aws.requests.names import resource_name
from airflow_sm_pipelines.aws.requests.shaping import Misfit, shape_request
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, StepStart
from airflow_sm_pipelines.aws.requests.tags import Owner, airflow_tags, owner_tags
from airflow_sm_pipelines.aws.s3_objects import bucket_and_key, split_uri
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.expressions import Scope, Unknown, evaluate
from airflow_sm_pipelines.definition.json_values import Json, JsonObject
from airflow_sm_pipelines.definition.models import Pipeline, Step, Trigger
from airflow_sm_pipelines.errors import AwsCallError, CallRefusedError, StepError, UnfitRequestError
from airflow_sm_pipelines.preview.api_models import botocore_version, input_shape
from airflow_sm_pipelines.semantics.for_each import child_name

# Stand-ins of the right length, which no definition can hold, for what is drawn at run time: names are cut as in a run.
_EXECUTION, _TOKEN = "\0" * 12, "\1" * 10
_DRAWN = {re.compile("\0+"): "<Execution.PipelineExecutionId>", re.compile("\1+"): "<token>"}
_ANY_ITERATION = "N"
_OWNER = {
    "deployment": "<deployment>",
    "dag": "<DAG id>",
    "run": "<run id>",
    "installation": "<installation>",
}
_ROLE = Unknown("<role of the DAG>")

FLAGS = frozenset({"SkipCheck", "RegisterNewBaseline", "FailOnViolation"})
"""Flags that the builders read; one that only a run knows is taken for the service's default."""


class PlanScope(Scope, Protocol):
    """What is known of the values of a pipeline: placeholders before a run, or what an execution has told."""

    def of_job(self, job_names: Mapping[str, Json]) -> Scope:
        """Return the same, with the variables that name a step's own job."""

    def trial(self) -> tuple[str, str] | None:
        """Return the names of experiment and trial, ``None`` if the definition has none."""

    def mlflow(self) -> MlflowTarget | None:
        """Return where the jobs log to with MLflow, ``None`` if nobody says it."""


@dataclass(frozen=True, slots=True)
class CallMisfit:
    """A place where a call's request does not fit the API.

    Attributes:
        operation: Name of the operation.
        misfit: The place, and what is wrong there.
    """

    operation: str
    misfit: Misfit

    def __str__(self) -> str:
        return f"{self.operation}: {self.misfit}"


@dataclass(frozen=True, slots=True)
class PlannedCalls:
    """What is known of the calls that start a step's work.

    Attributes:
        calls: The calls in their order, in the API's own types; what only a run knows is a placeholder.
        misfits: What the API would refuse.
        end: Why the step would fail before its last call; ``""`` if nothing speaks against it.
    """

    calls: tuple[AwsCall, ...] = ()
    misfits: tuple[CallMisfit, ...] = ()
    end: str = ""


def planned_calls(step: Step, pipeline: Pipeline, scope: PlanScope) -> PlannedCalls:
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
    misfits: list[CallMisfit] = []
    end = ""
    try:
        for call in _every_call(row.builder()(_start(step, pipeline, scope, row.kind_of(step.arguments)))):
            request, found = _shaped(call)
            calls.append(replace(call, request=_shown(request)))
            misfits += (CallMisfit(call.operation, misfit) for misfit in found)
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


def _start(step: Step, pipeline: Pipeline, scope: PlanScope, kind: ResourceKind | None) -> StepStart:
    name = child_name(step.name, _ANY_ITERATION) if step.body_of else step.name
    attempt = _attempt(step, name, kind, scope)
    of_job = scope.of_job({kind.name_member: attempt}) if kind else scope

    def members() -> JsonObject:
        found = {name: evaluate(value, scope) for name, value in step.members.items()}
        return {name: value for name, value in found.items() if not (name in FLAGS and isinstance(value, Unknown))}

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
        members_of=_members_of,
        trial_is_created=lambda _: _follows_creation_of_trial(step, pipeline),
        mlflow=scope.mlflow,
    )


def _follows_creation_of_trial(step: Step, pipeline: Pipeline) -> bool:
    """Tell whether a step that creates the trial of the run, or follows such a step, has surely succeeded before."""
    plans = {plan.step.name: plan for plan in pipeline.plans}
    seen: set[str] = set()
    pending = [step.name]
    while pending:
        plan = plans[pending.pop()]
        before = {edge.upstream for edge in plan.edges if edge.trigger is Trigger.COMPLETED} | (
            {plan.step.body_of} if plan.step.body_of else set()
        )
        rows = [CATALOG[plans[name].step.type] for name in before]
        if any(row.joins_trial and not row.finds_violations for row in rows):  # a check may be skipped
            return True
        pending += before - seen
        seen |= before
    return False


class _Silence:
    """A log that nobody reads."""

    def info(self, message: str, /, *arguments: object) -> None:
        """Say nothing."""

    def warning(self, message: str, /, *arguments: object) -> None:
        """Say nothing."""

    def error(self, message: str, /, *arguments: object) -> None:
        """Say nothing."""


# -- what a run would draw ---------------------------------------------------------------------------------------------


def _attempt(step: Step, name: str, kind: ResourceKind | None, scope: PlanScope) -> str:
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
    owner = Owner("", "", "", step.name, installation="-")
    tags = []
    for tag in (*owner_tags(owner), *airflow_tags(owner)):
        name = tag["Key"].rpartition(":")[2].removesuffix("_id")
        value = map_index if name == "map-index" else _OWNER.get(name, tag["Value"])
        tags.append({"Key": tag["Key"], "Value": Unknown(value) if value.startswith("<") else value})
    return tags


def _object_of(uri: str) -> tuple[str, str]:
    if "<" not in uri:
        return split_uri(uri)
    bucket, key = bucket_and_key(uri)
    return bucket or Unknown(f"<bucket of {uri}>"), key or Unknown(f"<key of {uri}>")


def _members_of(value: Any) -> Any:
    return {Unknown(f"<members of {value}>"): Unknown("<their values>")} if isinstance(value, Unknown) else value


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


def _shaped(call: AwsCall) -> tuple[dict[str, Any], list[Misfit]]:
    """Return a request in the API's own types, and where it does not fit the installed botocore's model of the call."""
    shape = input_shape(call.service, call.operation)
    if shape is None:
        missing = f"the installed botocore {botocore_version()} knows no {call.service}:{call.operation}"
        return dict(call.request), [Misfit("", missing)]
    own = JSON_MEMBERS.get((call.service, call.operation), {})  # texts of our own making, which have no model
    typed = {name: Unknown("<JSON>") if name in own else value for name, value in call.request.items()}
    request, faults = shape_request(typed, shape, is_unknown=_is_unknown)
    kept = {name: value for name, value in call.request.items() if name in own or name not in shape.members}
    return {**request, **kept}, faults


def _is_unknown(value: object) -> bool:
    """Tell whether a value is a placeholder, or a text that a builder has made around one."""
    return isinstance(value, Unknown) or (isinstance(value, str) and "<Execution.PipelineExecutionId>" in value)
