"""Paths into JSON: ``ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri``.

Grammar, as the SageMaker SDK writes it (``sagemaker.workflow.properties``)::

    path    := segment*
    segment := "." ident | "[" digits "]" | "['" key "']" | '["' key '"]'
    ident   := one or more characters other than . [ ]

The first ident of a path has no dot before it. Keys are not escaped: the SDK writes the key ``a'b`` as ``['a'b']``, so
a key ends at the first quote and bracket after which another segment, or nothing, follows.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TypeAlias

from airflow_sm_pipelines.definition.json_values import Json, describe, list_names
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import MissingMemberError, PathSyntaxError

Path: TypeAlias = "tuple[str | int, ...]"

_SEGMENT = re.compile(
    r"""\.(?P<ident>[^.\[\]]+)
    | \[(?P<index>[0-9]{1,9})\]
    | \['(?P<single>.*?)'\](?=[.\[]|\Z)
    | \["(?P<double>.*?)"\](?=[.\[]|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN_KEY = re.compile(r"[\w:\-]+\Z")

# Lists that a path addresses by the name of an element, though the Describe response holds a list: end of the
# path to the list -> member of an element that is its name (SDK: `PropertiesMap`; its local executor does the same).
LISTS_KEYED_BY_NAME: dict[tuple[str, ...], str] = {
    ("ProcessingOutputConfig", "Outputs"): "OutputName",
    ("ProcessingInputs",): "InputName",
    ("FinalMetricDataList",): "MetricName",
}


@lru_cache(maxsize=4096)
def parse_path(text: str) -> Path:
    """Split a path into member names (``str``) and list indices (``int``).

    Args:
        text: The path, with or without a dot before its first member; ``""`` is the empty path.

    Raises:
        PathSyntaxError: The text does not follow the grammar.
    """
    source = text if not text or text[0] in ".[" else f".{text}"
    segments: list[str | int] = []
    position = 0
    while position < len(source):
        match = _SEGMENT.match(source, position)
        if match is None:
            raise PathSyntaxError(_explain_syntax(source[position:], text))
        found = match[match.lastgroup or 0]
        segments.append(int(found) if match.lastgroup == "index" else found)
        position = match.end()
    return tuple(segments)


def format_path(path: Path, base: str = "") -> str:
    """Write a path as text: the inverse of `parse_path` up to spelling, continued from ``base``."""
    text = base
    for segment in path:
        if isinstance(segment, int):
            text += f"[{segment}]"
        elif _PLAIN_KEY.match(segment):
            text += f".{segment}" if text else segment
        else:
            text += f"['{segment}']"
    return text


def look_up(properties: Json, path: Path) -> Json:
    """Follow a path into the properties of a step.

    Beyond plain members and indices: lists in `LISTS_KEYED_BY_NAME` select by name as well as by index, and a string
    that holds JSON (a Job's ``JobConfigDocument``, an item of a ForEach list) is entered as the JSON it holds, unless
    it is an output parameter (`nested_output`).

    Raises:
        MissingMemberError: A member is missing; says at which place and what was there.
    """
    value = properties
    for position, segment in enumerate(path):
        walked = path[:position]
        if isinstance(value, str):
            value = _parse_embedded(value, segment, walked)
        if isinstance(value, list) and isinstance(segment, str):
            value = _element_by_name(value, segment, walked)
        else:
            value = _member(value, segment, walked)
    return value


def look_up_json(document: Json, path: Path) -> Json:
    """Follow a path into a plain JSON document, such as a property file.

    Raises:
        MissingMemberError: A member is missing; says at which place and what was there.
    """
    value = document
    for position, segment in enumerate(path):
        value = _member(value, segment, path[:position])
    return value


def _member(value: Json, segment: str | int, walked: Path) -> Json:
    place = _place(walked)
    if isinstance(value, dict):
        if isinstance(segment, str) and segment in value:
            return value[segment]
        existing = f"its members are {list_names(value)}" if value else "it is empty"
        hint = did_you_mean(segment, value) if isinstance(segment, str) else ""
        raise MissingMemberError(f"{place} has no {_member_text(segment)}; {existing}", hint)
    if isinstance(value, list) and isinstance(segment, int):
        if segment < len(value):
            return value[segment]
        raise MissingMemberError(f"{place} has no {_member_text(segment)}; it is {describe(value)}")
    raise MissingMemberError(f"{place} has no {_member_text(segment)}; it is {describe(value)}")


def _element_by_name(elements: list[Json], name: str, walked: Path) -> Json:
    key = next((key for end, key in LISTS_KEYED_BY_NAME.items() if walked[-len(end) :] == end), None)
    if key is None:
        return _member(elements, name, walked)
    named = {
        str(element[key]): element for element in reversed(elements) if isinstance(element, dict) and key in element
    }
    if name in named:
        return named[name]
    existing = f"its names ({key}) are {list_names(reversed(named))}" if named else "it is empty"
    raise MissingMemberError(f"{_place(walked)} has no {_member_text(name)}; {existing}", did_you_mean(name, named))


def nested_output(path: Path) -> str:
    """Return why a path into an output parameter of a Lambda or Callback step leads to nothing; ``""`` if it does not.

    Source: developer guide, "Lambda step" and "Callback step": a nested value is treated as a single string, and a
    reference into it is an error that is not retried.

    Args:
        path: Path into the properties of a step.
    """
    if _OUTPUT_PARAMETERS not in path[:-2]:
        return ""
    end = path.index(_OUTPUT_PARAMETERS) + 2
    return f"`{format_path(path[:end])}` is an output parameter: a nested value is one string, which has no members"


_OUTPUT_PARAMETERS = "OutputParameters"


def _parse_embedded(text: str, segment: str | int, walked: Path) -> Json:
    nested = nested_output((*walked, segment))
    if nested:
        raise MissingMemberError(nested)
    try:
        embedded: Json = json.loads(text)
    except (ValueError, RecursionError):
        embedded = None
    if isinstance(embedded, (dict, list)):
        return embedded
    raise MissingMemberError(
        f"{_place(walked)} has no {_member_text(segment)}; it is {describe(text)}, which is not a JSON object or list"
    )


def _place(walked: Path) -> str:
    return f"`{format_path(walked)}`" if walked else "the value"


def _member_text(segment: str | int) -> str:
    return f"element [{segment}]" if isinstance(segment, int) else f"member '{segment}'"


def _explain_syntax(rest: str, text: str) -> str:
    bare_key = re.match(r"\[([^'\"\[\]]+)\]", rest)
    if bare_key:
        return f"the path {text!r} has an unquoted key: write ['{bare_key[1]}'], not [{bare_key[1]}]"
    return f"the path {text!r} is malformed at {rest!r}; write members as .name, ['key'] or [0]"
