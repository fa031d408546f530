"""Warnings: a definition that is valid, but may not do what its author thinks.

Nothing here is needed to run a pipeline; only ``sm-pipelines check`` pays for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from airflow_sm_pipelines.definition.expressions import JsonGet, is_join_without_key, parse_expression, references
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Pipeline, StepPlan, Trigger
from airflow_sm_pipelines.definition.paths import format_path
from airflow_sm_pipelines.definition.races import find_hidden_orders
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.traversal import own_arguments, walk


@dataclass(frozen=True, slots=True)
class DefinitionWarning:
    """Something of a valid definition that its author may want to look at.

    Attributes:
        path: JSON path of the place.
        message: What may surprise.
        hint: What to do about it, or ``""``.
    """

    path: str
    message: str
    hint: str = ""


Plans: TypeAlias = "Sequence[StepPlan]"


def warnings(pipeline: Pipeline) -> tuple[DefinitionWarning, ...]:
    """Return what may surprise the author of a valid pipeline.

    Args:
        pipeline: A pipeline that `load_pipeline` returned.
    """
    return tuple(warning for rule in _RULES for warning in rule(pipeline, pipeline.plans))


def _joins_without_key(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """The developer guide prints a Join without its key once; whether the service reads it is not known."""
    places: list[tuple[str, Json]] = [
        ("PipelineExperimentConfig", _config(pipeline.experiment_config)),
        ("MlflowConfig", _config(pipeline.mlflow_config)),
    ]
    for plan in plans:
        step = plan.step
        if not STEP_TYPES[step.type].payload:
            places.append((f"{step.path}.Arguments", own_arguments(step)))
        places += [(f"{step.path}.{name}", value) for name, value in step.members.items()]
    for base, tree in places:
        for path, value in walk(tree):
            if is_join_without_key(value) and path[-1:] != ("Std:Join",):
                message = "an object of On and Values is read as a Join, though its key is missing"
                yield DefinitionWarning(format_path(path, base), message, 'write {"Std:Join": {"On": ..., ...}}')


def _config(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _json_get_without_edge(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Developer guide, "Pass data between steps with Amazon S3": such a step needs an explicit dependency."""
    for plan in plans:
        if plan.step.depends_on:
            continue
        for path, value in walk(own_arguments(plan.step)):
            payload = STEP_TYPES[plan.step.type].payload
            expression = parse_expression(value, payload=payload)
            # Any Get of a step inside the URI is an edge to the step that wrote the file.
            if isinstance(expression, JsonGet) and not any("Steps." in str(ref) for _, ref in references(value)):
                message = "reads a file of S3, and no edge makes the step wait for the one that writes it"
                place = format_path(path, f"{plan.step.path}.Arguments")
                yield DefinitionWarning(place, message, "name the writing step in DependsOn")


