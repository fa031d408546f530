"""The ``Metadata`` of a step in ListPipelineExecutionSteps: pure functions of what its task has published and shown.

A step that has ended has published its properties, a failed one, too; most are the Describe response of its job.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_sm_pipelines.catalog import CATALOG, StepTypeRow
from airflow_sm_pipelines.definition.json_values import Json, JsonObject


@dataclass(frozen=True, slots=True)
class StepFacts:
    """What is known of a step.

    Attributes:
        row: Its type.
        properties: What it has published; empty if nothing.
        request: What its task shows as its request; empty if that is not known, or too long for Airflow to keep.
        reference: What its job is called in the record of the attempt; empty if that was not read.
        arn: ARN of its job, from the same record; empty if it is not known.
        reason: Why it failed; empty if it did not.
    """

    row: StepTypeRow
    properties: Mapping[str, Any]
    request: Mapping[str, Any]
    reference: str = ""
    arn: str = ""
    reason: str = ""


def metadata(facts: StepFacts) -> JsonObject:
    """Return the ``Metadata`` of a step; empty if nothing is known."""
    name, members = _BUILDERS[facts.row.step_type]
    found: JsonObject = {member: value for member, value in members(facts).items() if value not in (None, "", [])}
    return {name: found} if found else {}


def _job(facts: StepFacts) -> JsonObject:
    kind = facts.row.kind
    published = facts.properties.get(kind.arn_member) if kind else None
    return {"Arn": str(published or facts.arn)}


def _condition(facts: StepFacts) -> JsonObject:
    outcome = facts.properties.get("Outcome")
    return {"Outcome": str(outcome)} if isinstance(outcome, bool) else {}


def _fail(facts: StepFacts) -> JsonObject:
    return {"ErrorMessage": facts.reason}


def _lambda(facts: StepFacts) -> JsonObject:
    return {"Arn": facts.request.get("FunctionName"), "OutputParameters": _outputs(facts)}


def _callback(facts: StepFacts) -> JsonObject:
    # Not its token: whoever has that, answers it.
    return {"SqsQueueUrl": facts.request.get("QueueUrl"), "OutputParameters": _outputs(facts)}


def _outputs(facts: StepFacts) -> list[Json]:
    outputs = facts.properties.get("OutputParameters")
    if not isinstance(outputs, dict):
        return []
    return [{"Name": name, "Value": value_as_text(value)} for name, value in outputs.items()]


def _emr(facts: StepFacts) -> JsonObject:
    cluster, step = _ids(facts)
    return {
        "ClusterId": facts.properties.get("ClusterId") or cluster,
        "StepId": facts.properties.get("Id") or (step if step.startswith(_EMR_STEP_ID) else ""),
        "StepName": facts.properties.get("Name"),
    }


def _ids(facts: StepFacts) -> tuple[str, str]:
    first, _, second = facts.reference.partition("/")
    return first, second


def _emr_serverless(facts: StepFacts) -> JsonObject:
    application, run = _ids(facts)
    return {
        "ApplicationId": facts.properties.get("applicationId") or application,
        "JobRunId": facts.properties.get("jobRunId") or run,
        "JobRunName": facts.properties.get("name"),
    }


def _check(facts: StepFacts) -> JsonObject:
    baselines = _members(facts, (name for name in facts.properties if name.startswith(_BASELINES)))
    return {"CheckJobArn": facts.properties.get("ProcessingJobArn") or facts.arn, **baselines}


def _published(*names: str) -> Callable[[StepFacts], JsonObject]:
    return lambda facts: _members(facts, names)


def _members(facts: StepFacts, names: Iterable[str]) -> JsonObject:
    return {name: facts.properties.get(name) for name in names}


def _for_each(facts: StepFacts) -> JsonObject:
    # The API knows no PartiallySucceeded.
    status = {"PartiallySucceeded": "Failed"}.get(str(facts.properties.get("Status")), facts.properties.get("Status"))
    return {"Status": status, **_members(facts, _COUNTS)}


_EMR_STEP_ID = "s-"
_BASELINES = ("CalculatedBaseline", "BaselineUsedForDriftCheck")
_COUNTS = ("InputItemCount", "TotalStepCount", "SucceededStepCount", "FailedStepCount", "StoppedStepCount")

_BUILDERS: dict[str, tuple[str, Callable[[StepFacts], JsonObject]]] = {
    "AutoML": ("AutoMLJob", _job),
    "Callback": ("Callback", _callback),
    "ClarifyCheck": ("ClarifyCheck", _check),
    "Cleanup": ("Cleanup", _published("CleanedSteps", "FailedSteps", "SkippedSteps")),
    "Condition": ("Condition", _condition),
    "EMR": ("EMR", _emr),
    "EMRServerless": ("EMRServerless", _emr_serverless),
    "Endpoint": ("Endpoint", _job),
    "EndpointConfig": ("EndpointConfig", _job),
    "Fail": ("Fail", _fail),
    "ForEach": ("ForEach", _for_each),
    "InferenceComponent": ("InferenceComponent", _job),
    "Job": ("Job", _job),
    "Lambda": ("Lambda", _lambda),
    "Lineage": ("Lineage", _published("ActionArns", "ArtifactArns", "ContextArns", "Associations")),
    "Model": ("Model", _job),
    "Processing": ("ProcessingJob", _job),
    "QualityCheck": ("QualityCheck", _check),
    "RegisterModel": ("RegisterModel", _job),
    "Training": ("TrainingJob", _job),
    "Transform": ("TransformJob", _job),
    "Tuning": ("TuningJob", _job),
}
"""By step type: the member of ``Metadata``, and what it holds."""


def operator_of(task: Mapping[str, Any]) -> str:
    """Return the class of a task of a DAG, as Airflow's API describes the task; also of a mapped one."""
    return str((task["class_ref"] or {}).get("class_name") or task["operator_name"] or "")


def row_of_operator(operator: str) -> StepTypeRow | None:
    """Return the row of the step type that a class of operators runs, ``None`` if it runs none.

    Args:
        operator: Name of the class.
    """
    return _ROWS.get(operator)


_ROWS = {row.operator.rpartition(".")[2]: row for row in CATALOG.values()}


def value_as_text(value: Json) -> str:
    """Return a value as the API has it: everything is text there."""
    return value if isinstance(value, str) else json.dumps(value)
