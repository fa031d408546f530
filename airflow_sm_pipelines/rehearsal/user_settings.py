"""Hides the user's settings of AWS and Airflow from what runs on a local AWS or an Airflow of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager

THIS_MACHINE = "127.0.0.1,localhost"


def without_settings(environment: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    """Return an environment without the variables that have one of the prefixes, such as ``AIRFLOW_``."""
    return {name: value for name, value in environment.items() if not name.startswith(prefixes)}


def hide_aws_settings(environment: MutableMapping[str, str]) -> None:
    """Remove what leads to an AWS account, another endpoint or a proxy from an environment."""
    kept = without_settings(environment, "AWS_")
    environment.clear()
    environment.update(
        kept,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        NO_PROXY=THIS_MACHINE,
        no_proxy=THIS_MACHINE,
    )


@contextmanager
def aws_settings_hidden() -> Iterator[None]:
    """Hide the AWS settings of this process in the block: botocore and moto read its environment."""
    before = dict(os.environ)
    hide_aws_settings(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
