"""Expressions: parse them, list their references, evaluate them in a scope.

An expression is a JSON object with exactly one key: ``Get``, ``Std:Join`` or ``Std:JsonGet``. It may stand in place
of any value, never as a key; ``{"Get": "x", "Other": 1}`` is data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeAlias

from airflow_sm_pipelines.definition.functions import (
    Expression,
    Join,
    JsonGet,
    is_expression,
    is_join_without_key,
    parse_expression,
)
from airflow_sm_pipelines.definition.json_values import Json, JsonObject, describe
from airflow_sm_pipelines.definition.paths import (
    Path,
    format_path,
    look_up,
    look_up_json,
)
from airflow_sm_pipelines.definition.read_values import unfit_place
from airflow_sm_pipelines.definition.references import (
    EXECUTION_VARIABLES,
    EXPERIMENT_MEMBERS,
    Namespace,
    Reference,
)
from airflow_sm_pipelines.errors import EvaluationError, ExpressionSyntaxError, MissingMemberError

__all__ = [
    "DEEPEST_NESTING",
    "EXECUTION_VARIABLES",
    "EXPERIMENT_MEMBERS",
    "Expression",
    "Join",
    "JsonGet",
    "Namespace",
    "Reference",
    "Scope",
    "Unknown",
    "evaluate",
    "is_expression",
    "is_join_without_key",
    "parse_expression",
    "references",
    "scan",
]

# Bounds the recursion of `evaluate`. No known definition nests a step's own values deeper than 20; branches and
# loop bodies do not count, they are steps of their own.
DEEPEST_NESTING = 100


class Unknown(str):
    """A text in the place of a value that only a run knows; what is computed from it is unknown, too."""

    __slots__ = ()


class Scope(Protocol):
    """The source of values for expressions: one execution of a pipeline, seen from one step.

    A method raises `EvaluationError` when there is no such value.
    """

    def parameter(self, name: str) -> Json:
        """Return the typed value of a pipeline parameter."""

    def execution(self, variable: str) -> Json:
        """Return a variable of `EXECUTION_VARIABLES`."""

    def experiment(self, member: str) -> Json:
        """Return the resolved ``PipelineExperimentConfig.ExperimentName`` or ``.TrialName``."""

    def properties(self, step: str) -> Json:
        """Return a step's whole properties.

        Condition: ``{"Outcome": true}``; Lambda and Callback: ``{"OutputParameters": {...}}``; ForEach:
        ``{"Status": ..., "IterationOutputs": [{<body step>: <properties>}], "Selected": ...}``. In the body of a
        ForEach, a step of the same body means that step in the same iteration.
        """

    def property_file(self, step: str, name: str) -> Json:
        """Return the parsed content of a property file."""

    def document(self, uri: str) -> Json:
        """Return the parsed JSON document at an S3 URI."""

    def current_item(self) -> Json:
        """Return the item of the current iteration of the ForEach around the step."""

    def iteration_output(self, step: str) -> Json:
        """Return the properties of a body step in the iteration for which ``Selector.Field`` is evaluated."""


def references(value: Json, *, payload: bool = False) -> Iterator[tuple[Path, Reference]]:
    """Yield every reference in a JSON tree, in document order, with the path of its expression.

    Raises:
        ExpressionSyntaxError: On reaching a malformed expression.
    """
    for path, found in scan(value, payload=payload):
        if isinstance(found, ExpressionSyntaxError):
            raise found
        yield path, found


_Found: TypeAlias = "tuple[Path, Reference | ExpressionSyntaxError]"


def scan(value: Json, *, payload: bool = False) -> Iterator[_Found]:
    """Yield every reference and every faulty expression in a JSON tree, in document order, with its path.

    Args:
        value: Any JSON value, nested arbitrarily deep; what nests deeper than `DEEPEST_NESTING` is one fault.
        payload: As for `parse_expression`; inside an expression nothing is payload.
    """
    found: list[_Found] = []
    if isinstance(value, (dict, list)):
        _collect(value, [], payload, found)
    return iter(found)


def _collect(node: JsonObject | list[Json], path: list[str | int], payload: bool, found: list[_Found]) -> None:
    """Append what `scan` yields of one object or list; ``path`` is the same after the call.

    A definition is scanned in every parse of its DAG file: a path is made only where something is found.
    """
    if len(path) > DEEPEST_NESTING:
        fault = ExpressionSyntaxError(f"values are nested deeper than {DEEPEST_NESTING} levels")
        found.append((tuple(path), fault))
        return
    if not isinstance(node, dict):
        members: Iterable[tuple[str | int, Json]] = enumerate(node)
    elif is_expression(node, payload=payload) and _collect_expression(node, path, payload, found):
        return
    else:
        members = node.items()
    for key, child in members:
        if isinstance(child, (dict, list)):
            path.append(key)
            _collect(child, path, payload, found)
            path.pop()


def _collect_expression(node: JsonObject, path: list[str | int], payload: bool, found: list[_Found]) -> bool:
    """Append what `scan` yields of an expression; tell whether the object is one."""
    try:
        expression = parse_expression(node, payload=payload)
    except ExpressionSyntaxError as fault:
        found.append(((*path, *fault.member), fault))
        return True
    if isinstance(expression, Reference):
        found.append((tuple(path), _outside_json_get(expression)))
    elif isinstance(expression, Join):
        base = (*path, *expression.path)
        found += _faulty_operands(expression, base)
        for index, operand in enumerate(expression.values):
            if isinstance(operand, dict) and is_expression(operand):
                _collect(operand, [*base, index], False, found)
    elif isinstance(expression, JsonGet):
        if isinstance(expression.source, Reference):
            found.append(((*path, "Std:JsonGet", "PropertyFile"), expression.source))
        elif isinstance(expression.source, (dict, list)):
            _collect(expression.source, [*path, "Std:JsonGet", "S3Uri"], False, found)
    return expression is not None


def evaluate(value: Json, scope: Scope, *, payload: bool = False) -> Json:
    """Return the JSON tree with every expression replaced by its value in a scope.

    Types are kept: a number from a JSON file stays a number. A literal null stays, too; a reference that leads to null
    has no value (SDK, local executor: "is undefined"). A Join is always a string: booleans in lower case, integers
    plain, floats in their shortest form that reads back as the same number.

    Args:
        value: Any JSON value; it is not changed.
        scope: Where the values come from.
        payload: As for `parse_expression`.

    Raises:
        EvaluationError: A reference has no value.
        ExpressionSyntaxError: An expression is malformed (never in a loaded pipeline).
    """
    return _evaluate(value, scope, payload, ())


def _evaluate(value: Json, scope: Scope, payload: bool, path: Path) -> Json:
    if isinstance(value, list):
        return [_evaluate(element, scope, payload, (*path, index)) for index, element in enumerate(value)]
    if not isinstance(value, dict):
        return value
    expression = parse_expression(value, payload=payload)
    if expression is None:
        return {key: _evaluate(member, scope, payload, (*path, key)) for key, member in value.items()}
    try:
        return _evaluate_expression(expression, scope)
    except EvaluationError as error:
        place = format_path(path) + (f".{error.path}" if path and error.path else error.path)
        raise EvaluationError(error.reference, error.reason, place) from error


def _evaluate_expression(expression: Expression, scope: Scope) -> Json:
    if isinstance(expression, Reference):
        return _resolve(expression, scope)
    if isinstance(expression, Join):
        values = [evaluate(value, scope) for value in expression.values]
        joined = expression.separator.join(_join_text(value, expression) for value in values)
        return Unknown(joined) if any(isinstance(value, Unknown) for value in values) else joined
    if isinstance(expression.source, Reference):
        place = str(expression.source)
        document = scope.property_file(expression.source.name, str(expression.source.path[0]))
    else:
        uri = evaluate(expression.source, scope)
        if not isinstance(uri, str):
            raise EvaluationError("S3Uri of Std:JsonGet", f"must be a string, but is {describe(uri)}")
        place = uri
        document = scope.document(uri)
    if isinstance(document, Unknown):
        return Unknown(f"<{place} {expression.text}>")
    return _found(look_up_json, document, expression.path, f"Std:JsonGet of {expression.text!r} in {place}")


def _resolve(reference: Reference, scope: Scope) -> Json:
    if reference.namespace is Namespace.PROPERTY_FILE:
        raise EvaluationError(reference.text, _PROPERTY_FILE_ALONE)
    source = _RESOLVERS[reference.namespace](scope, reference.name)
    if isinstance(source, Unknown):
        return Unknown(f"<{reference.text}>") if reference.path else source
    return _found(look_up, source, reference.path, reference.text)


def _found(look: Callable[[Json, Path], Json], source: Json, path: Path, name: str) -> Json:
    try:
        value = look(source, path)
    except MissingMemberError as error:
        raise EvaluationError(name, str(error)) from error
    if value is None:
        raise EvaluationError(name, "is null, which does not count as a value")
    if unfit := unfit_place(value):
        raise EvaluationError(name, unfit)
    return value


_PROPERTY_FILE_ALONE = "a property file is only allowed as PropertyFile of a Std:JsonGet"

_RESOLVERS: dict[Namespace, Callable[[Scope, str], Json]] = {
    Namespace.PARAMETER: lambda scope, name: scope.parameter(name),
    Namespace.EXECUTION: lambda scope, name: scope.execution(name),
    Namespace.EXPERIMENT: lambda scope, name: scope.experiment(name),
    Namespace.STEP: lambda scope, name: scope.properties(name),
    Namespace.CURRENT_ITEM: lambda scope, _: scope.current_item(),
    Namespace.ITERATION_OUTPUT: lambda scope, name: scope.iteration_output(name),
}


def _join_text(value: Json, join: Join) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    raise EvaluationError("Std:Join", f"cannot join {describe(value)}; values must be strings, numbers or booleans")


def _outside_json_get(reference: Reference) -> Reference | ExpressionSyntaxError:
    if reference.namespace is Namespace.PROPERTY_FILE:
        return ExpressionSyntaxError(f"`{reference}`: {_PROPERTY_FILE_ALONE}")
    return reference


def _faulty_operands(join: Join, base: Path) -> Iterator[tuple[Path, ExpressionSyntaxError]]:
    for index, value in enumerate(join.values):
        if not isinstance(value, (str, int, float)) and not is_expression(value):
            message = f"Std:Join takes strings, numbers, booleans and expressions, not {describe(value)}"
            yield (*base, index), ExpressionSyntaxError(message)
