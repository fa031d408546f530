"""Services in the AWS REST-JSON protocol, driven by botocore's models."""

from __future__ import annotations

import json
from typing import Any

from botocore.model import OperationModel

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.wire.aws_call import AwsCall
from airflow_sm_pipelines.local.wire.json_service import JsonService, RequestContext
from airflow_sm_pipelines.local.wire.responses import Response, error_response


class RestJsonService(JsonService):
    """A service whose operations are Python functions; see `JsonService`.

    A result's members go where the model wants them: headers, status, or body. One that is the whole body is text.
    """

    def answer(self, call: AwsCall, context: RequestContext) -> Response:
        """Check the request against the model, run the operation, give the answer the model's form."""
        try:
            result = self._run(call, context)
        except AwsError as error:
            return error_response(error, call.protocol, call.request_id)
        model = self._model.operation_model(call.operation)
        return _response(model, result, call.request_id)


def _response(model: OperationModel, result: Document, request_id: str) -> Response:
    members = model.output_shape.members if model.output_shape is not None else {}
    payload = model.output_shape.serialization.get("payload") if model.output_shape is not None else None
    status = int(model.http.get("responseCode", 200))
    headers = [("x-amzn-RequestId", request_id)]
    document: dict[str, Any] = {}
    for name, value in result.items():
        serialization = members[name].serialization
        wire_name = serialization.get("name", name)
        match serialization.get("location"):
            case "header":
                headers.append((wire_name, str(value)))
            case "statusCode":
                status = int(value)
            case _ if name != payload:
                document[wire_name] = value
    whole = None if payload is None else result.get(payload)
    body = json.dumps(document).encode() if whole is None else str(whole).encode()
    # Such an answer has no body (RFC 9110).
    content = b"" if status == 204 else body
    return Response(status, content, (("Content-Type", "application/json"), *headers))
