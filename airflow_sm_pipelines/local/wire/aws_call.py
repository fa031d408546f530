"""The meaning of an HTTP request as an AWS call: service, region, operation, members."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import parse_qs

from airflow_sm_pipelines.local.documents import Document, read_json
from airflow_sm_pipelines.local.wire.rest_members import RestRequest, read_rest_members
from airflow_sm_pipelines.local.wire.rest_operations import find_rest_operation

REST_PROTOCOLS: Mapping[str, str] = {
    "s3": "rest-xml",
    "lambda": "rest-json",
    "emr-serverless": "rest-json",
    "scheduler": "rest-json",
}
"""Services (by signing name) whose operation is told by method and path, with the protocol of their errors."""

_CREDENTIAL_SCOPE = re.compile(r"(?P<key>[^/=\s]+)/\d{8}/(?P<region>[^/]*)/(?P<service>[^/]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One request, seen as a call of an AWS operation.

    Attributes:
        request_id: Drawn here; the answer carries it.
        invocation_id: The SDK's own identifier, the same for all its retries of one call; may be empty.
        service: Signing name from the credential scope, e.g. ``sagemaker`` or ``s3``; empty if not signed.
        region: Region from the credential scope.
        operation: E.g. ``CreateProcessingJob``; ``"GET /path"`` where the protocol does not tell it.
        protocol: Key of `responses.error_response`.
        members: Top-level members of the request as far as the protocol shows them; ``None`` if the body of a
            JSON request is no JSON object.
        access_key_id: Access key that signed the request; empty if not signed.
        peer: Address and port of the client's end of the connection.
    """

    request_id: str
    invocation_id: str
    service: str
    region: str
    operation: str
    protocol: str
    members: Document | None
    access_key_id: str
    peer: tuple[str, int]

    @property
    def job_name(self) -> str | None:
        """Value of the first ``…JobName`` member, if the call names a job."""
        for name, value in (self.members or {}).items():
            if name.endswith("JobName") and isinstance(value, str):
                return value
        return None


def read_call(environ: Document, default_region: str) -> AwsCall:
    """Read a WSGI request whose ``wsgi.input`` holds the whole body; the input is rewound."""
    key, region, service = _credential_scope(environ)
    operation, protocol, members = _operation(environ, service)
    return AwsCall(
        request_id=str(uuid.uuid4()),
        invocation_id=environ.get("HTTP_AMZ_SDK_INVOCATION_ID", ""),
        service=service,
        region=region or default_region,
        operation=operation,
        protocol=protocol,
        members=members,
        access_key_id=key,
        peer=(environ.get("REMOTE_ADDR", ""), int(environ.get("REMOTE_PORT") or 0)),
    )


def read_body(environ: Document) -> bytes:
    """Return the whole body, leaving the input rewound for whoever reads it next."""
    stream: BytesIO = environ["wsgi.input"]
    stream.seek(0)
    body = stream.read()
    stream.seek(0)
    return body


def _credential_scope(environ: Document) -> tuple[str, str, str]:
    """Access key, region and service of a signed request (SigV4, in the header or in a presigned URL)."""
    query = parse_qs(environ.get("QUERY_STRING", ""))
    places = (environ.get("HTTP_AUTHORIZATION", ""), *query.get("X-Amz-Credential", ()))
    for place in places:
        if scope := _CREDENTIAL_SCOPE.search(place):
            return scope["key"], scope["region"], scope["service"]
    return "", "", ""


def _operation(environ: Document, service: str) -> tuple[str, str, Document | None]:
    method = environ["REQUEST_METHOD"]
    path = environ.get("PATH_INFO", "/").encode("latin-1").decode(errors="replace")  # PEP 3333
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        return target.rpartition(".")[2], "json", _json_object(read_body(environ))
    if environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        return path.rpartition("/")[2], "smithy-rpc-v2-cbor", {}
    if service in REST_PROTOCOLS:
        return _rest_operation(environ, service, path)
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = {name: values[0] for name, values in parse_qs(read_body(environ).decode(errors="replace")).items()}
        if "Action" in form:
            return form["Action"], "query", form
    return f"{method} {path}", "rest-json", {}


def _rest_operation(environ: Document, service: str, path: str) -> tuple[str, str, Document | None]:
    protocol, query = REST_PROTOCOLS[service], environ.get("QUERY_STRING", "")
    headers = {name[5:].lower().replace("_", "-"): environ[name] for name in environ if name.startswith("HTTP_")}
    found = find_rest_operation(service, environ["REQUEST_METHOD"], path, query, frozenset(headers))
    if found is None:
        return f"{environ['REQUEST_METHOD']} {path}", protocol, {}
    operation, members = found
    if protocol != "rest-json":
        return operation, protocol, members
    request = RestRequest(members, query, headers, read_body(environ))
    return operation, protocol, read_rest_members(service, operation, request)


def _json_object(body: bytes) -> Document | None:
    try:
        document = read_json(body or b"{}")
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
