"""Asks IAM whether the principal of the Airflow connection has the permissions that a definition needs.

Source: IAM API reference, SimulatePrincipalPolicy. It looks at the policies of the principal and its permissions
boundary; policies of resources and sessions are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_sm_pipelines.aws.calls import Body, call, pages, refusals
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.preview.permissions.permission import Permission, StepPermissions
from airflow_sm_pipelines.preview.preflight.existence import MakeClient
from airflow_sm_pipelines.preview.preflight.named import UNKNOWN
from airflow_sm_pipelines.preview.preflight.outcome import Checked, Place, Verdict, unchecked

_STAND_IN = "preflight"
_MOST_RESOURCES = 25


def principal_arn(caller: Body, make_client: MakeClient) -> str:
    """Return the ARN of the user or the role that a caller is; a session has that of its role.

    Args:
        caller: The answer of GetCallerIdentity.
        make_client: Makes the clients.

    Raises:
        AwsCallError: The role could not be read.
    """
    arn = str(caller["Arn"])
    kind, _, rest = arn.split(":", 5)[5].partition("/")
    if kind != "assumed-role":
        return arn
    with refusals("GetRole"):
        client = make_client("iam")
    # The ARN of a session does not tell the path of its role.
    return str(call(client, "GetRole", {"RoleName": rest.partition("/")[0]})["Role"]["Arn"])


def permission_checks(principal: str, steps: Sequence[StepPermissions], make_client: MakeClient) -> Iterator[Checked]:
    """Yield the outcome for each action and resource.

    Args:
        principal: ARN of the user or role.
        steps: What it needs; a resource with `UNKNOWN` is not simulated.
        make_client: Makes the clients.
    """
    if principal.endswith(":root"):
        yield Checked(Verdict.OK, f"permissions of {principal}", (), "allowed")
        return
    needs = _needs(steps)
    with refusals("SimulatePrincipalPolicy"):
        client = make_client("iam")
    for (action, resource, _), found in needs.items():
        if UNKNOWN in resource:
            yield _not_known(action, resource, found, principal)
    for (resources, condition), actions in _batches(needs).items():
        request = _request(principal, actions, resources, condition)
        try:
            results = list(pages(client, "SimulatePrincipalPolicy", request, "EvaluationResults", "Marker"))
        except AwsCallError as error:
            expected = f"allowed to {principal}"
            yield unchecked("permissions", (), expected, error, f"iam:SimulatePrincipalPolicy on {principal}")
            return
        decisions = {(one["EvalActionName"], one.get("EvalResourceName", "*")): one["EvalDecision"] for one in results}
        for action in actions:
            for resource in resources:
                decision = decisions.get((action, _concrete(resource)))
                yield _outcome(decision, action, resource, needs[action, resource, condition], principal)


_Needs = dict[tuple[str, str, tuple[str, ...]], list[tuple[Permission, Place]]]


def _needs(steps: Sequence[StepPermissions]) -> _Needs:
    needs: _Needs = {}
    for step in steps:
        for permission in step.permissions:
            allows = permission.allows
            capital = {one.lower() for one in allows.resources if one != one.lower()}
            for resource in allows.resources:
                if resource in capital:
                    continue  # the other form of the same name
                key = (allows.action, resource, allows.condition)
                needs.setdefault(key, []).append((permission, Place(step.step, step.path)))
    return needs


def _batches(needs: _Needs) -> dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]]:
    """Return the actions that are simulated for the same resources under the same condition."""
    by_action: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for action, resource, condition in needs:
        if UNKNOWN not in resource:
            by_action.setdefault((action, condition), []).append(resource)
    batches: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (action, condition), resources in by_action.items():
        for first in range(0, len(resources), _MOST_RESOURCES):
            batches.setdefault((tuple(resources[first : first + _MOST_RESOURCES]), condition), []).append(action)
    return batches


def _request(principal: str, actions: Sequence[str], resources: Sequence[str], condition: tuple[str, ...]) -> Body:
    context = [
        {"ContextKeyName": condition[1], "ContextKeyValues": [_concrete(one)], "ContextKeyType": "string"}
        for one in condition[2:3]
    ]
    return {
        "PolicySourceArn": principal,
        "ActionNames": list(actions),
        "ResourceArns": [_concrete(one) for one in resources],
        **({"ContextEntries": context} if context else {}),
    }


def _concrete(resource: str) -> str:
    """Return a resource that a pattern stands for: the simulation takes no patterns."""
    return resource if resource == "*" else resource.replace("*", _STAND_IN)


def _not_known(action: str, resource: str, found: Sequence[tuple[Permission, Place]], principal: str) -> Checked:
    return Checked(
        Verdict.UNCHECKED,
        f"{action} on {resource.replace(UNKNOWN, '*')}",
        _places(found),
        f"allowed to {principal}",
        "the resource is known in a run only",
        "give the values of parameters with --parameters NAME=VALUE, and the role of the DAG with --role-arn",
    )


def _places(found: Sequence[tuple[Permission, Place]]) -> tuple[Place, ...]:
    return tuple(dict.fromkeys(place for _, place in found))


def _outcome(
    decision: str | None, action: str, resource: str, found: Sequence[tuple[Permission, Place]], principal: str
) -> Checked:
    needed = found[0][0]
    subject, expected, places = (
        f"{action} on {resource}",
        f"allowed to {principal}, to {needed.reason}",
        _places(found),
    )
    if decision == "allowed":
        return Checked(Verdict.OK, subject, places, expected)
    if decision is None:
        return Checked(Verdict.UNCHECKED, subject, places, expected, "the simulation does not tell")
    denied, advice = (
        ("a policy denies it", "remove the denial")
        if decision == "explicitDeny"
        else ("no policy allows it", "allow it; `sm-pipelines iam-policy` prints the whole policy")
    )
    optional = all(one.without for one, _ in found)
    less = f"; without it: {needed.without}" if optional else ""
    return Checked(Verdict.WARNING if optional else Verdict.ERROR, subject, places, expected, denied + less, advice)
