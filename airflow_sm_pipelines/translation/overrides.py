"""Airflow arguments of single tasks, by step name or step type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.errors import DefinitionError
from airflow_sm_pipelines.execution.connection import AwsConnection
from airflow_sm_pipelines.execution.settings import Waiting

_OF_CONNECTION = frozenset(field.name for field in fields(AwsConnection))
_OF_WAITING = frozenset(field.name for field in fields(Waiting))
# What the definition decides, and what the semantics of the service depend on.
_RESERVED = frozenset(
    {"task_id", "dag", "task_group", "plan", "settings", "connection", "waiting", "retry_policy", "trigger_rule"}
)


def wrong_role(place: str, value: object) -> Iterator[DefinitionError]:
    """Yield an error if an ``assume_role_arn`` is neither ``None`` nor the ARN of an IAM role.

    Args:
        place: What the message begins with.
        value: The value.
    """
    if value is None:
        return
    from airflow_sm_pipelines.execution.assumed_role import is_role_arn

    if not is_role_arn(value):
        hint = "give the ARN of an IAM role, such as 'arn:aws:iam::111122223333:role/PipelinesInThatAccount'"
        yield DefinitionError("", f"{place}assume_role_arn is not the ARN of a role: {value!r}", hint)


class StepOverrides:
    """The ``overrides`` of `pipeline_dag`.

    Args:
        overrides: Arguments by step name or step type.
        plans: The steps of the pipeline.
    """

    def __init__(self, overrides: Mapping[str, Mapping[str, object]], plans: Sequence[StepPlan]) -> None:
        self._overrides = overrides
        self._types = {plan.step.name: plan.step.type for plan in plans}

    def errors(self) -> Iterator[DefinitionError]:
        """Yield an error for each override with an unknown key, a reserved argument, or an invalid value."""
        for key, arguments in self._overrides.items():
            if key not in self._types and key not in STEP_TYPES:
                from difflib import get_close_matches  # only faulty overrides need it

                near = get_close_matches(key, [*self._types, *STEP_TYPES], n=1)
                yield DefinitionError(
                    "",
                    f"overrides: {key!r} is neither a step nor a step type",
                    f"did you mean {near[0]!r}?" if near else f"the steps are {', '.join(sorted(self._types))}",
                )
            for argument in sorted(_RESERVED & arguments.keys()):
                yield DefinitionError("", f"overrides[{key!r}]: {argument} cannot be overridden")
            yield from wrong_role(f"overrides[{key!r}]: ", arguments.get("assume_role_arn"))
            if "on_unknown" in arguments:
                yield from self._errors_of_on_unknown(key, arguments["on_unknown"])

    def _errors_of_on_unknown(self, key: str, value: object) -> Iterator[DefinitionError]:
        from airflow_sm_pipelines.execution.retry_policy import OnUnknown

        # A step may have the name of a type: then the key is for both.
        types = {self._types.get(key), key if key in STEP_TYPES else None}
        for other in sorted(name for name in types if name not in (None, "Lambda")):
            yield DefinitionError(
                "", f"overrides[{key!r}]: on_unknown is only supported for Lambda steps, not for {other} steps"
            )
        if value not in list(OnUnknown):
            allowed = " or ".join(repr(one.value) for one in OnUnknown)
            yield DefinitionError("", f"overrides[{key!r}]: on_unknown must be {allowed}, not {value!r}")

    def of(
        self, step: Step, connection: AwsConnection, waiting: Waiting
    ) -> tuple[AwsConnection, Waiting, dict[str, Any]]:
        """Return connection, waiting and further operator arguments of a step; its name wins over its type."""
        given: dict[str, Any] = {**self._overrides.get(step.type, {}), **self._overrides.get(step.name, {})}
        if not given:
            return connection, waiting, given
        of_connection = {name: given.pop(name) for name in _OF_CONNECTION & given.keys()}
        of_waiting = {name: given.pop(name) for name in _OF_WAITING & given.keys()}
        return replace(connection, **of_connection), replace(waiting, **of_waiting), given
