"""Conditions: how a Condition step chooses a branch.

The list of a step is a conjunction; ``[]`` is true. First every operand is evaluated, and one without a value fails the
step wherever it stands; comparing then stops at the first condition that decides. Integers and floats are one type,
*number*. ``Equals`` and the orderings fail on operands of different types, the orderings also on types without an order
(booleans, null); strings compare lexicographically; ``In`` is plain membership. Source: `sagemaker.workflow.conditions`
and the SDK's local executor.

One leniency: the service renders a Condition's ``Outcome`` as ``true``, and definitions compare it with ``true``,
``"true"`` and ``"True"`` alike. Where one operand *is* a reference to an Outcome, the texts ``true`` and ``false``, in
any case, count as booleans on both sides; nowhere else.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from airflow_sm_pipelines.definition.expressions import (
    Expression,
    JsonGet,
    Reference,
    Scope,
    evaluate,
    is_expression,
    parse_expression,
)
from airflow_sm_pipelines.definition.json_values import Json, JsonObject, describe, list_names
from airflow_sm_pipelines.definition.paths import Path, format_path
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import EvaluationError, IncomparableError

# Condition type -> its members beside Type.
CONDITION_MEMBERS: dict[str, tuple[str, ...]] = {
    "Equals": ("LeftValue", "RightValue"),
    "GreaterThan": ("LeftValue", "RightValue"),
    "GreaterThanOrEqualTo": ("LeftValue", "RightValue"),
    "LessThan": ("LeftValue", "RightValue"),
    "LessThanOrEqualTo": ("LeftValue", "RightValue"),
    "In": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "Or": ("Conditions",),
}

# Types that the stale published schema has and no SDK has ever written.
_INSTEAD = {
    "NotEquals": 'write {"Type": "Not", "Condition": {"Type": "Equals", ...}}',
    "NotIn": 'write {"Type": "Not", "Condition": {"Type": "In", ...}}',
    "And": "all entries of Conditions must hold; inside an Or, write Not of Or of Nots",
}

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_SIGNS = {"Equals": "=", "GreaterThan": ">", "GreaterThanOrEqualTo": ">=", "LessThan": "<", "LessThanOrEqualTo": "<="}
_ORDERED_TYPES = ("a number", "a string")
_BOOLEAN_TEXTS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison, evaluated.

    Attributes:
        name: What it refers to: ``MaxMse`` for a parameter, ``Train.TrainingJobStatus`` for a property,
            ``Eval.Report.mse.value`` for a value of a property file; ``""`` for a literal and for a joined text.
        value: Its value.
        is_outcome: Whether it is a reference to the Outcome of a Condition.
    """

    name: str
    value: Json
    is_outcome: bool = False


Show: TypeAlias = Callable[[Operand], str]
"""Returns an operand as it stands in a sentence."""


def name_and_value(operand: Operand) -> str:
    """Return an operand as name and value: ``MaxMse 4000``."""
    value = json.dumps(operand.value, ensure_ascii=False)
    return f"{operand.name} {value}" if operand.name else value


@dataclass(frozen=True, slots=True)
class DecidedCondition:
    """One entry of the ``Conditions`` of a step, with the values that it compared.

    Attributes:
        holds: Whether it holds; ``None`` if it was not compared, since one before it does not hold.
        words: Returns the condition in words, given how to show an operand.
    """

    holds: bool | None
    words: Callable[[Show], str]

    def in_words(self, show: Show = name_and_value) -> str:
        """Return the condition and its outcome: ``Mse 3417.3 <= MaxMse 4000: true``.

        Args:
            show: Returns an operand in words; for a log in which secrets must not stand.
        """
        outcome = "not compared" if self.holds is None else str(self.holds).lower()
        return f"{self.words(show)}: {outcome}"


def decide_conditions(conditions: Sequence[Json], scope: Scope) -> list[DecidedCondition]:
    """Return each condition as it was decided; all hold unless one has ``holds`` false.

    Args:
        conditions: The list ``Conditions`` of a Condition step, well-formed (see `condition_faults`).
        scope: Where the operands' values come from.

    Raises:
        EvaluationError: An operand has no value; its path starts with ``Conditions``.
        IncomparableError: Operands have different types, or types without an order; its path, likewise.
    """
    decisions = [_decision(condition, scope, ("Conditions", index)) for index, condition in enumerate(conditions)]
    decided: list[DecidedCondition] = []
    goes_on = True
    for decision in decisions:
        holds = decision.holds() if goes_on else None
        goes_on = goes_on and holds is not False
        decided.append(DecidedCondition(holds, decision.words))
    return decided


