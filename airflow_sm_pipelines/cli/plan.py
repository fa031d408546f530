"""``sm-pipelines plan FILE``: every request as it would be sent, with placeholders for what only a run knows."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import cast

from airflow_sm_pipelines.cli.definition_file import read_definition
from airflow_sm_pipelines.cli.graph import edge_text
from airflow_sm_pipelines.cli.parameter_arguments import add_format, add_parameters, parameter_values
from airflow_sm_pipelines.definition.graph import StepPlan
from airflow_sm_pipelines.definition.json_values import JsonObject
from airflow_sm_pipelines.definition.models import CacheConfig
from airflow_sm_pipelines.errors import ParameterValueError
from airflow_sm_pipelines.preview.aws_requests import AwsRequest, filled_arguments, requests_of
from airflow_sm_pipelines.preview.placeholders import KnownValues, Placeholder
from airflow_sm_pipelines.semantics.retry import rules_of

_WRONG_USAGE = 2


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step as it would run.

    Attributes:
        plan: The step and its edges.
        arguments: Its Arguments with values and placeholders, nested steps excluded.
        members: The type's own members at step level, likewise.
        requests: The AWS calls that start its work.
        retries: Each of its retry policies, and the service's defaults, in words.
        faults: What the API would refuse, where that was asked for.
    """

    plan: StepPlan
    arguments: JsonObject
    members: JsonObject
    requests: list[AwsRequest]
    retries: list[str]
    faults: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``plan``."""
    parser.add_argument("file", metavar="FILE", help="a pipeline definition (JSON)")
    add_parameters(parser, "those of the definition")
    add_format(parser)
    parser.add_argument(
        "--validate", action="store_true", help="compare each request with the API's types and limits (botocore)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the plan; 1 when the file is no definition or a request has a fault, 2 for a wrong parameter."""
    pipeline = read_definition(args.file)
    if pipeline is None:
        return 1
    try:
        values = parameter_values(pipeline, args.parameters)
    except ParameterValueError as error:
        print(f"sm-pipelines plan: {error}", file=sys.stderr)
        return _WRONG_USAGE
    known = KnownValues(pipeline, values)
    steps = [plan_step(plan, known, validate=args.validate) for plan in pipeline.plans]
    print(_as_json(known, steps) if args.format == "json" else _as_text(known, steps))
    return 1 if any(step.faults for step in steps) else 0


def plan_step(plan: StepPlan, known: KnownValues, *, validate: bool = False) -> PlannedStep:
    """Return what is known of a step before it runs.

    Args:
        plan: The step and its edges.
        known: What is known before the run.
        validate: Compare the requests with botocore's model.
    """
    from airflow_sm_pipelines.preview.request_faults import as_sent  # noqa: PLC0415 - loads botocore's models

    step = plan.step
    requests = [as_sent(request) for request in requests_of(step, known)]
    return PlannedStep(
        plan=plan,
        arguments=filled_arguments(step, known),
        members=cast("JsonObject", known.fill(step.members)),
        requests=requests,
        retries=[rule.in_words() for rule in rules_of(step.retry_policies)] if requests else [],
        faults=_faults(requests) if validate else [],
    )


def _faults(requests: Sequence[AwsRequest]) -> list[str]:
    from airflow_sm_pipelines.preview.request_faults import request_faults  # noqa: PLC0415 - loads botocore's models

    return [f"{request.operation}: {fault}" for request in requests for fault in request_faults(request)]


def _cache_text(config: CacheConfig) -> str:
    if not config.enabled:
        return "off"
    return f"results up to {config.expire_after} old" if config.expire_after else "results of any age"


def _as_json(known: KnownValues, steps: Sequence[PlannedStep]) -> str:
    return json.dumps({"parameters": known.parameters, "steps": [_step_json(step) for step in steps]}, indent=2)


def _step_json(planned: PlannedStep) -> JsonObject:
    plan, cache, branch = planned.plan, planned.plan.step.cache_config, planned.plan.step.branch
    return {
        "name": plan.step.name,
        "type": plan.step.type,
        "calls": [
            {"service": request.service, "operation": request.operation, "request": request.body}
            for request in planned.requests
        ],
        "arguments": planned.arguments,
        "members": planned.members,
        "depends_on": [{"step": edge.upstream, "trigger": edge.trigger.value} for edge in plan.edges],
        "branch_of": {"condition": branch.condition, "branch": branch.side} if branch else None,
        "body_of": plan.step.body_of,
        "retries": list(planned.retries),
        "cache": {"enabled": cache.enabled, "expire_after": cache.expire_after} if cache else None,
        "faults": list(planned.faults),
    }


def _as_text(known: KnownValues, steps: Sequence[PlannedStep]) -> str:
    missing = [name for name, value in known.parameters.items() if isinstance(value, Placeholder)]
    head = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in known.parameters.items()]
    if missing:
        head.append(f"no value yet: {', '.join(missing)}")
    faults = sum(len(step.faults) for step in steps)
    tail = [f"{faults} {'fault' if faults == 1 else 'faults'}"] if faults else []
    return "\n\n".join(["\n".join(head)] * bool(head) + [_step_text(step) for step in steps] + tail)


def _step_text(planned: PlannedStep) -> str:
    plan = planned.plan
    lines = [f"{plan.step.name}  {plan.step.type}"]
    if plan.step.body_of:
        lines.append(f"  once per item of {plan.step.body_of}")
    if plan.edges:
        lines.append(f"  after: {', '.join(edge_text(edge) for edge in plan.edges)}")
    lines += [f"  retries: {text}" for text in planned.retries]
    if plan.step.cache_config:
        lines.append(f"  cache: {_cache_text(plan.step.cache_config)}")
    for request in planned.requests:
        lines += [f"  {request.service}:{request.operation}", _indented(request.body)]
    if not planned.requests:
        lines += ["  evaluated without an AWS call of its own", _indented(planned.arguments)]
    if planned.members:
        lines += ["  members", _indented(planned.members)]
    lines += [f"  fault: {fault}" for fault in planned.faults]
    return "\n".join(lines)


def _indented(value: JsonObject) -> str:
    return indent(json.dumps(value, indent=2, ensure_ascii=False), "    ")
