"""Which resource: what makes an ARN."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_sm_pipelines.local.settings import ACCOUNT_ID


@dataclass(frozen=True, slots=True)
class ResourceKey:
    """One resource: names are unique for each kind, account and region.

    Args:
        kind: Resource type in the ARN, e.g. ``processing-job``.
        region: AWS region.
        name: Name of the resource; ``group/version`` for a model package of a group.
    """

    kind: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """The resource's ARN."""
        return f"arn:aws:sagemaker:{self.region}:{ACCOUNT_ID}:{self.kind}/{self.name}"
