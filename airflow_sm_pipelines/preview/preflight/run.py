"""All checks of ``preflight``, one after the other. Every call only reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from airflow_sm_pipelines.aws.authorization import Account
from airflow_sm_pipelines.aws.calls import call, refusals
from airflow_sm_pipelines.definition.models import Pipeline
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.preview.permissions.known_values import KnownValues, unknown_value
from airflow_sm_pipelines.preview.permissions.needed import needed_permissions
from airflow_sm_pipelines.preview.permissions.planned_step import planned_steps
from airflow_sm_pipelines.preview.placeholders import PlaceholderScope
from airflow_sm_pipelines.preview.preflight.existence import MakeClient, existence_checks
from airflow_sm_pipelines.preview.preflight.named import UNKNOWN, Named, named_in
from airflow_sm_pipelines.preview.preflight.outcome import Checked, Place, Verdict, unchecked
from airflow_sm_pipelines.preview.preflight.quotas import quota_checks
from airflow_sm_pipelines.preview.preflight.simulation import permission_checks, principal_arn


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found before a first run.

    Attributes:
        where: Partition, region and account of the credentials.
        principal: The principal whose permissions were simulated; ``""`` if it could not be told.
        checks: The outcome of every check.
    """

    where: Account
    principal: str
    checks: tuple[Checked, ...]

    def of(self, verdict: Verdict) -> tuple[Checked, ...]:
        """Return the checks with one outcome."""
        return tuple(one for one in self.checks if one.verdict is verdict)


def run_preflight(
    pipeline: Pipeline,
    parameters: Mapping[str, str | int | float | bool],
    make_client: MakeClient,
    *,
    principal: str = "",
    role_arn: str = "",
) -> Preflight:
    """Check everything that can be checked before a first run.

    Args:
        pipeline: The definition.
        parameters: Values of parameters, in their own types; the definition's defaults are used for the others.
        make_client: Makes the clients.
        principal: ARN of the user or role whose permissions are simulated; ``""`` for the caller.
        role_arn: The role for steps that name none; ``""`` for that beside the definition.

    Raises:
        AwsCallError: Nobody can tell whose credentials these are.
    """
    with refusals("GetCallerIdentity"):
        sts = make_client("sts")
    caller = call(sts, "GetCallerIdentity", {})
    where = Account(str(caller["Arn"]).split(":")[1], str(sts.meta.region_name), str(caller["Account"]))
    if role_arn:
        pipeline = replace(pipeline, resource=replace(pipeline.resource, role_arn=role_arn))
    steps = planned_steps(pipeline, PlaceholderScope(pipeline, parameters))
    requests = {one.step.name: one.creation.request for one in steps if one.creation is not None}
    named = named_in(steps, KnownValues(requests, UNKNOWN))
    needed = needed_permissions(pipeline, parameters, where, unknown=UNKNOWN)
    checks = [
        Checked(Verdict.ERROR, f"step {one.step}", (Place(one.step, one.path),), "can be planned", fault)
        for one in needed.airflow
        for fault in one.faults
    ]
    checks += _unknown_names(named)
    checks += existence_checks(named, where, make_client)
    checks += quota_checks(named, make_client)
    try:
        principal = principal or principal_arn(caller, make_client)
        checks += permission_checks(principal, needed.airflow, make_client)
    except AwsCallError as error:
        expected = "the least that the definition needs"
        checks.append(unchecked(f"permissions of {caller['Arn']}", (), expected, error, "iam:GetRole"))
    return Preflight(where, principal, tuple(checks))


def _unknown_names(named: Named) -> Iterator[Checked]:
    for (sort, text), places in named.unknown.items():
        advice = unknown_value(text).advice
        expected = "there is a quota for them" if sort == "instances" else "exists"
        yield Checked(Verdict.UNCHECKED, f"{sort} {text}", tuple(places), expected, "known in a run only", advice)
