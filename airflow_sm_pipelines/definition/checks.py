"""The rules of the language that span more than one place: names, dependencies, loops, cycles.

`reading` has recorded what is wrong with each place by itself; `reference_checks` has the rules for references.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from airflow_sm_pipelines.definition.graph import cleaned_up_steps, find_cycles
from airflow_sm_pipelines.definition.known_steps import KnownSteps
from airflow_sm_pipelines.definition.models import Pipeline, Step
from airflow_sm_pipelines.definition.reference_checks import check_references, unreachable_step
from airflow_sm_pipelines.definition.step_types import TYPES_OUTSIDE_LOOPS
from airflow_sm_pipelines.errors import DefinitionError

_MOST_STEPS_NAMED = 12


def check(pipeline: Pipeline) -> Iterator[DefinitionError]:
    """Yield every violation of a rule that spans more than one place of a definition.

    Args:
        pipeline: A pipeline as `read_pipeline` returns it, complete or not.
    """
    steps = KnownSteps(pipeline.steps)
    for rule in _RULES:
        yield from rule(pipeline, steps)


def _unique_names(pipeline: Pipeline, steps: KnownSteps) -> Iterator[DefinitionError]:
    """Check that names are unique: steps across branches and bodies, parameters, property files in a step."""
    yield from _repeated(((step.name, f"{step.path}.Name") for step in pipeline.steps), "step")
    yield from _repeated(((entry.name, f"{entry.path}.Name") for entry in pipeline.parameters), "parameter")
    for step in pipeline.steps:
        files = ((entry.name, f"{entry.path}.PropertyFileName") for entry in step.property_files)
        yield from _repeated(files, "property file")


def _repeated(named: Iterable[tuple[str, str]], noun: str) -> Iterator[DefinitionError]:
    first: dict[str, str] = {}
    for name, path in named:
        if first.setdefault(name, path) != path:
            yield DefinitionError(path, f"duplicate {noun} name {name!r}, first used at {first[name]}")


def _dependencies(pipeline: Pipeline, steps: KnownSteps) -> Iterator[DefinitionError]:
    """Check that DependsOn names other steps that exist and can be waited for, each with one trigger."""
    for step in pipeline.steps:
        triggers: dict[str, str] = {}
        for entry in step.depends_on:
            fault = unreachable_step(entry.step, step, steps)
            if fault:
                yield DefinitionError(entry.path, *fault)
            if triggers.setdefault(entry.step, entry.trigger) != entry.trigger:
                message = f"DependsOn names {entry.step} with two triggers, {triggers[entry.step]} and {entry.trigger}"
                yield DefinitionError(entry.path, message, "use one entry with the trigger Any")
        for path, name in cleaned_up_steps(step):
            fault = unreachable_step(name, step, steps) if isinstance(name, str) else None
            if fault:
                yield DefinitionError(f"{step.path}.{path}", *fault)


def _property_files(pipeline: Pipeline, steps: KnownSteps) -> Iterator[DefinitionError]:
    """Check that the output of a property file is an output of its step (developer guide, "Property files")."""
    for step in pipeline.steps:
        outputs = steps.literal_names(step, ("ProcessingOutputConfig", "Outputs")) if step.property_files else None
        for entry in step.property_files if outputs is not None else ():
            if outputs is not None and entry.output_name and entry.output_name not in outputs:
                message = f"the step has no output {entry.output_name!r}"
                hint = outputs.did_you_mean(entry.output_name)
                yield DefinitionError(f"{entry.path}.OutputName", message, hint)


def _function_steps(pipeline: Pipeline, steps: KnownSteps) -> Iterator[DefinitionError]:
    """Check that no ``@step`` function is cached (developer guide, "@step", limitations).

    Such a step has no property files either, but no Training step has.
    """
    for step in pipeline.steps:
        if step.cache_config and step.cache_config.enabled and _is_function_step(step):
            message = f"{step.name} is an @step function; these cannot be cached"
            yield DefinitionError(f"{step.path}.CacheConfig", message, "remove CacheConfig")


def _is_function_step(step: Step) -> bool:
    """Tell whether a Training step runs a function (SDK: ``workflow.function_step``, ``remote_function.job``)."""
    algorithm = step.arguments.get("AlgorithmSpecification") if step.type == "Training" else None
    arguments = algorithm.get("ContainerArguments") if isinstance(algorithm, dict) else None
    entrypoint = algorithm.get("ContainerEntrypoint") if isinstance(algorithm, dict) else None
    return (
        isinstance(arguments, list)
        and "--pipeline_step_name" in arguments
        and isinstance(entrypoint, list)
        and any(isinstance(part, str) and "sagemaker_remote_function_bootstrap" in part for part in entrypoint)
    )


def _loops(pipeline: Pipeline, steps: KnownSteps) -> Iterator[DefinitionError]:
    """Check that a loop body has no Condition, Fail or ForEach, and that no step has the name of an iteration."""
    body_names = {step.name for step in pipeline.steps if step.body_of}
    for step in pipeline.steps:
        if step.body_of and step.type in TYPES_OUTSIDE_LOOPS:
            message = f"a {step.type} step is not allowed in the body of a ForEach"
            yield DefinitionError(f"{step.path}.Type", message, f"move it out of {step.body_of}")
        iteration = body_names and re.fullmatch(r"(.+)-[0-9]+", step.name, re.DOTALL)
        if iteration and iteration[1] in body_names:
            message = f"{step.name!r} is reserved for an iteration of the loop step {iteration[1]!r}"
            yield DefinitionError(
                f"{step.path}.Name", message, "choose a name that does not end in a hyphen and digits"
            )


def _no_cycles(pipeline: Pipeline, steps: KnownSteps) -> Iterator[DefinitionError]:
    """Check that no step waits, directly or indirectly, for itself."""
    position = {name: index for index, name in enumerate(steps)}
    for cycle in find_cycles(pipeline.plans):
        # A step that names itself has been recorded where it does so.
        if len(cycle) > 1:
            start = min(range(len(cycle)), key=lambda index: position[cycle[index]])
            names = [*cycle[start:], *cycle[:start]]
            more = len(names) - _MOST_STEPS_NAMED
            shown = [*names[:_MOST_STEPS_NAMED], *([f"({more} more)"] if more > 0 else [])]
            message = f"circular dependency: {' -> '.join([*shown, names[0]])}"
            yield DefinitionError(steps[names[0]].path, message, "each step waits for the next one")


_RULES: tuple[Callable[[Pipeline, KnownSteps], Iterator[DefinitionError]], ...] = (
    _unique_names,
    check_references,
    _dependencies,
    _property_files,
    _function_steps,
    _loops,
    _no_cycles,
)
