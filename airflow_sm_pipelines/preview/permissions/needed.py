"""Everything that a definition must be allowed to do, derived from the calls of `planned_calls`. Asks nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from airflow_sm_pipelines.aws.authorization import ANY, Account, passed_roles
from airflow_sm_pipelines.aws.partitions import partition_of
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.preview.permissions.airflow_role import airflow_permissions
from airflow_sm_pipelines.preview.permissions.job_roles import job_role_permissions
from airflow_sm_pipelines.preview.permissions.json_files import json_files
from airflow_sm_pipelines.preview.permissions.known_values import KnownValues
from airflow_sm_pipelines.preview.permissions.permission import NeededPermissions
from airflow_sm_pipelines.preview.permissions.planned_step import PlannedStep, planned_steps
from airflow_sm_pipelines.preview.placeholders import PlaceholderScope

_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):(?P<account>[0-9]{12}):"
)


def needed_permissions(
    pipeline: Pipeline,
    parameters: Mapping[str, str | int | float | bool],
    given: Account = Account(),  # noqa: B008 - immutable
    role_arn: str = "",
    unknown: str = ANY,
) -> NeededPermissions:
    """Return what a definition must be allowed to do.

    Args:
        pipeline: The definition.
        parameters: Values of parameters, in their own types; the definition's defaults are used for the others.
        given: Where the pipeline is to run; what is not given is taken from the definition, if it tells.
        role_arn: The role for steps that name none; ``""`` for that beside the definition.
        unknown: What stands in resources for a value that only a run knows.
    """
    if role_arn:
        pipeline = replace(pipeline, resource=replace(pipeline.resource, role_arn=role_arn))
    scope = PlaceholderScope(pipeline, parameters)
    steps = planned_steps(pipeline, scope)
    requests = {one.step.name: one.creation.request for one in steps if one.creation is not None}
    known = KnownValues(requests, unknown)
    account = account_of(pipeline, steps, given)
    by_name = {step.name: step for step in pipeline.steps}
    trial = scope.trial()
    airflow = tuple(
        airflow_permissions(
            one, json_files(one.step, by_name, requests, scope), trial[1] if trial else "", known, account
        )
        for one in steps
    )
    return NeededPermissions(account, airflow, job_role_permissions(steps, known, account))


def account_of(pipeline: Pipeline, steps: Iterable[PlannedStep], given: Account) -> Account:
    """Return where a pipeline runs, as far as that is given or the definition tells.

    The ARN of the pipeline tells it. The roles tell the account: only a role of the same account can be passed on (IAM
    user guide, "Grant a user permissions to pass a role to an AWS service").

    Args:
        pipeline: The definition.
        steps: Its steps with the calls that start their work.
        given: What is given; it wins.
    """
    texts = [pipeline.resource.arn or "", pipeline.resource.role_arn or ""]
    creations = [one.creation for one in steps if one.creation is not None]
    texts += [role.role for call in creations for role in passed_roles(call.service, dict(call.request))]
    told = [found for text in texts if (found := _ARN.match(text))]

    def told_of(member: str) -> str:
        values = {one[member] for one in told} - {""}
        return values.pop() if len(values) == 1 else ANY

    region = given.region if given.region != ANY else told_of("region")
    partition = told_of("partition") if region == ANY else partition_of(region)
    partition = partition if given.partition == ANY else given.partition
    return Account(partition, region, given.account if given.account != ANY else told_of("account"))
