"""Which values a rehearsal gives to what conditions read, so that it reaches no Fail step.

A condition reads values that no job of a rehearsal computes: of property files and other JSON documents, outputs of
Lambda and Callback steps, parameters. They are free, unless the user has chosen them. The search tries, for one
Condition after the other in document order, the branches without a Fail step, the `IfSteps` first, and for each the
free values of its conditions: first those that there are, then the constants that conditions compare them with, and
values beside those. Conditions are evaluated as in a run.

Its limits: what is compared with a free value must be known before the run, or be free; a value inside a Join is not
changed for the text that it becomes; after `_MOST_EVALUATIONS` the search ends. What only the run knows is decided in
the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise, product

from airflow_sm_pipelines.definition.conditions import evaluate_conditions
from airflow_sm_pipelines.definition.expressions import Namespace, Reference, evaluate, references
from airflow_sm_pipelines.definition.json_values import Json, list_names
from airflow_sm_pipelines.definition.models import MISSING, Branch, Pipeline, Step
from airflow_sm_pipelines.definition.traversal import walk
from airflow_sm_pipelines.errors import EvaluationError, IncomparableError
from airflow_sm_pipelines.rehearsal.documents import PARAMETERS, FreeValue, ReadFile
from airflow_sm_pipelines.rehearsal.scope import ScopeBeforeRun, comparisons

_MOST_EVALUATIONS = 5_000


class _SearchTooLongError(Exception):
    """There are too many combinations of values."""


def choose_branches(
    pipeline: Pipeline, scope: ScopeBeforeRun, files: Sequence[ReadFile], fixed: frozenset[FreeValue]
) -> list[str]:
    """Set free values so that no Fail step is reached, where that is possible.

    The defaults of parameters are kept if they allow it, and else are free, too, but for what is compared with a value
    that the user has chosen: who chooses a value wants its branch.

    Args:
        pipeline: The definition.
        scope: What is known before the run; it reads the files.
        files: What the definition reads; their values are changed, as are those of the scope's parameters.
        fixed: Values that the user has chosen, of parameters, too.

    Returns:
        A sentence for each thing that the user should know of the search.
    """
    now = datetime.now(UTC).isoformat()
    scope.variables.update(StartDateTime=now, CurrentDateTime=now)
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
        for search in tries:
            if search.succeeds():
                return [*_changed(defaults, fixed), *_failing(search.failing())]
            for file, values in zip(held, before, strict=True):
                file.values.update(values)
    except _SearchTooLongError:
        for file, values in zip(held, before, strict=True):
            file.values.update(values)
        return ["the conditions have too many combinations of values to find one without a Fail step; use --value"]
    finally:
        scope.variables.pop("StartDateTime")
        scope.variables.pop("CurrentDateTime")
    return ["no values were found with which every condition can be decided; use --value"]


def _compared_with(fixed: frozenset[FreeValue], pipeline: Pipeline, scope: ScopeBeforeRun) -> set[FreeValue]:
    """What stands in a condition together with a value that the user has chosen."""
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
    """Depth first, over the Conditions in document order: outer ones before those in their branches."""

    def __init__(
        self, pipeline: Pipeline, scope: ScopeBeforeRun, fixed: frozenset[FreeValue], *, with_fail: bool
    ) -> None:
        self._pipeline = pipeline
        self._scope = scope
        self._with_fail = with_fail
        self._conditions = [step for step in pipeline.steps if step.type == "Condition"]
        self._bound = set(fixed)
        self._candidates = _candidates(self._conditions, scope)
        self._evaluations = 0

    def succeeds(self) -> bool:
        """Search; the values are as they are to be if it returns true."""
        self._scope.outcomes.clear()
        return self._solve(0)

    def failing(self) -> list[str]:
        """The Fail steps in the branches that were taken."""
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
            for _ in self._assignments(conditions, wanted):
                self._scope.outcomes[step.name] = wanted
                if self._solve(index + 1):
                    return True
                del self._scope.outcomes[step.name]
        return False

    def _is_reached(self, step: Step) -> bool:
        """Whether every branch around a step is taken, as far as that is known."""
        while step.branch is not None:
            outcome = self._scope.outcomes.get(step.branch.condition)
            if outcome is not None and outcome is not (step.branch.side == "if"):
                return False
            step = self._pipeline.step(step.branch.condition)
        return True

    def _wanted(self, step: Step) -> list[bool]:
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

    def _assignments(self, conditions: list[Json], wanted: bool) -> Iterator[None]:
        """Set the free values of conditions in ways in which they are as wanted; they are reset in the end."""
        if wanted:
            yield from self._all_hold(conditions)
            return
        for condition in conditions:
            yield from self._set([condition], wanted=False)

    def _all_hold(self, conditions: list[Json]) -> Iterator[None]:
        if not conditions:
            yield
            return
        for _ in self._set(conditions[:1], wanted=True):
            yield from self._all_hold(conditions[1:])

    def _set(self, conditions: list[Json], *, wanted: bool) -> Iterator[None]:
        found = dict.fromkeys(self._scope.free_values(conditions))
        # What comes last is changed first: parameters as late as possible.
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
            if self._holds(conditions) is wanted:
                yield
        for value, old in zip(free, before, strict=True):
            value.set(old)
        self._bound.difference_update(free)

    def _holds(self, conditions: list[Json]) -> bool | None:
        try:
            return evaluate_conditions(conditions, self._scope)
        except (EvaluationError, IncomparableError):
            return None


def _candidates(conditions: Sequence[Step], scope: ScopeBeforeRun) -> Mapping[FreeValue, list[Json]]:
    """What to try for each free value: what it is compared with, and values beside it."""
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
    """Constants, then values less than, between and greater than them; other texts; both booleans."""
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
