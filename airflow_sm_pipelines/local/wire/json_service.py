"""Services in the AWS JSON 1.1 protocol, driven by botocore's models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.model import Shape

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError
from airflow_sm_pipelines.local.server.faults import JobFault
from airflow_sm_pipelines.local.stand_in import StandIn, owner_of_request
from airflow_sm_pipelines.local.wire.aws_call import AwsCall
from airflow_sm_pipelines.local.wire.completion import completed
from airflow_sm_pipelines.local.wire.responses import Response, error_response, json_1_1_response
from airflow_sm_pipelines.local.wire.serialization import serialize
from airflow_sm_pipelines.local.wire.service_models import service_model
from airflow_sm_pipelines.local.wire.validation import validate_request


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The context of a request.

    Attributes:
        region: Region that the request was signed for.
        job_fault: What a fault rule wants of the job that this request creates.
    """

    region: str
    job_fault: JobFault | None = None


Operation = Callable[[RequestContext, Document], Document]
"""One operation: context and valid request in, result out; refuses with `AwsError`."""


class Operations(Protocol):
    """A part of a service."""

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by name."""


class Service(Protocol):
    """A service that the local AWS answers by itself."""

    def answer(self, call: AwsCall, context: RequestContext) -> Response:
        """Answer one call, also its errors."""


class JsonService:
    """A service whose operations are Python functions.

    Args:
        name: The service's name in botocore.
        operations: Functions by operation name; every other operation of the service is refused.
        stand_in: What may accept values that the service would refuse, if there is one.
    """

    def __init__(self, name: str, operations: Mapping[str, Operation], stand_in: StandIn | None = None) -> None:
        self._model = service_model(name)
        self._name = name
        self._operations = operations
        self._stand_in = stand_in

    def answer(self, call: AwsCall, context: RequestContext) -> Response:
        """Check the request against the model, run the operation, give the answer the model's form."""
        try:
            result = self._run(call, context)
        except AwsError as error:
            return error_response(error, call.protocol, call.request_id)
        return json_1_1_response(result, call.request_id)

    def _run(self, call: AwsCall, context: RequestContext) -> Any:
        operation = self._operations.get(call.operation)
        if operation is None:
            raise self._not_implemented(call.operation)
        model = self._model.operation_model(call.operation)
        if call.members is None:
            raise AwsError("SerializationException", "The request body is not a JSON object")
        members = self._checked(call.operation, model.input_shape, call.members)
        return serialize(model.output_shape, operation(context, members))

    def _checked(self, operation: str, shape: Shape, members: Document) -> Document:
        stand_in = self._stand_in
        if stand_in is None or not stand_in.accepts_invalid_requests:
            validate_request(shape, members)
            return members
        owner = owner_of_request(stand_in, members)
        validate_request(shape, members, lambda reason: stand_in.note(owner, operation, reason))
        complete: Document = completed(shape, members, stand_in.placeholder)
        return complete

    def _not_implemented(self, operation: str) -> AwsError:
        # The code is the one of the AWS JSON protocols for a target that a service does not know. It is not
        # ValidationException, which SageMaker also uses for "no such job".
        known = operation in self._model.operation_names
        what = "does not implement" if known else "does not know"
        offer = ", ".join(sorted(self._operations))
        message = f"The local AWS {what} {self._name}:{operation}. It has: {offer}"
        return AwsError("UnknownOperationException", message)