def _never_runs(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """A step that needs steps of both branches of one Condition never runs."""
    branches = {plan.step.name: plan.step.branch for plan in plans}
    for plan in plans:
        chosen: dict[str, tuple[str, str]] = {}
        for edge in plan.edges:
            # A step that was not run has neither succeeded nor failed nor stopped.
            branch = branches[edge.upstream] if edge.trigger is not Trigger.ANY else None
            while branch:
                side, witness = chosen.setdefault(branch.condition, (branch.side, edge.upstream))
                if side != branch.side:
                    message = (
                        f"never runs: it waits for {witness} and {edge.upstream}, which stand in different branches of"
                        f" {branch.condition}"
                    )
                    yield DefinitionWarning(plan.step.path, message)
                branch = branches[branch.condition]


def _hidden_orders(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Steps that share a literal name or S3 URI without an edge start at once (see `hidden_order`)."""
    for order in find_hidden_orders(plans):
        message = f"uses {order.thing} of {order.producer}, but nothing makes the step wait for it: both start at once"
        yield DefinitionWarning(order.path, message, order.hint)


def _caching_without_age(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Developer guide, "Turn on step caching": a timeout must be defined, too; the SDK lets it be absent."""
    for plan in plans:
        config = plan.step.cache_config
        if config and config.enabled and config.expire_after is None:
            message = "caching is on, and nothing says how old a result may be"
            yield DefinitionWarning(f"{plan.step.path}.CacheConfig", message, "add ExpireAfter, e.g. 30d")


# Members whose value names an AWS resource: a placeholder left in one can only fail.
_RESOURCE_MEMBERS = frozenset(
    {"RoleArn", "ExecutionRoleArn", "ImageUri", "TrainingImage", "Image", "S3Uri", "FunctionArn"}
)
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\{\{[^}]*\}\}")


def _placeholders(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Text of a template engine that was never rendered (CloudFormation, Terraform, Jinja)."""
    found = [
        (format_path(path, plan.step.path), placeholder[0])
        for plan in plans
        for path, value in walk({"Arguments": own_arguments(plan.step), **plan.step.members})
        if path and path[-1] in _RESOURCE_MEMBERS and isinstance(value, str)
        if (placeholder := _PLACEHOLDER.search(value))
    ]
    if found:
        path, text = found[0]
        others = f" (there are {len(found)} such places)" if len(found) > 1 else ""
        message = f"{text!r} is a placeholder of a template and is sent as it is{others}"
        yield DefinitionWarning(path, message, "load the rendered definition")


# Types whose request has to name a role.
_TYPES_WITH_ROLE = frozenset({"Processing", "Training", "AutoML", "QualityCheck", "ClarifyCheck", "Job"})


def _no_role(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """The published schema requires RoleArn of these; a step without one takes the role that the DAG is given."""
    bare = [plan.step for plan in plans if plan.step.type in _TYPES_WITH_ROLE and "RoleArn" not in plan.step.arguments]
    if bare:
        others = f", nor do {len(bare) - 1} more" if len(bare) > 1 else ""
        message = f"{bare[0].name} names no RoleArn{others}: such a step takes the role of the DAG"
        yield DefinitionWarning(f"{bare[0].path}.Arguments", message, "pass role_arn=... to pipeline_dag")


_SECRET_NAME = re.compile(
    r"(password|passwd|passphrase|secret|credentials?|(?<!max_)(?<!max-)token|api[_-]?key|access[_-]?key|private[_-]?key)"
    r"([_-]?(value|string|text|key))?$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(ghp_|hf_|xox[bp]-)\w{16}"
)


def _secrets(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """A definition is readable to everyone who may describe the pipeline or the job, and is kept in DAG versions."""
    for parameter in pipeline.parameters:
        if _is_secret(parameter.name, parameter.default):
            message = f"the default of {parameter.name} looks like a secret; everyone who sees the DAG can read it"
            yield DefinitionWarning(f"{parameter.path}.DefaultValue", message, _SECRET_HINT)
    for plan in plans:
        for path, value in walk(own_arguments(plan.step)):
            named = path[-2:-1]
            if named and named[0] in ("Environment", "HyperParameters") and _is_secret(str(path[-1]), value):
                message = f"{path[-1]} looks like a secret; everyone who may describe the job can read it"
                yield DefinitionWarning(format_path(path, f"{plan.step.path}.Arguments"), message, _SECRET_HINT)


_SECRET_HINT = "keep it in AWS Secrets Manager and pass its name"  # noqa: S105 - a hint


def _is_secret(name: str, value: object) -> bool:
    if not isinstance(value, str) or not value or value.startswith("arn:"):
        return False
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))


_RULES: tuple[Callable[[Pipeline, Plans], Iterator[DefinitionWarning]], ...] = (
    _never_runs,
    _hidden_orders,
    _json_get_without_edge,
    _joins_without_key,
    _caching_without_age,
    _placeholders,
    _no_role,
    _secrets,
)
