"""References to properties that no step of the type has.

A step's properties are the Describe response of its resource (developer guide, "Step properties") and what a step type
publishes besides. botocore's model says what the response can have. The language's own rules, for types whose outputs
the definition declares, are in `airflow_sm_pipelines.definition.reference_checks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from airflow_sm_pipelines.aws.kinds import EMR_STEP
from airflow_sm_pipelines.aws.properties import BEST_CANDIDATE_PROPERTIES
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.expressions import Namespace, Reference
from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.paths import LISTS_KEYED_BY_NAME, Path, format_path
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import DefinitionError
from airflow_sm_pipelines.preview.advice import DefinitionWarning
from airflow_sm_pipelines.preview.api_models import output_shape

if TYPE_CHECKING:
    from botocore.model import Shape

Tree: TypeAlias = "Mapping[str, Tree] | Shape | None"
"""What may stand at a place: members of ours, a shape of the API, or anything (``None``)."""

Fault: TypeAlias = "tuple[str, str]"
"""A message and a hint, which may be empty."""

# Neither SageMaker's documents nor its SDK say which properties these steps have (the SDK names a shape that it lacks).
_UNDOCUMENTED = frozenset({"EMRServerless"})
_MOST_NAMES_LISTED = 12


def property_findings(pipeline: Pipeline) -> Iterator[DefinitionError | DefinitionWarning]:
    """Yield each reference to a property that the step cannot have.

    Args:
        pipeline: A pipeline that `load_pipeline` returned.
    """
    steps = {step.name: step for step in pipeline.steps}
    for step in pipeline.steps:
        for path, reference in step.references:
            target, rest = _target(reference, step, steps)
            fault = _fault(target, rest) if target is not None and rest else None
            if target is not None and fault is not None:
                kind = DefinitionWarning if target.type in _UNDOCUMENTED else DefinitionError
                yield kind(format_path(path, step.path), f"`{reference}`: {fault[0]}", fault[1])


def _target(reference: Reference, step: Step, steps: Mapping[str, Step]) -> tuple[Step | None, Path]:
    """Return the step whose properties a reference leads to, and the path into these."""
    if reference.namespace not in (Namespace.STEP, Namespace.ITERATION_OUTPUT):
        return None, ()
    target, path = steps[reference.name], reference.path
    if target.type != "ForEach":
        return target, path
    if path[0] == "IterationOutputs":
        return steps[str(path[2])], path[3:]
    field = [found for place, found in target.references if place[:3] == ("Arguments", "Selector", "Field")]
    if path[0] == "Selected" and len(field) == 1:
        return steps[field[0].name], path[1:]
    return None, ()


def _fault(step: Step, path: Path) -> Fault | None:
    outputs = STEP_TYPES[step.type].outputs
    tree: Tree = dict.fromkeys(outputs) if outputs is not None else _properties(step)
    for position, segment in enumerate(path):
        if tree is None:
            return None
        walked = path[:position]
        place = f"{step.name} ({step.type})" if not walked else f"`{format_path(walked)}` of {step.name} ({step.type})"
        if isinstance(tree, Mapping):
            members: Mapping[str, Tree] = tree
        elif tree.type_name == "structure":
            members = tree.members
        else:
            entered = _ENTERED.get(tree.type_name, _cannot_enter)(tree, segment, walked)
            if isinstance(entered, str):
                return f"{place} {entered}", ""
            tree = entered
            continue
        if segment not in members:
            return _no_member(place, segment, members)
        tree = members[str(segment)]
    return None


def _no_member(place: str, segment: str | int, members: Mapping[str, Tree]) -> Fault:
    hint = did_you_mean(str(segment), members)
    there = f"; it has {list_names(members)}" if not hint or len(members) <= _MOST_NAMES_LISTED else ""
    return f"{place} has no property '{segment}'{there}", hint


def _element(shape: Shape, segment: str | int, walked: Path) -> Tree | str:
    by_name = any(walked[-len(end) :] == end for end in LISTS_KEYED_BY_NAME)
    return shape.member if isinstance(segment, int) or by_name else "is a list: write an index, such as [0]"


def _value(shape: Shape, segment: str | int, walked: Path) -> Tree | str:
    return shape.value if isinstance(segment, str) else "is a map: write a key, such as ['name']"


def _cannot_enter(shape: Shape, segment: str | int, walked: Path) -> Tree | str:
    return f"is of the type {shape.type_name}: there is nothing inside it"


def _document(shape: Shape, segment: str | int, walked: Path) -> Tree | str:
    return None  # a text may hold JSON, which a reference can enter


_ENTERED: Mapping[str, Callable[[Shape, str | int, Path], Tree | str]] = {
    "list": _element,
    "map": _value,
    "string": _document,
}

# -- what each type publishes ------------------------------------------------------------------------------------------


def _properties(step: Step) -> Tree:
    """Return the properties that a step may have; ``None`` if the installed botocore does not know its resource."""
    own = _OWN_PROPERTIES.get(step.type)
    if own is not None:
        return own()
    kind = CATALOG[step.type].kind_of(step.arguments)
    shape = output_shape(kind.service, kind.describe) if kind else None
    return None if shape is None else {**shape.members, **{n: get() for n, get in _ADDED.get(step.type, {}).items()}}


def _step_of_emr() -> Tree:
    """Return the Step of DescribeStep, also for a cluster of the step's own, and the id of the cluster."""
    shape = output_shape(EMR_STEP.service, EMR_STEP.describe)
    return None if shape is None else {**shape.members["Step"].members, "ClusterId": None}


def _training_job_summaries() -> Tree:
    shape = output_shape("sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
    return None if shape is None else shape.members["TrainingJobSummaries"]


_OWN_PROPERTIES: Mapping[str, Callable[[], Tree]] = {"EMR": _step_of_emr}
_ADDED: Mapping[str, Mapping[str, Callable[[], Tree]]] = {
    "Tuning": {"TrainingJobSummaries": _training_job_summaries},
    "AutoML": {"BestCandidateProperties": lambda: dict.fromkeys(BEST_CANDIDATE_PROPERTIES)},
}