def evaluate_conditions(conditions: Sequence[Json], scope: Scope) -> bool:
    """Tell whether all conditions hold; later ones are not compared once one does not.

    Arguments and errors are those of `decide_conditions`.
    """
    return all(decided.holds for decided in decide_conditions(conditions, scope))


class _Decision(NamedTuple):
    """A condition whose operands have been evaluated: compares them, and tells them in words."""

    holds: Callable[[], bool]
    words: Callable[[Show], str]


def _decision(condition: Json, scope: Scope, path: Path) -> _Decision:
    """Evaluate all operands of a condition, and return the comparison of them."""
    members = condition if isinstance(condition, dict) else {}
    condition_type = str(members["Type"])
    return _DECISIONS[condition_type](condition_type, members, scope, path)


def _comparison(condition_type: str, condition: JsonObject, scope: Scope, path: Path) -> _Decision:
    left, right = (_operand(condition[name], scope, (*path, name)) for name in ("LeftValue", "RightValue"))
    return _Decision(
        lambda: _compare(condition_type, left, right, path),
        lambda show: f"{show(left)} {_SIGNS[condition_type]} {show(right)}",
    )


def _membership(condition_type: str, condition: JsonObject, scope: Scope, path: Path) -> _Decision:
    query = _operand(condition["QueryValue"], scope, (*path, "QueryValue"))
    elements = [_operand(one, scope, (*path, "Values", i)) for i, one in enumerate(_list(condition["Values"]))]
    return _Decision(
        lambda: any(_is_same(query, element) for element in elements),
        lambda show: f"{show(query)} in [{', '.join(show(element) for element in elements)}]",
    )


def _negation(condition_type: str, condition: JsonObject, scope: Scope, path: Path) -> _Decision:
    negated = _decision(condition["Condition"], scope, (*path, "Condition"))
    is_grouped = condition["Condition"]["Type"] == "Or" if isinstance(condition["Condition"], dict) else False
    form = "not {}" if is_grouped else "not ({})"
    return _Decision(lambda: not negated.holds(), lambda show: form.format(negated.words(show)))


def _disjunction(condition_type: str, condition: JsonObject, scope: Scope, path: Path) -> _Decision:
    conditions = _list(condition["Conditions"])
    alternatives = [_decision(one, scope, (*path, "Conditions", index)) for index, one in enumerate(conditions)]
    return _Decision(
        lambda: any(alternative.holds() for alternative in alternatives),
        lambda show: f"({' or '.join(alternative.words(show) for alternative in alternatives)})",
    )


_DECISIONS: dict[str, Callable[[str, JsonObject, Scope, Path], _Decision]] = {
    **dict.fromkeys(_COMPARISONS, _comparison),
    "In": _membership,
    "Not": _negation,
    "Or": _disjunction,
}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _operand(operand: Json, scope: Scope, path: Path) -> Operand:
    expression = parse_expression(operand)
    try:
        value = evaluate(operand, scope)
    except EvaluationError as error:
        place = format_path(path) + (f".{error.path}" if error.path else "")
        raise EvaluationError(error.reference, error.reason, place) from error
    return Operand(_name_of(expression), value, isinstance(expression, Reference) and expression.is_outcome)


def _name_of(expression: Expression | None) -> str:
    """Return what an operand refers to, without the namespace that most references have."""
    if isinstance(expression, JsonGet):
        source = expression.source
        file = f"{source.name}.{source.path[0]}" if isinstance(source, Reference) else "Std:JsonGet"
        return format_path(expression.path, file)
    if not isinstance(expression, Reference):
        return ""
    return expression.text.removeprefix("Parameters.").removeprefix("Steps.")


