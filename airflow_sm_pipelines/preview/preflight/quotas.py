"""Checks the quotas of instances: whether the account may use as many as one step asks for.

What is in use at the moment is not compared: no API of SageMaker tells it in one call.
"""

from __future__ import annotations

from collections.abc import Iterator

from airflow_sm_pipelines.aws.calls import pages, refusals
from airflow_sm_pipelines.errors import AwsCallError
from airflow_sm_pipelines.preview.preflight.existence import MakeClient
from airflow_sm_pipelines.preview.preflight.named import Named
from airflow_sm_pipelines.preview.preflight.outcome import Checked, Verdict, unchecked


def quota_checks(named: Named, make_client: MakeClient) -> Iterator[Checked]:
    """Yield the outcome for each type of instance and each use.

    Args:
        named: What the definition names.
        make_client: Makes the clients.
    """
    wanted = {f"{instance} for {use}": found for (use, instance), found in named.instances.items()}
    if not wanted:
        return
    try:
        values = _values(set(wanted), make_client)
    except AwsCallError as error:
        for name, (count, places) in wanted.items():
            yield unchecked(f"quota {name}", places, f"at least {count}", error, "servicequotas:ListServiceQuotas")
        return
    for name, (count, places) in wanted.items():
        subject, expected, value = f"quota {name}", f"at least {count}", values.get(name)
        if value is None:
            found = "Service Quotas lists no quota of that name"
            yield Checked(Verdict.UNCHECKED, subject, tuple(places), expected, found)
        elif value < count:
            advice = "ask for more in the Service Quotas console (Amazon SageMaker), or use another instance type"
            yield Checked(Verdict.ERROR, subject, tuple(places), expected, f"it is {value:g}", advice)
        else:
            yield Checked(Verdict.OK, subject, tuple(places), expected)


def _values(wanted: set[str], make_client: MakeClient) -> dict[str, float]:
    """Return the quotas of these names; stop reading when all are found."""
    with refusals("ListServiceQuotas"):
        client = make_client("service-quotas")
    found: dict[str, float] = {}
    for quota in pages(client, "ListServiceQuotas", {"ServiceCode": "sagemaker", "MaxResults": 100}, "Quotas"):
        if quota.get("QuotaName") in wanted:
            found[str(quota["QuotaName"])] = float(quota["Value"])
            if len(found) == len(wanted):
                break
    return found
