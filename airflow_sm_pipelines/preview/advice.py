"""Warnings about definitions that are valid, but may not do what their author expects.

No run needs them; only ``sm-pipelines check`` loads this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from airflow_sm_pipelines.aws.lambda_function import region_of
from airflow_sm_pipelines.catalog import CATALOG
from airflow_sm_pipelines.definition.expressions import (
    JsonGet,
    Reference,
    is_join_without_key,
    parse_expression,
    references,
)
from airflow_sm_pipelines.definition.json_values import Json
from airflow_sm_pipelines.definition.models import Pipeline, Step, StepPlan, Trigger
from airflow_sm_pipelines.definition.paths import format_path
from airflow_sm_pipelines.definition.step_types import STEP_TYPES
from airflow_sm_pipelines.definition.traversal import own_arguments, walk
from airflow_sm_pipelines.preview.cache_advice import never_reused_results
from airflow_sm_pipelines.preview.races import find_races, written_uris
from airflow_sm_pipelines.semantics.without_effect import without_effect


@dataclass(frozen=True, slots=True)
class DefinitionWarning:
    """Something in a valid definition that may surprise its author.

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
    """Return the warnings about a valid pipeline.

    Args:
        pipeline: A pipeline that `load_pipeline` returned.
    """
    return tuple(warning for rule in _RULES for warning in rule(pipeline, pipeline.plans))