def _compare(condition_type: str, left_operand: Operand, right_operand: Operand, path: Path) -> bool:
    left, right = _pair(left_operand, right_operand)
    left_type, right_type = _type_of(left), _type_of(right)
    if left_type != right_type:
        raise IncomparableError(
            f"{condition_type} requires values of the same type, not {left_type} ({describe(left)}) and {right_type}"
            f" ({describe(right)})",
            format_path(path),
        )
    if condition_type != "Equals" and left_type not in _ORDERED_TYPES:
        raise IncomparableError(
            f"{condition_type} requires numbers or strings, not {describe(left)} and {describe(right)}",
            format_path(path),
        )
    return _COMPARISONS[condition_type](left, right)


def _is_same(query: Operand, element: Operand) -> bool:
    left, right = _pair(query, element)
    return _type_of(left) == _type_of(right) and left == right


def _pair(left: Operand, right: Operand) -> tuple[Json, Json]:
    if left.is_outcome or right.is_outcome:
        return _as_boolean(left.value), _as_boolean(right.value)
    return left.value, right.value


def _as_boolean(value: Json) -> Json:
    return _BOOLEAN_TEXTS.get(value.casefold(), value) if isinstance(value, str) else value


def _type_of(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    return {str: "a string", list: "a list"}.get(type(value), "an object")


def condition_faults(conditions: Json) -> Iterator[tuple[Path, str, str]]:
    """Yield each fault in the form of a list of conditions: its path in the list, the message, a hint or ``""``.

    Faults inside expressions are not repeated here; `scan` finds them.
    """
    pending: list[tuple[Path, Json]] = [((), conditions)]
    while pending:
        path, node = pending.pop()
        is_element = bool(path) and isinstance(path[-1], int)
        if isinstance(node, list) and not is_element:
            pending += [((*path, index), condition) for index, condition in enumerate(node)][::-1]
            continue
        if not isinstance(node, dict):
            wanted = "a condition" if path else "a list of conditions"
            yield path, f"expected {wanted}, found {describe(node)}", ""
            continue
        faults = list(_faults_of(node))
        yield from (((*path, *member), message, hint) for member, message, hint in faults)
        if not faults:
            pending += [((*path, name), node[name]) for name in ("Condition", "Conditions") if name in node]


def _faults_of(condition: JsonObject) -> Iterator[tuple[Path, str, str]]:
    condition_type = condition.get("Type")
    members = CONDITION_MEMBERS.get(condition_type) if isinstance(condition_type, str) else None
    if members is None:
        yield _unknown_type(condition)
        return
    for name in condition:
        if name not in ("Type", *members):
            yield (
                (name,),
                f"{condition_type} has no member {name!r}; it has {list_names(members)}",
                did_you_mean(name, members),
            )
    for name in members:
        if name not in condition:
            yield (), f"{condition_type} requires {name!r}", ""
        else:
            yield from _faults_of_member(name, condition[name])


def _faults_of_member(name: str, value: Json) -> Iterator[tuple[Path, str, str]]:
    if name in ("LeftValue", "RightValue", "QueryValue"):
        yield from _faults_of_operand((name,), value)
    elif name == "Condition" and not isinstance(value, dict):
        yield (name,), f"expected one condition, found {describe(value)}", ""
    elif name in ("Conditions", "Values") and not isinstance(value, list):
        yield (name,), f"expected a list, found {describe(value)}", ""
    elif name == "Values" and isinstance(value, list):
        for index, element in enumerate(value):
            yield from _faults_of_operand((name, index), element)


def _faults_of_operand(path: Path, value: Json) -> Iterator[tuple[Path, str, str]]:
    if isinstance(value, list) or (isinstance(value, dict) and not is_expression(value)):
        yield path, f"expected a string, a number, a boolean or an expression, found {describe(value)}", ""


def _unknown_type(condition: JsonObject) -> tuple[Path, str, str]:
    condition_type = condition.get("Type")
    if not isinstance(condition_type, str):
        found = (
            f"Type is {describe(condition_type)}"
            if "Type" in condition
            else f"Type is missing in {describe(condition)}"
        )
        return (
            (),
            f"a condition requires a Type, one of {list_names(CONDITION_MEMBERS)}; {found}",
            did_you_mean("Type", condition),
        )
    # The SDK's classes are called ConditionEquals and so on; some write these names into definitions.
    hint = _INSTEAD.get(condition_type) or did_you_mean(condition_type.removeprefix("Condition"), CONDITION_MEMBERS)
    return ("Type",), f"unknown condition type {condition_type!r}; the types are {list_names(CONDITION_MEMBERS)}", hint
