"""The rules for references: the target exists, has such an output, and may be referred to from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from airflow_sm_pipelines.definition.expressions import Namespace, Reference, scan
from airflow_sm_pipelines.definition.json_values import list_names
from airflow_sm_pipelines.definition.known_steps import LISTS_OF_PROCESSING, KnownSteps
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.paths import Path, format_path, nested_output
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.suggestions import Names, did_you_mean
from airflow_sm_pipelines.errors import DefinitionError

_LONGEST_NAME_WITH_DOTS = 256

Fault: TypeAlias = "tuple[str, str]"
"""A message and a hint, which may be empty."""


class _Place(NamedTuple):
    """The place of a reference."""

    pipeline: Pipeline
    steps: KnownSteps
    parameters: Names
    step: Step
    path: Path


def check_references(pipeline: Pipeline, steps: KnownSteps) -> Iterator[DefinitionError]:
    """Yield a fault for each reference that cannot resolve, whatever happens at run time.

    Args:
        pipeline: The pipeline.
        steps: Its steps by name.
    """
    parameters = Names(parameter.name for parameter in pipeline.parameters)
    for step in pipeline.steps:
        for path, reference in step.references:
            fault = _CHECKS[reference.namespace](reference, _Place(pipeline, steps, parameters, step, path))
            if fault:
                yield DefinitionError(format_path(path, step.path), f"`{reference}`: {fault[0]}", fault[1])
    for name, config in (
        ("PipelineExperimentConfig", pipeline.experiment_config),
        ("MlflowConfig", pipeline.mlflow_config),
    ):
        for path, found in scan(config) if isinstance(config, dict) else ():
            if isinstance(found, Reference) and found.namespace is Namespace.PARAMETER:
                fault = _undeclared(found.name, parameters)
                if fault:
                    yield DefinitionError(format_path(path, name), f"`{found}`: {fault[0]}", fault[1])


def unreachable_step(name: str, step: Step, steps: KnownSteps) -> Fault | None:
    """Return why a step can neither wait for nor refer to another step, or ``None`` when it can."""
    if name == step.name:
        return "a step cannot wait for or refer to itself", ""
    target = steps.get(name)
    if target is None:
        hint = steps.names.did_you_mean(name)
        return f"there is no step {name!r}", "" if f"`{step.name}`" in hint else hint
    if target.type in STEP_TYPES and STEP_TYPES[target.type].final:
        return f"{name} is a {target.type} step; no step can wait for it or refer to it", ""
    if step.body_of == name:
        return f"the step runs inside {name} and cannot wait for it or refer to it", ""
    if target.body_of and target.body_of != step.body_of:
        hint = f"wait for {target.body_of}, or refer to `Steps.{target.body_of}.IterationOutputs[0].{name}`"
        return f"{name} runs once per item inside {target.body_of}", hint
    return None


def _undeclared(name: str, parameters: Names) -> Fault | None:
    if name in parameters:
        return None
    return f"the pipeline declares no parameter {name!r}", parameters.did_you_mean(name)


def _parameter(reference: Reference, place: _Place) -> Fault | None:
    return _undeclared(reference.name, place.parameters)


def _execution(reference: Reference, place: _Place) -> Fault | None:
    if not reference.name.endswith("JobName"):
        return None
    row = STEP_TYPES.get(place.step.type)
    if row is None or row.job_name_variable == reference.name:
        return None
    return f"is not available in a {row.name} step, which creates no such job", ""


def _experiment(reference: Reference, place: _Place) -> Fault | None:
    if place.pipeline.experiment_config is None:
        return "the definition has no PipelineExperimentConfig: the pipeline has no experiment", ""
    return None


def _step_output(reference: Reference, place: _Place) -> Fault | None:
    # A step whose faulty name contains a dot has been recorded; its references would read as other names.
    if reference.name not in place.steps and _names_a_step_with_dots(reference.text, place.steps):
        return None
    fault = unreachable_step(reference.name, place.step, place.steps)
    if fault:
        return fault
    if not reference.path:
        return "does not name a property of the step", ""
    target = place.steps[reference.name]
    row = STEP_TYPES.get(target.type)
    if row is None:
        return None
    if row.outputs is not None and reference.path[0] not in row.outputs:
        there = f"it has {list_names(row.outputs)}" if row.outputs else "it has none"
        hint = did_you_mean(str(reference.path[0]), row.outputs)
        return f"a {target.type} step has no property '{reference.path[0]}'; {there}", hint
    detail = _DETAILS.get(target.type)
    fault = detail(reference, target, place) if detail else None
    return fault or _nested_output(reference, target)


def _nested_output(reference: Reference, target: Step) -> Fault | None:
    # Other steps than these have Describe responses, whose members have names of AWS.
    nested = nested_output(reference.path) if target.type in ("Lambda", "Callback", "ForEach") else ""
    return (nested, _FLAT_OUTPUTS) if nested else None


_FLAT_OUTPUTS = "declare and return each value as an output parameter of its own"


def _names_a_step_with_dots(text: str, steps: KnownSteps) -> bool:
    rest = text.removeprefix("Steps.")
    ends = (index for index, character in enumerate(rest[:_LONGEST_NAME_WITH_DOTS]) if character == ".")
    return any(rest[:end] in steps for end in ends if "." in rest[:end])


def _output_parameter(reference: Reference, target: Step, place: _Place) -> Fault | None:
    declared = place.steps.output_parameters(target)
    name = reference.path[1] if len(reference.path) > 1 else None
    if name in declared:
        return None
    there = f"it declares {declared.listed()}" if declared else "it declares none"
    if name is None:
        return f"does not name an output parameter; {there}", "write ['name'] after OutputParameters"
    return f"{target.name} declares no output parameter '{name}'; {there}", declared.did_you_mean(str(name))


def _processing_member(reference: Reference, target: Step, place: _Place) -> Fault | None:
    for path in LISTS_OF_PROCESSING:
        rest = reference.path[len(path) :]
        names = place.steps.literal_names(target, path) if reference.path[: len(path)] == path else None
        if names is not None and rest and isinstance(rest[0], str) and rest[0] not in names:
            there = f"it has {names.listed()}" if names else "it has none"
            noun = format_path(path)
            return f"{target.name} has no '{rest[0]}' in its {noun}; {there}", names.did_you_mean(rest[0])
    return None


def _loop_result(reference: Reference, target: Step, place: _Place) -> Fault | None:
    head, *rest = reference.path
    if head == "Selected" and "Selector" not in target.arguments:
        return f"{target.name} has no Selector", ""
    if head == "IterationOutputs":
        if not rest or not isinstance(rest[0], int):
            return "does not name an iteration", "write [0] after IterationOutputs"
        body = place.steps.body_of(target.name)
        if len(rest) < 2 or rest[1] not in body:
            named = str(rest[1]) if len(rest) > 1 else ""
            message = f"does not name a step in the body of {target.name}; the steps are {body.listed()}"
            return message, body.did_you_mean(named)
        if len(rest) == 2:
            return f"does not name a property of {rest[1]}", ""
    return None


_DETAILS: dict[str, Callable[[Reference, Step, _Place], Fault | None]] = {
    "Lambda": _output_parameter,
    "Callback": _output_parameter,
    "Processing": _processing_member,
    "ForEach": _loop_result,
}


def _property_file(reference: Reference, place: _Place) -> Fault | None:
    fault = unreachable_step(reference.name, place.step, place.steps)
    if fault:
        return fault
    target = place.steps[reference.name]
    name = str(reference.path[0])
    existing = place.steps.property_files(target)
    if name in existing:
        return None
    there = f"it has {existing.listed()}" if existing else "it has none"
    return f"{target.name} has no property file {name!r}; {there}", existing.did_you_mean(name)


def _current_item(reference: Reference, place: _Place) -> Fault | None:
    return None if place.step.body_of else ("is only allowed in the body of a ForEach", "")


def _iteration_output(reference: Reference, place: _Place) -> Fault | None:
    if place.step.type != "ForEach" or place.path[:3] != ("Arguments", "Selector", "Field"):
        return "is only allowed as Selector.Field of a ForEach", ""
    body = place.steps.body_of(place.step.name)
    if reference.name not in body:
        there = f"the steps are {body.listed()}"
        return f"{reference.name!r} is not a step in the body; {there}", body.did_you_mean(reference.name)
    return _nested_output(reference, place.steps[reference.name])


_CHECKS: dict[Namespace, Callable[[Reference, _Place], Fault | None]] = {
    Namespace.PARAMETER: _parameter,
    Namespace.EXECUTION: _execution,
    Namespace.EXPERIMENT: _experiment,
    Namespace.STEP: _step_output,
    Namespace.PROPERTY_FILE: _property_file,
    Namespace.CURRENT_ITEM: _current_item,
    Namespace.ITERATION_OUTPUT: _iteration_output,
}