def _joins_without_key(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Warn about a Join without its key: the developer guide prints one, but the service may not accept it."""
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
                message = "an object with On and Values is treated as a Std:Join, although that key is missing"
                yield DefinitionWarning(format_path(path, base), message, 'write {"Std:Join": {"On": ..., ...}}')


def _config(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _json_get_without_edge(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Warn about a step without the dependency that "Pass data between steps with Amazon S3" requires.

    Of a file that a step of the pipeline writes, `races` tells.
    """
    is_written = written_uris(plans)
    for plan in plans:
        if plan.step.depends_on:
            continue
        for path, value in walk(own_arguments(plan.step)):
            payload = STEP_TYPES[plan.step.type].payload
            expression = parse_expression(value, payload=payload)
            # A Get of a step inside the URI is an edge to the step that writes the file.
            if not isinstance(expression, JsonGet) or any("Steps." in str(ref) for _, ref in references(value)):
                continue
            # Payloads are free JSON: `races` leaves them alone.
            if payload or isinstance(expression.source, Reference) or not is_written(expression.source):
                message = "reads a file from S3, but does not wait for the step that writes it"
                place = format_path(path, f"{plan.step.path}.Arguments")
                yield DefinitionWarning(place, message, "add the writing step to DependsOn")


def _never_runs(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Warn about a step that needs steps of both branches of one Condition: it never runs."""
    branches = {plan.step.name: plan.step.branch for plan in plans}
    for plan in plans:
        chosen: dict[str, tuple[str, str]] = {}
        told: set[str] = set()
        for edge in plan.edges:
            # A step that was not run has neither succeeded nor failed nor stopped.
            branch = branches[edge.upstream] if edge.trigger is not Trigger.ANY else None
            while branch:
                is_new = branch.condition not in chosen
                side, witness = chosen.setdefault(branch.condition, (branch.side, edge.upstream))
                if side != branch.side and branch.condition not in told:
                    told.add(branch.condition)
                    message = (
                        f"never runs: it waits for {witness} and {edge.upstream}, which are in different branches of"
                        f" {branch.condition}"
                    )
                    yield DefinitionWarning(plan.step.path, message)
                # The conditions around one that is known are known.
                branch = branches[branch.condition] if is_new else None


def _races(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Warn about steps that share a literal name or S3 URI without an edge (see `races`)."""
    for race in find_races(plans):
        makers, wait = race.producer, "but does not wait for that step: both start at the same time"
        if race.others:
            makers, wait = f"{makers} and {race.others} more", "but does not wait for them: all start at the same time"
        message = f"uses {race.thing} of {makers}, {wait}"
        yield DefinitionWarning(race.path, message, race.hint)


def _caching_without_age(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Warn about caching without ExpireAfter, which "Turn on step caching" requires and the SDK does not."""
    for plan in plans:
        config = plan.step.cache_config
        if config and config.enabled and config.expire_after is None:
            message = "caching is enabled without a maximum age of results"
            yield DefinitionWarning(f"{plan.step.path}.CacheConfig", message, "add ExpireAfter, e.g. 30d")


def _cached_but_never_reused(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Warn about cached steps whose key attributes are new in each run (see `cache_advice`)."""
    for found in never_reused_results(pipeline):
        yield DefinitionWarning(found.path, found.message, found.hint)


def _functions_of_other_regions(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Warn about functions in different regions: a Lambda step needs one in the pipeline's own ("Lambda step")."""
    regions: dict[str, str] = {}
    for plan in plans:
        function = plan.step.members.get("FunctionArn")
        region = region_of(function) if isinstance(function, str) else ""
        if region and regions.setdefault(region, plan.step.name) == plan.step.name and len(regions) > 1:
            first, other = next(iter(regions.items()))
            message = f"its function is in {region}, that of {other} in {first}; a pipeline invokes those of one region"
            hint = "name a function of that region, or give the step a region_name through overrides"
            yield DefinitionWarning(f"{plan.step.path}.FunctionArn", message, hint)


def _without_effect(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Warn about what a run does not follow yet (see `airflow_sm_pipelines.semantics.without_effect`)."""
    for member in without_effect(pipeline):
        yield DefinitionWarning(member.path, member.message, member.hint)


# Members whose value names an AWS resource: with a placeholder, the call can only fail.
_RESOURCE_MEMBERS = frozenset(
    {"RoleArn", "ExecutionRoleArn", "ImageUri", "TrainingImage", "Image", "S3Uri", "FunctionArn"}
)
# CloudFormation and Terraform, Jinja; `envsubst` and people who are to fill it in write nothing but the placeholder.
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|\{\{[^}]*\}\}|\A(\$\w+|<[^<>]+>)\Z")


def has_placeholder(value: object) -> bool:
    """Tell whether a value is text of a template that was never rendered."""
    return isinstance(value, str) and bool(_PLACEHOLDER.search(value))


def _placeholders(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Warn about text of a template that was never rendered (CloudFormation, Terraform, Jinja)."""
    found = [
        (format_path(path, plan.step.path), placeholder[0])
        for plan in plans
        for path, value in walk({"Arguments": own_arguments(plan.step), **plan.step.members})
        if path and path[-1] in _RESOURCE_MEMBERS and isinstance(value, str)
        if (placeholder := _PLACEHOLDER.search(value))
    ]
    if found:
        path, text = found[0]
        others = f" ({len(found)} such places)" if len(found) > 1 else ""
        message = f"{text!r} looks like a template placeholder and is sent to AWS as it is{others}"
        yield DefinitionWarning(path, message, "load the rendered definition")


def _no_role(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Warn about steps without the RoleArn that the published schema requires; they use the role of the DAG."""
    bare = [plan.step for plan in plans if _takes_role(plan.step) and "RoleArn" not in plan.step.arguments]
    if bare and pipeline.resource.role_arn is None:
        others = f" and {len(bare) - 1} more" if len(bare) > 1 else ""
        message = f"no RoleArn in {bare[0].name}{others}: such steps use the role_arn of the DAG"
        yield DefinitionWarning(f"{bare[0].path}.Arguments", message, "pass role_arn=... to pipeline_dag")


def _takes_role(step: Step) -> bool:
    return CATALOG[step.type].role_member == "RoleArn"


_SECRET_NAME = re.compile(
    r"(password|passwd|passphrase|secret|credentials?|(?<!max_)(?<!max-)token|api[_-]?key|access[_-]?key|private[_-]?key)"
    r"([_-]?(value|string|text|key))?$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(ghp_|hf_|xox[bp]-)\w{16}"
)


def _secrets(pipeline: Pipeline, plans: Plans) -> Iterator[DefinitionWarning]:
    """Warn about secrets: who can describe the pipeline or the job can read them, and DAG versions keep them."""
    for parameter in pipeline.parameters:
        if _is_secret(parameter.name, parameter.default):
            message = f"the default of {parameter.name} looks like a secret; everyone who can see the DAG can read it"
            yield DefinitionWarning(f"{parameter.path}.DefaultValue", message, _SECRET_HINT)
    for plan in plans:
        for path, value in walk(own_arguments(plan.step)):
            named = path[-2:-1]
            if named and named[0] in ("Environment", "HyperParameters") and _is_secret(str(path[-1]), value):
                message = f"{path[-1]} looks like a secret; everyone who can describe the job can read it"
                yield DefinitionWarning(format_path(path, f"{plan.step.path}.Arguments"), message, _SECRET_HINT)


_SECRET_HINT = "store it in AWS Secrets Manager and pass its name"  # noqa: S105 - a hint


def _is_secret(name: str, value: object) -> bool:
    if not isinstance(value, str) or not value or value.startswith("arn:"):
        return False
    return bool(_SECRET_NAME.search(name) or _SECRET_VALUE.search(value))


_RULES: tuple[Callable[[Pipeline, Plans], Iterator[DefinitionWarning]], ...] = (
    _never_runs,
    _races,
    _json_get_without_edge,
    _joins_without_key,
    _caching_without_age,
    _cached_but_never_reused,
    _without_effect,
    _functions_of_other_regions,
    _placeholders,
    _no_role,
    _secrets,
)
