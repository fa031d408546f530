"""Keeps a local AWS and an Airflow of our own apart from the user's settings of AWS and Airflow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager

THIS_MACHINE = "127.0.0.1,localhost"


def without_settings(environment: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    """Return an environment without the variables that have one of the prefixes, such as ``AIRFLOW_``."""
    return {name: value for name, value in environment.items() if not name.startswith(prefixes)}


def hide_aws_settings(environment: MutableMapping[str, str]) -> None:
    """Remove what leads to an AWS account, another endpoint or a proxy from an environment."""
    _keep_only(environment, without_settings(environment, "AWS_"))
    environment.update(
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
        _keep_only(os.environ, before)
        os.environ.update(before)


def _keep_only(environment: MutableMapping[str, str], names: Iterable[str]) -> None:
    """Remove all other variables; the rest stays there all the time, since other threads may read it."""
    for name in environment.keys() - set(names):
        del environment[name]
