"""Shapes: which members an object of the language has, as data, and a reader for them.

Reading never stops at a fault: every unknown, missing or wrongly typed member is collected, and the well formed ones
are returned, so that the rules above can go on with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from airflow_sm_pipelines.definition.expressions import is_expression
from airflow_sm_pipelines.definition.json_values import Json, JsonObject, describe, list_names
from airflow_sm_pipelines.definition.paths import format_path
from airflow_sm_pipelines.definition.suggestions import nearest
from airflow_sm_pipelines.errors import DefinitionError


class Values(NamedTuple):
    """The values that a member may have.

    Attributes:
        expected: The values, for messages.
        accepts: Tell whether a value is one of them.
    """

    expected: str
    accepts: Callable[[Json], bool]


class Member(NamedTuple):
    """One member of a shape.

    Attributes:
        name: Its name.
        values: The values that it may hold.
        required: It must be there.
        nullable: ``null`` is allowed, too.
    """

    name: str
    values: Values
    required: bool = False
    nullable: bool = False


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def one_of(*values: str) -> Values:
    """Return the values of a member that holds one of a few strings."""
    return Values(f"one of {list_names(values)}", lambda value: isinstance(value, str) and value in values)


def text_up_to(length: int) -> Values:
    """Return the values of a string of at most ``length`` characters."""
    return Values(f"a string of at most {length} characters", lambda v: isinstance(v, str) and len(v) <= length)


def whole_number_in(low: int, high: int) -> Values:
    """Return the kind of an integer between two bounds, both allowed."""
    return Values(f"an integer from {low} to {high}", lambda value: _is_whole_number_in(value, low, high))


def _is_whole_number_in(value: Json, low: int, high: int) -> bool:
    # JSON has one type of number: 3.0 is whole.
    return isinstance(value, (int, float)) and _is_number(value) and value % 1 == 0 and low <= value <= high


ANY = Values("a value", lambda _: True)
STRING = Values("a string", lambda value: isinstance(value, str))
BOOLEAN = Values("true or false", lambda value: isinstance(value, bool))
NUMBER = Values("a number", _is_number)
LIST = Values("a list", lambda value: isinstance(value, list))
OBJECT = Values("an object", lambda value: isinstance(value, dict))
STRING_OR_EXPRESSION = Values("a string or an expression", lambda v: isinstance(v, str) or is_expression(v))
LIST_OR_EXPRESSION = Values("a list or an expression", lambda v: isinstance(v, list) or is_expression(v))
BOOLEAN_OR_EXPRESSION = Values("true, false or an expression", lambda v: isinstance(v, bool) or is_expression(v))


def is_name(text: str, longest: int) -> bool:
    """Tell whether a text is a name of ASCII letters, digits, hyphens and underscores (botocore: StepName)."""
    return len(text) <= longest and text.isascii() and text.replace("-", "a").replace("_", "a").isalnum()


class Faults(list[DefinitionError]):
    """The faults of one definition, collected while it is read."""

    def add(self, path: str, message: str, hint: str = "") -> None:
        """Record one fault."""
        self.append(DefinitionError(path, message, hint))


def read_members(
    value: Json, path: str, shape: Sequence[Member], faults: Faults, *, noun: str, is_open: bool = False
) -> JsonObject:
    """Return the well-formed members of an object, and record a fault for everything else.

    Args:
        value: What stands at the path.
        path: JSON path of the value.
        shape: The members that the object may have.
        faults: Where faults are recorded.
        noun: What the object is, with its article, for messages: ``a parameter``.
        is_open: Keep members outside the shape instead of recording faults.
    """
    if not isinstance(value, dict):
        faults.add(path, f"expected {noun} (an object), found {describe(value)}")
        return {}
    allowed = {member.name: member for member in shape}
    outside = [name for name in value if name not in allowed]
    missing = [member.name for member in shape if member.name not in value]
    for name in () if is_open else outside:
        # A misspelt member is one fault; the missing name is not a second one.
        near = nearest(name, missing)
        missing = [other for other in missing if other != near]
        hint = f"did you mean `{near}`?" if near else ""
        faults.add(format_path((name,), path), f"{noun} has no member {name!r}; it has {list_names(allowed)}", hint)
    for name in missing:
        if allowed[name].required:
            near = nearest(name, outside)
            faults.add(path, f"{noun} requires {name!r}", f"it has `{near}`" if near else "")
    return {
        name: held
        for name, held in value.items()
        if (is_open if name not in allowed else _is_accepted(allowed[name], held, path, faults))
    }


def _is_accepted(member: Member, held: Json, path: str, faults: Faults) -> bool:
    if member.values.accepts(held) or (member.nullable and held is None):
        return True
    faults.add(format_path((member.name,), path), f"expected {member.values.expected}, found {describe(held)}")
    return False
