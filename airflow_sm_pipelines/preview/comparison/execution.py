"""A past execution of SageMaker Pipelines, step by step: what each job was made from, and what we would have sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_sm_pipelines.aws.created_resources import described_resource
from airflow_sm_pipelines.aws.pipeline_executions import ListedStep
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.conditions import evaluate_conditions
from airflow_sm_pipelines.definition.expressions import evaluate
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.paths import Path
from airflow_sm_pipelines.errors import (
    AwsCallError,
    EvaluationError,
    IncomparableError,
    IterableItemsError,
    OutputParametersError,
)
from airflow_sm_pipelines.preview.comparison.emr import EMR_WORK
from airflow_sm_pipelines.preview.comparison.requests import ComparedRequest, compare_forms, compare_requests
from airflow_sm_pipelines.preview.comparison.values import ExecutionValues
from airflow_sm_pipelines.preview.json_changes import JsonChange
from airflow_sm_pipelines.preview.planned_calls import PlannedCalls, planned_calls
from airflow_sm_pipelines.semantics.cache_keys import ARGUMENTS, CACHE_KEYS, MODEL_NAME, CacheKey
from airflow_sm_pipelines.semantics.for_each import child_name, items_of

if TYPE_CHECKING:
    from botocore.client import BaseClient

_CHECK_JOB = "CheckJobArn"


class Verdict(StrEnum):
    """What a comparison has shown."""

    IDENTICAL = "identical"
    DIFFERENT = "different"
    IN_PART = "identical in part"
    NOT_RUN = "not run"
    NOT_KEPT = "not compared"
    UNREADABLE = "could not be compared"


@dataclass(frozen=True, slots=True)
class StepComparison:
    """One step of an execution, or one iteration of it.

    Attributes:
        name: Name of the step, with the index of the iteration.
        type: Its type.
        verdict: What the comparison has shown.
        job: Name of what it created; empty if there is nothing.
        because: What was compared instead of a whole request, or why nothing was; empty for a whole request.
        request: What came of comparing its request, or what stands for it.
        failure: Why our step would have failed before its last call; empty if it would not.
    """

    name: str
    type: str
    verdict: Verdict
    job: str = ""
    because: str = ""
    request: ComparedRequest = field(default_factory=ComparedRequest)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """What a comparison needs of an execution.

    Attributes:
        pipeline: Its definition.
        steps: Its steps as the service lists them.
        client: Returns a boto3 client of a service.
        values: Returns the values of the execution for a step as it was listed.
    """

    pipeline: Pipeline
    steps: tuple[ListedStep, ...]
    client: Callable[[str], BaseClient]
    values: Callable[[ListedStep], ExecutionValues]


def compare_execution(record: ExecutionRecord) -> Iterator[StepComparison]:
    """Yield a comparison of each step of the definition, in its order; each iteration of a loop by itself.

    Args:
        record: The execution. AWS is only asked, and only while the next comparison is awaited.
    """
    for step in record.pipeline.steps:
        listed = [one for one in record.steps if _is_of(one, step)]
        if not listed:
            yield StepComparison(step.name, step.type, Verdict.NOT_RUN, because="the execution did not start it")
        for one in sorted(listed, key=lambda one: one.iteration or 0):
            yield _compared(step, one, record)


def _is_of(listed: ListedStep, step: Step) -> bool:
    """Tell whether an entry is of a step: of an iteration under the step's name, or with the index behind it."""
    return listed.name == step.name or (
        listed.iteration is not None
        and step.body_of is not None
        and listed.name == child_name(step.name, listed.iteration)
    )


def instance_name(step: Step, listed: ListedStep) -> str:
    """Return the name of a step, with the index of its iteration."""
    return step.name if listed.iteration is None else f"{step.name}[{listed.iteration}]"


def _compared(step: Step, listed: ListedStep, record: ExecutionRecord) -> StepComparison:
    name = instance_name(step, listed)
    if listed.selected_from:
        return StepComparison(name, step.type, Verdict.NOT_RUN, because=f"its result is that of {listed.selected_from}")
    compare = _WITHOUT_JOB.get(step.type, _of_job)
    try:
        return compare(step, listed, record)
    except (AwsCallError, EvaluationError, IncomparableError, IterableItemsError, OutputParametersError) as error:
        return StepComparison(name, step.type, Verdict.UNREADABLE, because=str(error))


# -- steps with a job --------------------------------------------------------------------------------------------------


def _of_job(step: Step, listed: ListedStep, record: ExecutionRecord) -> StepComparison:
    name, kind = instance_name(step, listed), CATALOG[step.type].kind
    results = listed.executed.results
    arn = str(results.get("Arn") or results.get(_CHECK_JOB) or "")
    if kind is None or not arn:
        ended = f"the step is {listed.executed.status}, and names no job that it created"
        return StepComparison(name, step.type, Verdict.UNREADABLE, because=ended)
    job = arn.partition("/")[2]
    description = described_resource(kind, arn, step.arguments, record.client)
    if description is None:
        gone = f"the {kind.noun} does not exist any more"
        return StepComparison(name, step.type, Verdict.UNREADABLE, job, gone)
    values = record.values(listed).with_job({kind.name_member: job})
    planned = planned_calls(step, record.pipeline, values)
    key = CACHE_KEYS.get(step.type) if listed.cached_from else None
    because = "" if not listed.cached_from else _cached_in_words(listed, key)
    if listed.cached_from and key is None:
        return StepComparison(name, step.type, Verdict.NOT_KEPT, job, because)
    failure = _failure(planned)
    request = next((call.request for call in reversed(planned.calls) if call.operation == kind.create), None)
    if request is None:
        return StepComparison(name, step.type, Verdict.DIFFERENT, job, because, failure=failure or "no request")
    found = compare_requests(kind, description, request, counts=lambda path: key is None or _is_key(key, path))
    return StepComparison(name, step.type, _verdict(found, failure, because), job, because, found, failure)


