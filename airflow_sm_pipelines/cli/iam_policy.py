"""``sm-pipelines iam-policy FILE``: the least IAM policy for a definition. Needs neither AWS nor Airflow's database."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from airflow_sm_pipelines.aws.authorization import ANY, Account
from airflow_sm_pipelines.cli.arguments import WRONG_USAGE, add_definition, add_parameters, read_with_values
from airflow_sm_pipelines.preview.permissions.permission import NeededPermissions, StepPermissions, permissions_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``iam-policy``."""
    add_definition(parser)
    add_parameters(parser, "those of the definition")
    parser.add_argument("--account", default=ANY, help="AWS account, 12 digits (default: that of the roles, or any)")
    parser.add_argument("--region", default=ANY, help="AWS region (default: any)")
    parser.add_argument("--partition", default=ANY, help="e.g. aws-cn (default: that of the region or the roles)")
    parser.add_argument("--role-arn", default="", metavar="ARN", help="the role of steps that name none")
    parser.add_argument(
        "--for",
        dest="principal",
        default="airflow",
        metavar="airflow|ROLE",
        help="whose policy to print: of the Airflow connection (default), or of a job role, by its ARN or name",
    )
    parser.add_argument("--trust", action="store_true", help="with --for ROLE: print the role's trust policy instead")
    parser.add_argument(
        "--format",
        choices=("policy", "text", "json"),
        default="policy",
        help="policy: JSON, to be pasted as it is (default); text: a table of reasons; json: both, of all roles",
    )


def run(args: argparse.Namespace) -> int:
    """Print the policy.

    Returns:
        0; 1 if the file is no definition, or not all calls of a step can be told; 2 for a wrong argument.
    """
    from airflow_sm_pipelines.preview.permissions.needed import needed_permissions

    read = read_with_values(args, "iam-policy")
    if isinstance(read, int):
        return read
    pipeline, values = read
    needed = needed_permissions(pipeline, values, Account(args.partition, args.region, args.account), args.role_arn)
    if args.format == "policy":
        return _print_policy(needed, args)
    if args.format == "json":
        from airflow_sm_pipelines.preview.permissions.reports import IamPolicyReport
        from airflow_sm_pipelines.preview.reports import report_text

        print(report_text(IamPolicyReport.of(needed)))
    else:
        from airflow_sm_pipelines.preview.permissions.text import as_text

        print(as_text(needed))
    return 1 if any(step.faults for step in needed.airflow) else 0


def _print_policy(needed: NeededPermissions, args: argparse.Namespace) -> int:
    """Print one policy and nothing else on standard output; what to know of it on standard error."""
    from airflow_sm_pipelines.preview.permissions.job_roles import trust_policy
    from airflow_sm_pipelines.preview.permissions.policy_document import policy_document

    role = None if args.principal == "airflow" else needed.role(args.principal)
    if args.principal != "airflow" and role is None:
        named = ", ".join(one.role for one in needed.roles if one.role) or "none"
        return _complain(f"no request of the definition names the role {args.principal}; it has: {named}", WRONG_USAGE)
    if args.trust:
        trusted = trust_policy(role) if role else None
        if trusted is None:
            return _complain("--trust: no AWS service assumes that principal", WRONG_USAGE)
        print(json.dumps(trusted, indent=2))
        return 0
    steps = role.steps if role else needed.airflow
    document = policy_document(permissions_of(steps))
    if not document["Statement"]:
        _complain("nothing needs to be allowed", 0)
    print(json.dumps(document, indent=2))
    return _tell(steps, role.notes if role else (), document)


def _tell(steps: Sequence[StepPermissions], notes: Sequence[str], document: dict[str, object]) -> int:
    from airflow_sm_pipelines.preview.permissions.policy_document import LARGEST_MANAGED_POLICY, size
    from airflow_sm_pipelines.preview.permissions.text import in_words

    for step in steps:
        for value in step.unknown:
            _complain(f"{step.step}: the policy has * in place of {in_words(value)}", 0)
        for fault in step.faults:
            _complain(f"{step.step}: {fault}", 1)
    for note in notes:
        _complain(note, 0)
    if size(document) > LARGEST_MANAGED_POLICY:
        _complain(
            f"the policy has {size(document)} characters, and a managed policy at most {LARGEST_MANAGED_POLICY}: "
            "divide its statements among several, or make it an inline policy of the role (at most 10240)",
            0,
        )
    return 1 if any(step.faults for step in steps) else 0


def _complain(message: str, code: int) -> int:
    print(f"sm-pipelines iam-policy: {message}", file=sys.stderr)
    return code
