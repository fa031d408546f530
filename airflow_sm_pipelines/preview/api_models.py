"""The API as the installed botocore knows it: the shapes of requests and answers."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def input_shape(service: str, operation: str) -> Any | None:
    """Return the model of an operation's request, ``None`` if the installed botocore does not know the operation."""
    return _shape(service, operation, "input_shape")


@cache
def output_shape(service: str, operation: str) -> Any | None:
    """Return the model of an operation's answer, ``None`` if the installed botocore does not know the operation."""
    return _shape(service, operation, "output_shape")


def botocore_version() -> str:
    """Return the version of the installed botocore."""
    import botocore

    return str(botocore.__version__)


def _shape(service: str, operation: str, which: str) -> Any | None:
    from botocore.exceptions import UnknownServiceError
    from botocore.model import OperationNotFoundError

    try:
        return getattr(_session().get_service_model(service).operation_model(operation), which)
    except (UnknownServiceError, OperationNotFoundError):
        return None


@cache
def _session() -> Any:
    # A session keeps the models that it has read, and reading one takes a third of a second: only who asks pays for it.
    from botocore.session import get_session

    return get_session()
