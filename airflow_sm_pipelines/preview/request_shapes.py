"""botocore's models of requests, without a client."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def request_shape(service: str, operation: str) -> tuple[Any, str]:
    """Return the model of a request, ``None`` if the installed botocore has none, and botocore's version.

    Args:
        service: The service, by its name in boto3.
        operation: The operation.
    """
    # Reading a model takes a third of a second: only who asks pays for it.
    import botocore
    from botocore.exceptions import UnknownServiceError
    from botocore.model import OperationNotFoundError
    from botocore.session import get_session

    try:
        shape = get_session().get_service_model(service).operation_model(operation).input_shape
    except (UnknownServiceError, OperationNotFoundError):
        shape = None
    return shape, botocore.__version__
