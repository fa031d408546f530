"""The user's own AWS settings, which must not matter where a local AWS is meant."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager


def leave_user_settings(environment: MutableMapping[str, str]) -> None:
    """Take out of an environment what would lead to an AWS account, another endpoint or a proxy."""
    for name in [name for name in environment if name.startswith("AWS_")]:
        del environment[name]
    environment.update(
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        NO_PROXY="127.0.0.1,localhost",
        no_proxy="127.0.0.1,localhost",
    )


@contextmanager
def without_user_settings() -> Iterator[None]:
    """Do as `leave_user_settings` says with this process, for a while; botocore and moto read its environment."""
    before = dict(os.environ)
    leave_user_settings(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
