"""Chooses values for what conditions read, so that a rehearsal reaches no Fail step.

A condition reads values that no job of a rehearsal computes: values of property files and other JSON documents,
outputs of Lambda and Callback steps, parameters. Such a value is free unless the user has chosen it. The search goes
through the Conditions in document order and tries the branches without a Fail step, the `IfSteps` first. For each
branch it tries the free values of the conditions: the present ones, then the constants that conditions compare them
with, then values beside those. Conditions are evaluated as in a run.

Limits: what a free value is compared with must be known before the run, or be free. A value inside a Join is not
changed for the sake of the joined text. After `_MOST_EVALUATIONS` the search ends. What only the run knows is decided
in the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise, product
from types import MappingProxyType

from airflow_sm_pipelines.definition.conditions import evaluate_conditions
from airflow_sm_pipelines.definition.expressions import Namespace, Reference, evaluate, references
from airflow_sm_pipelines.definition.json_values import Json, list_names
from airflow_sm_pipelines.definition.models import MISSING, Branch, Pipeline, Step
from airflow_sm_pipelines.definition.traversal import walk
from airflow_sm_pipelines.errors import EvaluationError, IncomparableError
from airflow_sm_pipelines.rehearsal.documents import PARAMETERS, FreeValue, ReadFile
from airflow_sm_pipelines.rehearsal.scope import ScopeBeforeRun, comparisons
from airflow_sm_pipelines.semantics.execution_variables import execution_time

_MOST_EVALUATIONS = 5_000


class _SearchTooLongError(Exception):
    """There are too many combinations of values."""


def choose_branches(
    pipeline: Pipeline, scope: ScopeBeforeRun, files: Sequence[ReadFile], fixed: frozenset[FreeValue]
) -> list[str]:
    """Set free values so that no Fail step is reached, if that is possible.

    The defaults of parameters are kept if they allow it; otherwise they are free, too. A default stays if it is
    compared with a value that the user has chosen, since that choice is one of a branch.

    Args:
        pipeline: The definition.
        scope: What is known before the run, the files included.
        files: The files that the definition reads; this changes their values and those of the scope's parameters.
        fixed: Values that the user has chosen, those of parameters included.

    Returns:
        A note for each thing that the user should know about the search.
    """
    defaults = {
        scope.parameter_value(parameter.name): parameter.default
        for parameter in pipeline.parameters
        if parameter.default is not MISSING
    }
    tries = (
        _Search(pipeline, scope, fixed | defaults.keys(), with_fail=False),
        _Search(pipeline, scope, fixed | _compared_with(fixed, pipeline, scope), with_fail=False),
        _Search(pipeline, scope, fixed | defaults.keys(), with_fail=True),
    )
    held = [*files, scope.parameters]
    before = [dict(file.values) for file in held]
    try:
        with _times_known(scope):
            for search in tries:
                if search.succeeds():
                    return [*_changed(defaults, fixed), *_failing(search.failing())]
                for file, values in zip(held, before, strict=True):
                    file.values.update(values)
    except _SearchTooLongError:
        for file, values in zip(held, before, strict=True):
            file.values.update(values)
        return ["the conditions have too many combinations of values to find one without a Fail step; use --value"]
    return ["no values were found with which every condition can be decided; use --value"]


def lead_to(
    pipeline: Pipeline,
    scope: ScopeBeforeRun,
    files: Sequence[ReadFile],
    fixed: frozenset[FreeValue],
    outcomes: Mapping[str, bool],
) -> bool:
    """Set free values so that Conditions have certain outcomes; tell whether that is possible.

    The defaults of parameters are kept if they allow it. A Fail step may be reached.

    Args:
        pipeline: The definition.
        scope: What is known before the run, the files included; its ``outcomes`` are set.
        files: The files that the definition reads; this changes their values and those of the scope's parameters.
        fixed: Values that are not to be changed.
        outcomes: Name of a Condition -> its outcome; with it, every Condition around it.
    """
    defaults = {scope.parameter_value(one.name) for one in pipeline.parameters if one.default is not MISSING}
    held = [*files, scope.parameters]
    before = [dict(file.values) for file in held]
    with _times_known(scope):
        for bound in (fixed | defaults, fixed):
            search = _Search(pipeline, scope, bound, with_fail=True, wanted=outcomes)
            try:
                if search.succeeds() and all(scope.outcomes.get(name) is one for name, one in outcomes.items()):
                    return True
            except _SearchTooLongError:
                pass
            for file, values in zip(held, before, strict=True):
                file.values.update(values)
    return False


@contextmanager
def _times_known(scope: ScopeBeforeRun) -> Iterator[None]:
    """Let the times of the execution have a value in the block."""
    now = execution_time(datetime.now(UTC))
    scope.variables.update(StartDateTime=now, CurrentDateTime=now)
    try:
        yield
    finally:
        scope.variables.pop("StartDateTime")
        scope.variables.pop("CurrentDateTime")


def _compared_with(fixed: frozenset[FreeValue], pipeline: Pipeline, scope: ScopeBeforeRun) -> set[FreeValue]:
    """Return the free values of all conditions that also read a value that the user has chosen."""
    found: set[FreeValue] = set()
    for step in pipeline.steps:
        conditions = step.arguments["Conditions"] if step.type == "Condition" else []
        for condition in conditions if isinstance(conditions, list) else ():
            values = set(scope.free_values([condition]))
            if values & fixed:
                found |= values
    return found


def _changed(defaults: Mapping[FreeValue, Json], fixed: frozenset[FreeValue]) -> Iterator[str]:
    for value, default in defaults.items():
        if value not in fixed and not _same(value.get(), default):
            new, old = (json.dumps(one, ensure_ascii=False) for one in (value.get(), default))
            name = value.path[0]
            yield f"parameter {name} is {new} instead of its default {old}, with which a Fail step is reached"


def _failing(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    noun = "Fail step" if len(names) == 1 else "Fail steps"
    return [f"no values were found that lead past the {noun} {list_names(names)}; use --value or --parameters"]


class _Search:
    """A depth-first search over the Conditions in document order: outer ones before those in their branches."""

    def __init__(
        self,
        pipeline: Pipeline,
        scope: ScopeBeforeRun,
        fixed: frozenset[FreeValue],
        *,
        with_fail: bool,
        wanted: Mapping[str, bool] = MappingProxyType({}),
    ) -> None:
        self._pipeline = pipeline
        self._scope = scope
        self._with_fail = with_fail
        self._wanted_outcomes = wanted
        relevant = _conditions_behind(wanted, pipeline) if wanted else None
        self._conditions = [
            step for step in pipeline.steps if step.type == "Condition" and (relevant is None or step.name in relevant)
        ]
        self._bound = set(fixed)
        self._candidates = _candidates(self._conditions, scope)
        self._evaluations = 0

    def succeeds(self) -> bool:
        """Search; tell whether the values now fulfil all conditions."""
        self._scope.outcomes.clear()
        return self._solve(0)

    def failing(self) -> list[str]:
        """Return the Fail steps in the branches that were taken."""
        return [
            step.name
            for step in self._pipeline.steps
            if step.type == "Fail"
            and step.branch is not None
            and step.branch.condition in self._scope.outcomes
            and self._is_reached(step)
        ]

    def _solve(self, index: int) -> bool:
        if index == len(self._conditions):
            return True
        step = self._conditions[index]
        if not self._is_reached(step):
            return self._solve(index + 1)
        conditions = step.arguments["Conditions"]
        if not isinstance(conditions, list) or not self._is_known(conditions):
            return self._solve(index + 1)
        for wanted in self._wanted(step):
            goals = [(condition, wanted) for condition in conditions]
            # The `IfSteps` need all conditions to hold; one that does not is enough for the `ElseSteps`.
            for alternative in [goals] if wanted else [[goal] for goal in goals]:
                if self._fulfil(alternative, partial(self._go_on, index, wanted)):
                    return True
        return False

    def _go_on(self, index: int, outcome: bool) -> bool:
        """Solve the Conditions after one with this outcome."""
        name = self._conditions[index].name
        self._scope.outcomes[name] = outcome
        if self._solve(index + 1):
            return True
        del self._scope.outcomes[name]
        return False

    def _fulfil(self, goals: Sequence[tuple[Json, bool]], go_on: Callable[[], bool]) -> bool:
        """Tell whether each condition can be made as wanted so that the search can go on; if so, the values are set."""
        if not goals:
            return go_on()
        condition, wanted = goals[0]
        return any(
            self._holds(condition) is wanted and self._fulfil(goals[1:], go_on) for _ in self._settings(condition)
        )

    def _is_reached(self, step: Step) -> bool:
        """Tell whether every branch around a step is taken, as far as that is known."""
        while step.branch is not None:
            outcome = self._scope.outcomes.get(step.branch.condition)
            if outcome is not None and outcome is not (step.branch.side == "if"):
                return False
            step = self._pipeline.step(step.branch.condition)
        return True

    def _wanted(self, step: Step) -> list[bool]:
        if step.name in self._wanted_outcomes:
            return [self._wanted_outcomes[step.name]]
        failing = {one.branch for one in self._pipeline.steps if one.type == "Fail"}
        outcomes = [True, False]
        return [
            outcome
            for with_fail in ((False, True) if self._with_fail else (False,))
            for outcome in outcomes
            if (Branch(step.name, "if" if outcome else "else") in failing) is with_fail
        ]

    def _is_known(self, conditions: list[Json]) -> bool:
        if any(self._is_of_the_run(found) for _, found in references(conditions)):
            return False
        try:
            evaluate_conditions(conditions, self._scope)
        except EvaluationError:
            return False
        except IncomparableError:
            return True
        return True

    def _is_of_the_run(self, found: Reference) -> bool:
        if found.namespace is Namespace.EXECUTION:
            return found.name not in self._scope.variables
        return found.namespace is Namespace.EXPERIMENT

    def _settings(self, condition: Json) -> Iterator[None]:
        """Set the free values of a condition in each possible way; after the last, as they were."""
        found = dict.fromkeys(self._scope.free_values([condition]))
        # `product` changes the last one first: parameters as late as possible.
        free = sorted((value for value in found if value not in self._bound), key=lambda one: one.place != PARAMETERS)
        before = [value.get() for value in free]
        self._bound.update(free)
        choices = [
            [old, *(new for new in self._candidates.get(value, ()) if not _same(new, old))]
            for value, old in zip(free, before, strict=True)
        ]
        for chosen in product(*choices):
            self._evaluations += 1
            if self._evaluations > _MOST_EVALUATIONS:
                raise _SearchTooLongError
            for value, new in zip(free, chosen, strict=True):
                value.set(new)
            yield
        for value, old in zip(free, before, strict=True):
            value.set(old)
        self._bound.difference_update(free)

    def _holds(self, condition: Json) -> bool | None:
        try:
            return evaluate_conditions([condition], self._scope)
        except (EvaluationError, IncomparableError):
            return None


def _conditions_behind(names: Iterable[str], pipeline: Pipeline) -> set[str]:
    """Return Conditions with those around them and those whose Outcome they read."""
    behind: set[str] = set()
    pending = list(names)
    while pending:
        step = pipeline.step(pending.pop())
        if step.name in behind:
            continue
        behind.add(step.name)
        pending += [step.branch.condition] if step.branch is not None else []
        pending += [found.name for _, found in references(step.arguments["Conditions"]) if found.is_outcome]
    return behind


def _candidates(conditions: Sequence[Step], scope: ScopeBeforeRun) -> Mapping[FreeValue, list[Json]]:
    """Return what to try for each free value: what it is compared with, and values beside that."""
    constants: dict[FreeValue, list[Json]] = {}
    for step in conditions:
        for _, condition in walk(step.arguments["Conditions"]):
            if not isinstance(condition, dict):
                continue
            for operand, others in comparisons(condition):
                value = scope.free_value(operand)
                if value is not None:
                    constants.setdefault(value, []).extend(_known(others, scope))
    return {
        value: [one for one in (*value.allowed(), *_around(found)) if value.takes(one)]
        for value, found in constants.items()
    }


def _known(operands: Sequence[Json], scope: ScopeBeforeRun) -> Iterator[Json]:
    for operand in operands:
        try:
            yield evaluate(operand, scope)
        except EvaluationError:
            continue


def _around(constants: Sequence[Json]) -> list[Json]:
    """Return the constants, then values below, between and above them, other texts, and both booleans."""
    numbers = sorted({one for one in constants if isinstance(one, (int, float)) and not isinstance(one, bool)})
    texts = list(dict.fromkeys(one for one in constants if isinstance(one, str)))
    booleans = any(isinstance(one, bool) for one in constants)
    found: list[Json] = [*numbers]
    found += [step for one in numbers for step in (one - 1, one + 1)]
    found += [(low + high) / 2 for low, high in pairwise(numbers)]
    found += [*texts, *(f"other than {one}" for one in texts)]
    return [*found, True, False] if booleans else found


def _same(one: Json, other: Json) -> bool:
    return type(one) is type(other) and one == other
