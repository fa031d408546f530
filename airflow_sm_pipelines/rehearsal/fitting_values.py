"""Values of the form that the API wants at a place of a request: its type, its limits, its enumeration, its pattern.

A rehearsal puts them into the files that the definition reads, so that AWS would refuse nothing but what is wrong in
the definition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.paths import Path
from airflow_sm_pipelines.preview.api_models import input_shape
from airflow_sm_pipelines.rehearsal.placeholders import beginning_of, placeholder

_ANYTHING = 0.0
"""Where nothing is known of the place: most values of files are numbers."""

_USUAL_INSTANCE = "ml.m5.large"
_ACCOUNT = "us-west-2:123456789012"


def fitting_value(step: Step, path: Path, text: str) -> Json:
    """Return a value for a place in the request of a step; 0.0 where the API takes anything, or nothing is known.

    Args:
        step: The step.
        path: The place in its Arguments. In a Join, only the first value decides the form of the whole.
        text: What is read there, for a name in the value.
    """
    name = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[-20:].strip("-") or "value"
    place = beginning_of(path)
    if "Std:Join" in place:
        return f"rehearsal-{name}"
    shape = _shape_at(step, place)
    return _ANYTHING if shape is None else _of_shape(shape, str(place[-1]), name)


def _shape_at(step: Step, path: Path) -> Any:
    """Return botocore's model of a place; ``None`` for one that the API does not have, or where any text fits."""
    kind = CATALOG[step.type].kind_of(step.arguments)
    if kind is None:
        return None
    shape = input_shape(kind.service, kind.create)
    in_map = False
    for segment in path:
        if shape is None:
            return None
        in_map = shape.type_name == "map"
        below = _BELOW.get(shape.type_name)
        shape = below(shape, segment) if below else None
    return None if in_map else shape  # hyperparameters, environment: texts that stand for anything


_BELOW: Mapping[str, Callable[[Any, str | int], Any]] = {
    "structure": lambda shape, segment: shape.members.get(segment),
    "list": lambda shape, _: shape.member,
    "map": lambda shape, _: shape.value,
}


def _of_shape(shape: Any, member: str, name: str) -> Json:
    if shape.type_name == "string":
        return _text(shape, member, name)
    if shape.type_name in _NUMBERS:
        number = max(1, shape.metadata.get("min", 1))
        return _NUMBERS[shape.type_name](min(number, shape.metadata.get("max", number)))
    if shape.type_name == "boolean":
        return False
    return datetime.now(UTC).isoformat() if shape.type_name == "timestamp" else _ANYTHING


_NUMBERS: Mapping[str, Callable[[float], int | float]] = {"integer": int, "long": int, "float": float, "double": float}


def _text(shape: Any, member: str, name: str) -> str:
    if shape.enum:
        return _USUAL_INSTANCE if _USUAL_INSTANCE in shape.enum else str(shape.enum[0])
    forms = list(_forms(member, name))
    return next((form for form in forms if _fits(form, shape)), forms[0])


def _forms(member: str, name: str) -> Iterator[str]:
    """Yield texts of the usual forms, the likeliest first."""
    yield placeholder(name, "String", [member])  # type: ignore[misc]  # a text for a String
    yield f"rehearsal-{name}"
    resource = re.sub(r"(?<!^)(?=[A-Z])", "-", re.sub(r"(Arn|Name|Id)$", "", member)).lower()
    yield f"arn:aws:sagemaker:{_ACCOUNT}:{resource}/rehearsal-{name}"
    yield f"arn:aws:iam::123456789012:role/rehearsal-{name}"
    yield f"s3://rehearsal/{name}"
    yield f"123456789012.dkr.ecr.us-west-2.amazonaws.com/rehearsal-{name.lower()}:1"
    yield "rehearsal"
    yield "1"


def _fits(text: str, shape: Any) -> bool:
    from airflow_sm_pipelines.local.wire.patterns import compile_pattern

    limits, pattern = shape.metadata, shape.metadata.get("pattern")
    is_long_enough = limits.get("min", 0) <= len(text) <= limits.get("max", len(text))
    return is_long_enough and (pattern is None or compile_pattern(pattern).fullmatch(text) is not None)
