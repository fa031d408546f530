"""The partitions of AWS: commercial regions, China, GovCloud and others, each with ARNs and consoles of its own."""

from __future__ import annotations

_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
)


def partition_of(region: str) -> str:
    """Return the partition of a region by the beginning of its name, as botocore's ``partitions.json`` has them."""
    return next((partition for beginning, partition in _PARTITIONS if region.startswith(beginning)), "aws")
