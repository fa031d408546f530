"""botocore's models of the services, each read once in a process: SageMaker's alone takes a tenth of a second."""

from __future__ import annotations

import os
from functools import cache

import boto3
import botocore.session
from botocore.model import ServiceModel

_NO_USER_SETTINGS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""botocore's session variables that lead to the settings of this user, whose profile need not even exist."""


@cache
def service_model(service: str) -> ServiceModel:
    """Return the model of a service.

    Args:
        service: Its name in botocore.
    """
    return _core_session().get_service_model(service)


@cache
def boto_session() -> boto3.Session:
    """Return the session of all clients of this process's local AWS; it has no credentials.

    Its clients read the models from the same cache. Creating them is not thread-safe.
    """
    return boto3.Session(botocore_session=_core_session())


@cache
def _core_session() -> botocore.session.Session:
    return botocore.session.Session(session_vars=_NO_USER_SETTINGS)
