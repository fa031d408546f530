"""Answers to requests, and errors in the form that each AWS protocol gives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from xml.sax.saxutils import escape

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer.

    Attributes:
        http_status: Status code.
        body: The whole body.
        headers: Header names and values, in order; the HTTP server adds Content-Length.
        error_code: The AWS error code if this is an error answer, for the record of calls.
    """

    http_status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    error_code: str | None = field(default=None, compare=False)

    @property
    def status_line(self) -> str:
        """Status as WSGI wants it, e.g. ``400 Bad Request``."""
        known = {status.value: status.phrase for status in HTTPStatus}
        return f"{self.http_status} {known.get(self.http_status, 'Unknown')}"


def json_response(document: object, http_status: int = 200) -> Response:
    """Return an answer of the control endpoints."""
    body = json.dumps(document, indent=1).encode() + b"\n"
    return Response(http_status, body, (("Content-Type", "application/json"),))


def json_1_1_response(document: Document, request_id: str) -> Response:
    """Return a result in the AWS JSON 1.1 protocol."""
    body = json.dumps(document).encode()
    return Response(200, body, _json_headers("application/x-amz-json-1.1", request_id))


def error_response(error: AwsError, protocol: str, request_id: str) -> Response:
    """Return an error in the form of the protocol that the request used.

    Args:
        error: Code, message and HTTP status.
        protocol: ``json``, ``rest-json``, ``rest-xml``, ``query`` or ``smithy-rpc-v2-cbor``.
        request_id: Identifier that the answer carries.
    """
    body, headers = _ERROR_FORMS[protocol](error, request_id)
    return Response(error.http_status, body, headers, error_code=error.code)


_Form = tuple[bytes, tuple[tuple[str, str], ...]]


def _json_headers(content_type: str, request_id: str) -> tuple[tuple[str, str], ...]:
    return (("Content-Type", content_type), ("x-amzn-RequestId", request_id))


def _json_error(error: AwsError, request_id: str) -> _Form:
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    return body, _json_headers("application/x-amz-json-1.1", request_id)


def _rest_json_error(error: AwsError, request_id: str) -> _Form:
    body = json.dumps({"message": error.message}).encode()
    return body, (*_json_headers("application/json", request_id), ("x-amzn-ErrorType", error.code))


def _s3_error(error: AwsError, request_id: str) -> _Form:
    body = f"<Error>{_xml_fields(error)}<RequestId>{request_id}</RequestId></Error>".encode()
    return body, (("Content-Type", "application/xml"), ("x-amz-request-id", request_id))


def _query_error(error: AwsError, request_id: str) -> _Form:
    side = "Sender" if error.http_status < 500 else "Receiver"
    inner = f"<Error><Type>{side}</Type>{_xml_fields(error)}</Error><RequestId>{request_id}</RequestId>"
    body = f"<ErrorResponse>{inner}</ErrorResponse>".encode()
    return body, (("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id))


def _xml_fields(error: AwsError) -> str:
    return f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"


def _cbor_error(error: AwsError, request_id: str) -> _Form:
    pairs = (("__type", error.code), ("message", error.message))
    body = bytes([0xA0 | len(pairs)]) + b"".join(_cbor_text(text) for pair in pairs for text in pair)
    headers = (("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor"))
    return body, (*headers, ("x-amzn-RequestId", request_id))


def _cbor_text(text: str) -> bytes:
    """Return a CBOR text string (RFC 8949, major type 3) with a four-byte length."""
    raw = text.encode()
    return b"\x7a" + len(raw).to_bytes(4, "big") + raw


_ERROR_FORMS: Mapping[str, Callable[[AwsError, str], _Form]] = {
    "json": _json_error,
    "rest-json": _rest_json_error,
    "rest-xml": _s3_error,
    "query": _query_error,
    "smithy-rpc-v2-cbor": _cbor_error,
}
