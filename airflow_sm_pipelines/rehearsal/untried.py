"""Names the steps that a rehearsal or a plan leaves out, and looks for the arguments with which they would run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeAlias, cast

from airflow_sm_pipelines.definition.conditions import evaluate_conditions
from airflow_sm_pipelines.definition.expressions import Namespace, references
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Pipeline, Step, Trigger
from airflow_sm_pipelines.definition.paths import format_path
from airflow_sm_pipelines.errors import EvaluationError, IncomparableError
from airflow_sm_pipelines.preview.untried import UntriedSteps
from airflow_sm_pipelines.rehearsal.choices import lead_to
from airflow_sm_pipelines.rehearsal.chosen_values import ChosenValues, GivenByUser, choose, choose_for
from airflow_sm_pipelines.rehearsal.documents import PARAMETERS, FreeValue
from airflow_sm_pipelines.rehearsal.outcomes import OUTCOMES
from airflow_sm_pipelines.rehearsal.placeholders import Value, rehearsal_parameters
from airflow_sm_pipelines.rehearsal.scope import ScopeBeforeRun
from airflow_sm_pipelines.rehearsal.step_states import State

_Outcomes: TypeAlias = "tuple[tuple[str, bool], ...]"
"""Condition -> the outcome that a step needs, from the outermost Condition around it to the innermost."""

_OUTCOME_FOR: Mapping[Trigger, str] = {Trigger.FAILED: "failed", Trigger.STOPPED: "stopped"}
_MOST_TRIED = 30
_REASON = {"failed": ":rehearsed", "stopped": ""}


def untried_steps(
    pipeline: Pipeline, states: Mapping[str, State], given: GivenByUser, chosen: ChosenValues
) -> list[UntriedSteps]:
    """Return the steps that a rehearsal has skipped; those with one reason together.

    Args:
        pipeline: The definition.
        states: How each step ended.
        given: What the user has chosen.
        chosen: The values of the rehearsal.
    """
    skipped = [step for step in pipeline.steps if states[step.name] == "skipped"]
    found: list[UntriedSteps] = []
    waiting: list[Step] = []
    for outcomes, steps in groupby(skipped, key=lambda step: _outcomes_around(step, pipeline)):
        group = tuple(steps)
        names = tuple(step.name for step in group)
        missed = _missed(outcomes, chosen.scope.outcomes)
        if missed:
            arguments = _arguments(pipeline, given, chosen, outcomes)
            found.append(UntriedSteps(names, _because(missed, arguments), arguments))
        elif any(name not in chosen.scope.outcomes for name, _ in outcomes):
            found.append(UntriedSteps(names, "the other branch was taken, for values that only the run knows"))
        else:
            waiting += group
    return _with_waiting(_together(found), waiting, pipeline)


def _together(found: Iterable[UntriedSteps]) -> list[UntriedSteps]:
    """Join what has one reason and one remedy."""
    joined: dict[tuple[str, tuple[str, ...]], UntriedSteps] = {}
    for one in found:
        key = (one.because, one.arguments)
        joined[key] = replace(one, steps=(*joined[key].steps, *one.steps)) if key in joined else one
    return list(joined.values())


def _with_waiting(found: list[UntriedSteps], waiting: Iterable[Step], pipeline: Pipeline) -> list[UntriedSteps]:
    """Add the steps outside of such branches: they wait for others that did not run, or not end as they should."""
    edges = {plan.step.name: plan.edges for plan in pipeline.plans}
    types = {step.name: step.type for step in pipeline.steps}
    for step in waiting:
        reasons = {edge.upstream: edge.trigger for edge in edges[step.name] if edge.trigger in _OUTCOME_FOR}
        before = next(
            (i for i, one in enumerate(found) for edge in edges[step.name] if edge.upstream in one.steps), None
        )
        if before is not None:
            found[before] = replace(found[before], steps=(*found[before].steps, step.name))
        elif reasons:
            found.append(_of_triggers(step.name, reasons, types))
        else:
            found.append(UntriedSteps((step.name,), "it was skipped"))
    return found


def _of_triggers(name: str, reasons: Mapping[str, Trigger], types: Mapping[str, str]) -> UntriedSteps:
    wanted = {upstream: _OUTCOME_FOR[trigger] for upstream, trigger in reasons.items()}
    because = "it runs only if " + " and ".join(f"{upstream} is {outcome}" for upstream, outcome in wanted.items())
    because = because.replace(" is failed", " fails")
    if not all(outcome in OUTCOMES.get(types[upstream], ()) for upstream, outcome in wanted.items()):
        return UntriedSteps((name,), because)
    outcomes = (f"{upstream}={outcome}{_REASON[outcome]}" for upstream, outcome in wanted.items())
    return UntriedSteps((name,), because, ("--outcome", *outcomes))


def unplanned_steps(pipeline: Pipeline, parameters: Mapping[str, Value]) -> list[UntriedSteps]:
    """Return the steps in branches that certain values of parameters do not take, whatever else happens.

    Args:
        pipeline: The definition.
        parameters: Given values, in their own types; the others have their default.
    """
    decided = _decided(pipeline, parameters)
    found = []
    for outcomes, steps in groupby(pipeline.steps, key=lambda step: _outcomes_around(step, pipeline)):
        missed = _missed(outcomes, decided)
        if missed:
            known = tuple((name, wanted) for name, wanted in outcomes if name in decided)
            names = tuple(step.name for step in steps)
            arguments = _parameters_for(pipeline, parameters, known)
            found.append(UntriedSteps(names, _because(missed, arguments), arguments))
    return _together(found)


def _parameters_for(pipeline: Pipeline, parameters: Mapping[str, Value], outcomes: _Outcomes) -> tuple[str, ...]:
    """Return the arguments of ``plan`` with which these Conditions, which read only parameters, have these outcomes."""
    before, _ = rehearsal_parameters(pipeline, parameters)
    scope = ScopeBeforeRun(pipeline, before)
    given = frozenset(scope.parameter_value(name) for name in parameters)
    if not any(lead_to(pipeline, scope, (), fixed, dict(outcomes)) for fixed in (given, frozenset())):
        return ()
    values = (scope.parameter_value(name) for name in before)
    return _as_arguments([value for value in values if not _same(before[str(value.path[0])], value.get())])


def _decided(pipeline: Pipeline, parameters: Mapping[str, Value]) -> dict[str, bool]:
    """Return the outcomes of the Conditions that given values and defaults of parameters alone decide."""
    known, placeholders = rehearsal_parameters(pipeline, parameters)
    scope = ScopeBeforeRun(pipeline, known)
    for step in pipeline.steps:
        conditions = step.arguments.get("Conditions") if step.type == "Condition" else None
        if isinstance(conditions, list) and _needs_only_parameters(conditions, known.keys() - set(placeholders)):
            try:
                scope.outcomes[step.name] = evaluate_conditions(conditions, scope)
            except (EvaluationError, IncomparableError):  # the step fails in the run, and says why
                continue
    return scope.outcomes


def _needs_only_parameters(conditions: list[Json], names: set[str]) -> bool:
    return all(found.namespace is Namespace.PARAMETER and found.name in names for _, found in references(conditions))


# -- branches ----------------------------------------------------------------------------------------------------------


def _outcomes_around(step: Step, pipeline: Pipeline) -> _Outcomes:
    outcomes: list[tuple[str, bool]] = []
    while step.branch is not None or step.body_of is not None:
        if step.branch is not None:
            outcomes.insert(0, (step.branch.condition, step.branch.side == "if"))
        step = pipeline.step(step.branch.condition if step.branch is not None else str(step.body_of))
    return tuple(outcomes)


def _missed(outcomes: _Outcomes, actual: Mapping[str, bool]) -> tuple[str, bool] | None:
    """Return the outermost Condition that has another outcome than a step needs, and the outcome that it has."""
    return next(((name, actual[name]) for name, wanted in outcomes if actual.get(name, wanted) is not wanted), None)


def _because(missed: tuple[str, bool], arguments: tuple[str, ...]) -> str:
    nothing = "" if arguments else ", and no values were found with which it is not"
    return f"{missed[0]} is {str(missed[1]).lower()}{nothing}"


# -- arguments ---------------------------------------------------------------------------------------------------------


def _arguments(pipeline: Pipeline, given: GivenByUser, chosen: ChosenValues, outcomes: _Outcomes) -> tuple[str, ...]:
    """Return arguments of ``rehearse`` that were tried out: with them, these Conditions have these outcomes."""
    other = choose_for(pipeline, given, dict(outcomes))
    if other is None:
        return ()
    before, now = chosen.values(), other.values()
    changed = [value for value, new in now.items() if value not in before or not _same(before[value], new)]
    # The search may choose values that were not given again: if that leads elsewhere, all that is compared is given.
    compared = [value for value in _compared(pipeline, other, outcomes) if value not in changed]
    for values in (changed, [*changed, *compared]):
        if _lead_there(pipeline, _also_given(given, values), outcomes):
            return _as_arguments(
                _fewest(values, lambda some: _lead_there(pipeline, _also_given(given, some), outcomes))
            )
    return ()


def _fewest(values: Sequence[FreeValue], suffice: Callable[[Sequence[FreeValue]], bool]) -> list[FreeValue]:
    """Leave out one value after the other that is not needed."""
    needed = list(values)
    for value in values[:_MOST_TRIED]:
        fewer = [one for one in needed if one != value]
        if fewer and suffice(fewer):
            needed = fewer
    return needed


def _compared(pipeline: Pipeline, chosen: ChosenValues, outcomes: _Outcomes) -> Iterator[FreeValue]:
    for name, _ in outcomes:
        yield from dict.fromkeys(chosen.scope.free_values(pipeline.step(name).arguments["Conditions"]))


def _lead_there(pipeline: Pipeline, given: GivenByUser, outcomes: _Outcomes) -> bool:
    actual = choose(pipeline, given).scope.outcomes
    return all(actual.get(name) is wanted for name, wanted in outcomes)


def _also_given(given: GivenByUser, values: Sequence[FreeValue]) -> GivenByUser:
    parameters = _parameters_of(values)
    assignments = tuple(_assignment(value) for value in values if value.place != PARAMETERS)
    return replace(given, parameters={**given.parameters, **parameters}, assignments=(*given.assignments, *assignments))


def _parameters_of(values: Sequence[FreeValue]) -> dict[str, Value]:
    return {str(value.path[0]): cast("Value", value.get()) for value in values if value.place == PARAMETERS}


def _as_arguments(values: Sequence[FreeValue]) -> tuple[str, ...]:
    parameters = [f"{value.path[0]}={_parameter_text(value.get())}" for value in values if value.place == PARAMETERS]
    assignments = [_assignment(value) for value in values if value.place != PARAMETERS]
    return (
        *(("--parameters", *parameters) if parameters else ()),
        *(("--value", *assignments) if assignments else ()),
    )


def _parameter_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _assignment(value: FreeValue) -> str:
    return f"{format_path(value.path, value.file.names[0])}={json.dumps(value.get(), ensure_ascii=False)}"


def _same(one: Json, other: Json) -> bool:
    return type(one) is type(other) and one == other
