"""A planned request against botocore's model: as it would be sent, and what the API would say of it.

The API's faults are unknown members, wrong types, limits. A placeholder is never a fault: before the comparison it
gives way to a value that fits its member.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from airflow_sm_pipelines.aws.requests.shaping import coerce_scalar, shape_request
from airflow_sm_pipelines.preview.aws_requests import AwsRequest
from airflow_sm_pipelines.preview.placeholders import Placeholder

# A Lambda payload and an SQS message are texts of our own making; their content has no model.
_UNTYPED_MEMBERS = {("lambda", "Invoke"): ("Payload",), ("sqs", "SendMessage"): ("MessageBody",)}


def as_sent(request: AwsRequest) -> AwsRequest:
    """Return a request with its scalars in the API's own types, as the worker sends them; placeholders stay."""
    shape, _ = _input_shape(request.service, request.operation)
    if shape is None:
        return request
    untyped = _UNTYPED_MEMBERS.get((request.service, request.operation), ())
    body = {
        name: value if name in untyped or name not in shape.members else _coerced(value, shape.members[name])
        for name, value in request.body.items()
    }
    return request._replace(body=body)


def _coerced(value: Any, shape: Any) -> Any:
    if isinstance(value, Placeholder) or value is None:
        return value
    if isinstance(value, dict) and shape.type_name == "structure":
        return {
            name: _coerced(held, shape.members[name]) if name in shape.members else held for name, held in value.items()
        }
    if isinstance(value, dict):
        return {key: _coerced(held, shape.value) for key, held in value.items()} if shape.type_name == "map" else value
    if isinstance(value, list):
        return [_coerced(element, shape.member) for element in value] if shape.type_name == "list" else value
    return coerce_scalar(value, shape)


def request_faults(request: AwsRequest) -> list[str]:
    """Return a sentence for each place where a request does not fit the installed botocore's model of the call.

    Args:
        request: A planned call.
    """
    shape, version = _input_shape(request.service, request.operation)
    if shape is None:
        return [f"the installed botocore {version} knows no {request.service}:{request.operation}"]
    untyped = _UNTYPED_MEMBERS.get((request.service, request.operation), ())
    body = {name: _sample(shape.members[name]) if name in untyped else value for name, value in request.body.items()}
    _, faults = shape_request(_fit(body, shape), shape)
    return faults


@cache
def _input_shape(service: str, operation: str) -> tuple[Any, str]:
    """Return the model of a request, ``None`` if botocore has none, and botocore's version."""
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


def _fit(value: Any, shape: Any) -> Any:
    """Return a value in which every placeholder has given way to one that fits the shape at its place."""
    if isinstance(value, Placeholder):
        return _sample(shape)
    if isinstance(value, dict) and shape.type_name == "structure":
        return {
            name: _fit(held, shape.members[name]) if name in shape.members else held for name, held in value.items()
        }
    if isinstance(value, dict) and shape.type_name == "map":
        return {key: _fit(held, shape.value) for key, held in value.items()}
    if isinstance(value, list) and shape.type_name == "list":
        return [_fit(element, shape.member) for element in value]
    return value


def _sample(shape: Any) -> Any:
    """Return a value that fits a shape as far as `shape_request` looks."""
    least = shape.metadata.get("min", 0)
    if shape.type_name == "structure":
        return {name: _sample(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [_sample(shape.member)] * least
    if shape.type_name == "map":
        return {
            f"{number}".rjust(shape.key.metadata.get("min", 0), "x"): _sample(shape.value) for number in range(least)
        }
    if shape.type_name in ("integer", "long", "float", "double"):
        return least
    if shape.type_name == "boolean":
        return True
    return "x" * least
