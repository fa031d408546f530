"""The simulation of policies: all is allowed, since the local AWS enforces no policy.

SDK 3 asks whether a role may do what it is about to need, and this is the true answer here, whatever policies the role
has, and whether or not it exists: jobs take any role, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.wire.json_service import Operation, RequestContext


def policy_simulation() -> Mapping[str, Operation]:
    """Return the operations by name."""
    return {"SimulatePrincipalPolicy": _simulate_principal_policy}


def _simulate_principal_policy(_: RequestContext, request: Document) -> Document:
    """Allow each action on each resource (API reference, SimulatePrincipalPolicy); no statement is the reason."""
    pairs = product(request["ActionNames"], request.get("ResourceArns") or ["*"])
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed",
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action, resource in pairs
    ]
    return {"EvaluationResults": results, "IsTruncated": False}