def _failure(planned: PlannedCalls) -> str:
    """Return why our step would have failed: a refusal of its own, or a request that the API refuses."""
    return "; ".join([*([planned.end] if planned.end else ()), *map(str, planned.misfits)])


def _cached_in_words(listed: ListedStep, key: CacheKey | None) -> str:
    how = "compared by its key attributes" if key else "another execution made its request"
    return f"reused from {listed.cached_from}: {how}"


def _is_key(key: CacheKey, path: Path) -> bool:
    """Tell whether a place decides about the reuse of a result; a model is another one in each execution."""
    return key.attribute_at((ARGUMENTS, *path)) not in ("", MODEL_NAME)


def _of_emr(step: Step, listed: ListedStep, record: ExecutionRecord) -> StepComparison:
    name, kind, work = instance_name(step, listed), CATALOG[step.type].kind, EMR_WORK[step.type]
    if listed.cached_from:
        because = _cached_in_words(listed, None)
        return StepComparison(name, step.type, Verdict.NOT_KEPT, because=because)
    theirs = work.described(listed.executed.results, record.client)
    if theirs is None or kind is None:
        ended = f"the step is {listed.executed.status}, and does not tell where its work is"
        return StepComparison(name, step.type, Verdict.UNREADABLE, because=ended)
    planned = planned_calls(step, record.pipeline, record.values(listed))
    carrying = (kind.create, work.creates_place)  # a cluster of its own is created with its work
    request = next((call.request for call in reversed(planned.calls) if call.operation in carrying), None)
    failure = _failure(planned)
    if request is None:
        return StepComparison(name, step.type, Verdict.DIFFERENT, failure=failure or "no request")
    found = compare_forms(kind, theirs, work.ours(request))
    own = any(call.operation == work.creates_place for call in planned.calls)
    because = f"compared by its work: AWS tells {work.place} of its own in another form" if own else ""
    return StepComparison(
        name, step.type, _verdict(found, failure, because), because=because, request=found, failure=failure
    )


def _verdict(found: ComparedRequest, failure: str, because: str) -> Verdict:
    if found.differences or failure:
        return Verdict.DIFFERENT
    return Verdict.IN_PART if because or found.unknown else Verdict.IDENTICAL


# -- steps without one -------------------------------------------------------------------------------------------------


def _told(
    step: Step, listed: ListedStep, member: str, theirs: Json, ours: Json, *, because: str = ""
) -> StepComparison:
    """Compare the one thing that the service tells of a step."""
    name = instance_name(step, listed)
    if theirs is None:
        untold = f"the execution does not tell its {member}"
        return StepComparison(name, step.type, Verdict.UNREADABLE, because=untold)
    if theirs != ours:
        differing = ComparedRequest((JsonChange((member,), theirs, ours),))
        return StepComparison(name, step.type, Verdict.DIFFERENT, because=because, request=differing)
    return StepComparison(name, step.type, Verdict.IN_PART if because else Verdict.IDENTICAL, because=because)


def _of_condition(step: Step, listed: ListedStep, record: ExecutionRecord) -> StepComparison:
    conditions: Any = step.arguments["Conditions"]
    outcome = str(evaluate_conditions(conditions, record.values(listed)))
    return _told(step, listed, "Outcome", listed.executed.results.get("Outcome"), outcome)


def _of_fail(step: Step, listed: ListedStep, record: ExecutionRecord) -> StepComparison:
    message = evaluate(step.arguments["ErrorMessage"], record.values(listed))
    return _told(step, listed, "ErrorMessage", listed.executed.results.get("ErrorMessage"), message)


def _of_member(member: str, told: str) -> Callable[[Step, ListedStep, ExecutionRecord], StepComparison]:
    def compare(step: Step, listed: ListedStep, record: ExecutionRecord) -> StepComparison:
        ours = evaluate(step.members.get(member), record.values(listed))
        because = f"compared by its {member}: the service keeps no message"
        return _told(step, listed, member, listed.executed.results.get(told), ours, because=because)

    return compare


def _of_loop(step: Step, listed: ListedStep, record: ExecutionRecord) -> StepComparison:
    items = items_of(evaluate(step.arguments["IterableItems"], record.values(listed)))
    theirs = listed.executed.results.get("InputItemCount")
    because = "compared by the number of its items; its iterations are compared by themselves"
    return _told(step, listed, "InputItemCount", theirs, len(items), because=because)


def _not_kept(because: str) -> Callable[[Step, ListedStep, ExecutionRecord], StepComparison]:
    return lambda step, listed, _: StepComparison(
        instance_name(step, listed), step.type, Verdict.NOT_KEPT, because=because
    )


_WITHOUT_JOB: Mapping[str, Callable[[Step, ListedStep, ExecutionRecord], StepComparison]] = {
    "Callback": _of_member("SqsQueueUrl", "SqsQueueUrl"),
    "Cleanup": _not_kept("the service keeps no request of it"),
    "Condition": _of_condition,
    "EMR": _of_emr,
    "EMRServerless": _of_emr,
    "Fail": _of_fail,
    "ForEach": _of_loop,
    "Lambda": _of_member("FunctionArn", "Arn"),
    "Lineage": _not_kept("the service keeps no request of it"),
}
"""How steps are compared that have no job whose Describe response repeats the request."""
