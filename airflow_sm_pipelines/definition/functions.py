"""The functions of the language, ``Get``, ``Std:Join`` and ``Std:JsonGet``, each parsed by itself.

Parsing is shallow: what an expression contains stays JSON, so that deep nesting costs no recursion.

The developer guide ("Specify a Custom Run Group Name") also prints a Join without its key,
``{"On": "-", "Values": [...]}``. An object with exactly these two members, a string and a list, is read as a Join
everywhere but in a *payload*: the Arguments of a Lambda or Callback step are free JSON in which such an object may be
the user's own data, while no request of any AWS API that a step calls has a structure with a member ``On``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from airflow_sm_pipelines.definition.json_values import Json, JsonObject, describe, list_names
from airflow_sm_pipelines.definition.paths import Path, parse_path
from airflow_sm_pipelines.definition.references import Namespace, Reference, parse_reference
from airflow_sm_pipelines.errors import ExpressionSyntaxError, PathSyntaxError


class Join(NamedTuple):
    """``Std:Join``: the values as text, with ``separator`` between them.

    Attributes:
        separator: The member ``On``.
        values: Scalars and expressions, not parsed.
        path: Where the values stand in the expression.
    """

    separator: str
    values: list[Json]
    path: Path


class JsonGet(NamedTuple):
    """``Std:JsonGet``: one value of a JSON file.

    Attributes:
        source: The property file, or the S3 URI (a string or an expression, not parsed).
        path: The path inside the file.
        text: ``Path`` as written.
    """

    source: Reference | Json
    path: Path
    text: str


Expression: TypeAlias = Reference | Join | JsonGet


def parse_expression(value: Json, *, payload: bool = False) -> Expression | None:
    """Parse one expression; what it contains is left unparsed.

    Args:
        value: Any JSON value.
        payload: The value belongs to a payload, where a Join needs its key ``Std:Join``.

    Returns:
        The expression, or ``None`` when the value is data.

    Raises:
        ExpressionSyntaxError: The value has the key of an expression but not its form.
    """
    if not isinstance(value, dict):
        return None
    if len(value) == 1:
        [(key, body)] = value.items()
        parser = _PARSERS.get(key)
        return parser(body) if parser else None
    if not payload and is_join_without_key(value):
        return _parse_join(value, ())
    return None


def is_join_without_key(value: Json) -> bool:
    """Tell whether a value is a Join as one page of the developer guide prints it, without the key ``Std:Join``."""
    return (
        isinstance(value, dict)
        and len(value) == 2
        and isinstance(value.get("On"), str)
        and isinstance(value.get("Values"), list)
    )


def is_expression(value: Json, *, payload: bool = False) -> bool:
    """Tell whether a value has the key of an expression, well-formed or not."""
    # One member, or the two of a Join as one page prints it: most objects are larger.
    if not isinstance(value, dict) or len(value) > 2:
        return False
    if len(value) == 1:
        return next(iter(value)) in _PARSERS
    return not payload and is_join_without_key(value)


def _parse_get(body: Json) -> Reference:
    if not isinstance(body, str):
        raise ExpressionSyntaxError(f"Get takes the text of a reference, not {describe(body)}", member=("Get",))
    return parse_reference(body)


def _parse_join(body: Json, path: Path = ("Std:Join",)) -> Join:
    members = _members("Std:Join", body, ("On", "Values"))
    separator, values = members["On"], members["Values"]
    if not isinstance(separator, str):
        raise ExpressionSyntaxError(f"On takes a literal string, not {describe(separator)}", member=(*path, "On"))
    if not isinstance(values, list):
        raise ExpressionSyntaxError(f"Values takes a list, not {describe(values)}", member=(*path, "Values"))
    return Join(separator, values, (*path, "Values"))


def _parse_json_get(body: Json) -> JsonGet:
    form = "S3Uri" if isinstance(body, dict) and "S3Uri" in body else "PropertyFile"
    members = _members("Std:JsonGet", body, (form, "Path"))
    text = members["Path"]
    if not isinstance(text, str):
        message = f"Path takes a literal string, not {describe(text)}"
        raise ExpressionSyntaxError(message, member=("Std:JsonGet", "Path"))
    try:
        # `$` stands for the root in JsonPath; the SDK leaves it out.
        path = parse_path(text[1:] if text[:2] in ("$", "$.", "$[") else text)
    except PathSyntaxError as error:
        raise ExpressionSyntaxError(str(error), member=("Std:JsonGet", "Path")) from error
    source = members[form]
    if form == "PropertyFile":
        return JsonGet(_parse_property_file(source), path, text)
    if not isinstance(source, str) and not is_expression(source):
        message = f"S3Uri takes a string or an expression, not {describe(source)}"
        raise ExpressionSyntaxError(message, member=("Std:JsonGet", "S3Uri"))
    return JsonGet(source, path, text)


def _parse_property_file(source: Json) -> Reference:
    expression = parse_expression(source)
    if isinstance(expression, Reference) and expression.namespace is Namespace.PROPERTY_FILE:
        return expression
    found = f"`{expression}`" if isinstance(expression, Reference) else describe(source)
    message = f'PropertyFile takes {{"Get": "Steps.<step>.PropertyFiles.<name>"}}, not {found}'
    raise ExpressionSyntaxError(message, member=("Std:JsonGet", "PropertyFile"))


def _members(function: str, body: Json, names: tuple[str, ...]) -> JsonObject:
    if not isinstance(body, dict):
        raise ExpressionSyntaxError(f"{function} takes an object, not {describe(body)}", member=(function,))
    if set(body) != set(names):
        raise ExpressionSyntaxError(
            f"{function} takes exactly the members {list_names(names)}, not {describe(body)}", member=(function,)
        )
    return body


_PARSERS: dict[str, Callable[[Json], Expression]] = {
    "Get": _parse_get,
    "Std:Join": _parse_join,
    "Std:JsonGet": _parse_json_get,
}
