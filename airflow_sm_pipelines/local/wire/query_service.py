"""Services in the AWS query protocol, driven by botocore's models: a form comes in, XML goes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count, takewhile
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import OperationModel, Shape

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.wire.aws_call import AwsCall
from airflow_sm_pipelines.local.wire.json_service import JsonService, RequestContext
from airflow_sm_pipelines.local.wire.responses import Response, error_response

_CODES = {"ValidationException": "ValidationError"}
"""Codes that these services have for the errors of `validate_request` (AWS, "Common Error Types")."""


class QueryService(JsonService):
    """A service whose operations are Python functions; see `JsonService`."""

    def answer(self, call: AwsCall, context: RequestContext) -> Response:
        """Check the request against the model, run the operation, give the answer the model's form."""
        model = self._model.operation_model(call.operation)
        try:
            result = self._run(replace(call, members=read_form(model.input_shape, call.members or {})), context)
        except AwsError as error:
            named = AwsError(_CODES.get(error.code, error.code), error.message, error.http_status)
            return error_response(named, call.protocol, call.request_id)
        return _response(model, result, call.request_id)


def read_form(shape: Shape, form: Document) -> Document:
    """Return the members of a request; members that the model does not know are left out.

    Args:
        shape: The operation's input shape in botocore's model.
        form: Values by their names in the form, e.g. ``ActionNames.member.1``.
    """
    document: Document = _value(shape, form, "")
    return document


def _value(shape: Shape, form: Document, prefix: str) -> Any:
    if shape.type_name == "structure":
        members = ((name, _join(prefix, name)) for name in shape.members)
        return {name: _value(shape.members[name], form, path) for name, path in members if _is_there(form, path)}
    if shape.type_name == "list":
        return list(_items(shape, form, prefix))
    return _scalar(shape, form[prefix])


def _items(shape: Shape, form: Document, prefix: str) -> Iterator[Any]:
    places = (f"{prefix}.member.{number}" for number in count(1))
    for place in takewhile(lambda path: _is_there(form, path), places):
        yield _value(shape.member, form, place)


def _scalar(shape: Shape, text: str) -> Any:
    """Return a value in its own type, or as text if it has another (refused later)."""
    match shape.type_name:
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case "integer" | "long" if text.removeprefix("-").isdecimal():
            return int(text)
    return text


def _is_there(form: Document, path: str) -> bool:
    return path in form or any(name.startswith(f"{path}.") for name in form)


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _response(model: OperationModel, result: Document, request_id: str) -> Response:
    inner = _xml(f"{model.name}Result", result)
    metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    namespace = model.service_model.metadata["xmlNamespace"]
    body = f'<{model.name}Response xmlns="{namespace}">{inner}{metadata}</{model.name}Response>'.encode()
    return Response(200, body, (("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)))


def _xml(tag: str, value: Any) -> str:
    if isinstance(value, Mapping):
        content = "".join(_xml(name, member) for name, member in value.items() if member is not None)
    elif isinstance(value, (list, tuple)):
        content = "".join(_xml("member", item) for item in value)
    else:
        content = escape(str(value).lower() if isinstance(value, bool) else str(value))
    return f"<{tag}>{content}</{tag}>"
