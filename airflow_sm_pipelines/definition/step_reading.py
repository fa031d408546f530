"""Reads the steps of a definition, including those of branches and loop bodies."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar, cast

from airflow_sm_pipelines.definition.json_values import Json, JsonObject, describe, list_names
from airflow_sm_pipelines.definition.models import (
    Branch,
    CacheConfig,
    Dependency,
    PropertyFile,
    RetryPolicy,
    Step,
    Trigger,
)
from airflow_sm_pipelines.definition.shapes import (
    ANY,
    BOOLEAN,
    LIST,
    NUMBER,
    OBJECT,
    STRING,
    Faults,
    Member,
    Values,
    is_name,
    one_of,
    read_members,
    text_up_to,
    whole_number_in,
)
from airflow_sm_pipelines.definition.step_arguments import (
    NESTED_STEPS,
    check_arguments,
    check_output_parameters,
    read_references,
)
from airflow_sm_pipelines.definition.step_types import STEP_TYPES, TYPES_WITHOUT_PUBLIC_SYNTAX, StepType
from airflow_sm_pipelines.definition.suggestions import did_you_mean
from airflow_sm_pipelines.errors import UnsupportedStepTypeError

_Read = TypeVar("_Read")

# botocore: StepName, StepDisplayName, StepDescription.
_LONGEST_NAME = 64
_COMMON = (
    Member("Name", STRING, required=True),
    Member("Type", STRING, required=True),
    Member("DependsOn", LIST),
    Member("DisplayName", text_up_to(256)),
    Member("Description", text_up_to(3072)),
)
_DEPENDENCY = (
    Member("Step", STRING, required=True),
    Member("Trigger", one_of(*(trigger.value for trigger in Trigger))),
)
# Limits: developer guide, "Retry Policy for Pipeline Steps".
_RETRY_POLICY = (
    Member("ExceptionType", ANY, required=True),
    Member("IntervalSeconds", whole_number_in(0, 43_200)),
    Member("BackoffRate", NUMBER),
    Member("MaxAttempts", whole_number_in(0, 20)),
    Member("ExpireAfterMin", whole_number_in(0, 14_400)),
)


def _is_duration(value: Json) -> bool:
    # Most steps have no CacheConfig.
    from airflow_sm_pipelines.definition.durations import is_duration

    return isinstance(value, str) and is_duration(value)


_DURATIONS = Values("an ISO 8601 duration such as 30d or PT1H", _is_duration)
_CACHE_CONFIG = (Member("Enabled", BOOLEAN, required=True), Member("ExpireAfter", _DURATIONS))
# Developer guide, "Turn off step caching": ExpireAfter is ignored; its example has the text "<time>" there.
_CACHE_CONFIG_TURNED_OFF = (Member("Enabled", BOOLEAN, required=True), Member("ExpireAfter", STRING))
_PROPERTY_FILE = tuple(Member(name, STRING, required=True) for name in ("PropertyFileName", "OutputName", "FilePath"))


def read_steps(values: list[Json], faults: Faults) -> tuple[Step, ...]:
    """Return all well-formed steps in document order, each with its place; record faults.

    Branches nest arbitrarily deep, which is why this is a loop with a stack.

    Args:
        values: The elements of ``Steps``.
        faults: Where faults are recorded.
    """
    steps = []
    pending = _located(values, "Steps", None, None)
    while pending:
        value, path, branch, body_of = pending.pop()
        members = _read_step_members(value, path, faults)
        name, step_type = members.get("Name"), members.get("Type")
        arguments = members.get("Arguments")
        if isinstance(step_type, str) and isinstance(arguments, dict):
            pending += _nested_steps(step_type, arguments, path, name if isinstance(name, str) else None)
        if isinstance(name, str):
            steps.append(_read_step(members, name, path, branch, body_of, faults))
    return tuple(steps)


_Located = tuple[Json, str, Branch | None, str | None]


def _located(values: list[Json], path: str, branch: Branch | None, body_of: str | None) -> list[_Located]:
    """Return steps with their places, last first, as a stack takes them."""
    return [(value, f"{path}[{index}]", branch, body_of) for index, value in enumerate(values)][::-1]


def _nested_steps(step_type: str, arguments: JsonObject, path: str, name: str | None) -> list[_Located]:
    nested: list[_Located] = []
    for member in reversed(NESTED_STEPS.get(step_type, ())):
        values = arguments.get(member)
        if isinstance(values, list):
            side = {"IfSteps": "if", "ElseSteps": "else"}.get(member)
            branch = Branch(name, side) if name and side else None  # type: ignore[arg-type]
            nested += _located(values, f"{path}.Arguments.{member}", branch, None if side else name)
    return nested


@cache
def _shape(step_type: str) -> tuple[Member, ...]:
    row = STEP_TYPES[step_type]
    shape = [*_COMMON, Member("Arguments", OBJECT, required=not row.payload, nullable=row.payload), *row.members]
    if row.retry_exceptions:
        shape.append(Member("RetryPolicies", LIST))
    if row.caching:
        shape.append(Member("CacheConfig", OBJECT))
    if row.property_files:
        shape.append(Member("PropertyFiles", LIST))
    return tuple(shape)


def _read_step_members(value: Json, path: str, faults: Faults) -> JsonObject:
    step_type = value.get("Type") if isinstance(value, dict) else None
    if isinstance(step_type, str) and step_type in STEP_TYPES:
        article = "an" if step_type[0] in "AE" else "a"
        return read_members(value, path, _shape(step_type), faults, noun=f"{article} {step_type} step")
    if isinstance(step_type, str):
        _note_unknown_type(step_type, path, faults)
    # Without a known type, it is unknown which members are allowed.
    return read_members(value, path, _COMMON, faults, noun="a step", is_open=True)


def _note_unknown_type(step_type: str, path: str, faults: Faults) -> None:
    if step_type in TYPES_WITHOUT_PUBLIC_SYNTAX:
        message = (
            f"{step_type} steps are not supported: the API's metadata mentions them, but AWS has not published their "
            "definition syntax"
        )
        faults.append(UnsupportedStepTypeError(f"{path}.Type", message))
    else:
        hint = did_you_mean(step_type, STEP_TYPES)
        faults.add(
            f"{path}.Type", f"unknown step type {step_type!r}; the step types are {list_names(STEP_TYPES)}", hint
        )


def _read_step(
    members: JsonObject, name: str, path: str, branch: Branch | None, body_of: str | None, faults: Faults
) -> Step:
    if not is_name(name, _LONGEST_NAME):
        message = f"{name!r} is not a valid step name: use 1 to 64 letters, digits, hyphens or underscores"
        faults.add(f"{path}.Name", message, "DisplayName may contain any text")
    step_type = str(members.get("Type", ""))
    row = STEP_TYPES.get(step_type)
    held = members.get("Arguments")
    arguments = held if isinstance(held, dict) else {}
    own = {member.name: members[member.name] for member in row.members if member.name in members} if row else {}
    if row and "Arguments" in members:
        check_arguments(row, arguments, f"{path}.Arguments", faults)
    if "OutputParameters" in own:
        check_output_parameters(own["OutputParameters"], f"{path}.OutputParameters", faults)
    return Step(
        name=name,
        type=step_type,
        arguments=arguments,
        members=own,
        display_name=cast("str | None", members.get("DisplayName")),
        description=cast("str | None", members.get("Description")),
        depends_on=_read_each(members, "DependsOn", path, _read_dependency, faults),
        retry_policies=_read_each(members, "RetryPolicies", path, _policy_reader(row), faults),
        cache_config=_read_cache_config(members.get("CacheConfig"), f"{path}.CacheConfig", faults),
        property_files=_read_each(members, "PropertyFiles", path, _read_property_file, faults),
        path=path,
        branch=branch,
        body_of=body_of,
        references=tuple(read_references(row, step_type, arguments, own, path, faults)),
    )


def _read_each(
    members: JsonObject, name: str, path: str, read: Callable[[Json, str, Faults], _Read | None], faults: Faults
) -> tuple[_Read, ...]:
    values = members.get(name, [])
    entries = values if isinstance(values, list) else []
    found = (read(value, f"{path}.{name}[{index}]", faults) for index, value in enumerate(entries))
    return tuple(entry for entry in found if entry is not None)


def _read_dependency(value: Json, path: str, faults: Faults) -> Dependency | None:
    if isinstance(value, str):
        return Dependency(value, path=path)
    members = read_members(value, path, _DEPENDENCY, faults, noun="a dependency (a step's name or an object)")
    step, trigger = members.get("Step"), members.get("Trigger", Trigger.COMPLETED)
    return Dependency(step, Trigger(str(trigger)), path) if isinstance(step, str) else None


def _policy_reader(row: StepType | None) -> Callable[[Json, str, Faults], RetryPolicy | None]:
    def read(value: Json, path: str, faults: Faults) -> RetryPolicy | None:
        members = read_members(value, path, _RETRY_POLICY, faults, noun="a retry policy")
        if "MaxAttempts" in members and "ExpireAfterMin" in members:
            faults.add(path, "a retry policy takes either MaxAttempts or ExpireAfterMin, not both")
        rate = members.get("BackoffRate")
        if isinstance(rate, (int, float)) and rate < 0:
            faults.add(f"{path}.BackoffRate", f"expected a number of at least 0, found {describe(rate)}")
        exceptions = _read_exceptions(members.get("ExceptionType"), row, f"{path}.ExceptionType", faults)
        whole = {name: int(cast("int", members[name])) for name in _WHOLE if name in members}
        return RetryPolicy(
            exception_types=exceptions,
            interval_seconds=whole.get("IntervalSeconds"),
            backoff_rate=float(rate) if isinstance(rate, (int, float)) else None,
            max_attempts=whole.get("MaxAttempts"),
            expire_after_min=whole.get("ExpireAfterMin"),
        )

    return read


_WHOLE = ("IntervalSeconds", "MaxAttempts", "ExpireAfterMin")


def _read_exceptions(value: Json, row: StepType | None, path: str, faults: Faults) -> tuple[str, ...]:
    # A list in the guide and from the SDK, one string in the published schema.
    names = [value] if isinstance(value, str) else value
    if names is None or row is None:
        return ()
    if not isinstance(names, list) or not names:
        faults.add(path, f"expected a list of exception types, found {describe(value)}")
        return ()
    for name in names:
        if name not in row.retry_exceptions:
            hint = did_you_mean(name, row.retry_exceptions) if isinstance(name, str) else ""
            allowed = list_names(row.retry_exceptions)
            faults.add(path, f"a {row.name} step retries on {allowed}, not on {describe(name)}", hint)
    return tuple(name for name in names if isinstance(name, str))


def _read_cache_config(value: Json, path: str, faults: Faults) -> CacheConfig | None:
    if value is None:
        return None
    is_off = isinstance(value, dict) and value.get("Enabled") is False
    shape = _CACHE_CONFIG_TURNED_OFF if is_off else _CACHE_CONFIG
    members = read_members(value, path, shape, faults, noun="a CacheConfig")
    return CacheConfig(members.get("Enabled") is True, cast("str | None", members.get("ExpireAfter")))


def _read_property_file(value: Json, path: str, faults: Faults) -> PropertyFile | None:
    members = read_members(value, path, _PROPERTY_FILE, faults, noun="a property file")
    name, output, file_path = (members.get(member.name) for member in _PROPERTY_FILE)
    return PropertyFile(name, str(output or ""), str(file_path or ""), path) if isinstance(name, str) else None
