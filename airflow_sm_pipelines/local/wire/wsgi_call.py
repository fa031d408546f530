"""Calling a WSGI application in this process."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote
from wsgiref.types import WSGIApplication, WSGIEnvironment

from airflow_sm_pipelines.local.settings import ACCESS_KEY_ID, HOST
from airflow_sm_pipelines.local.wire.responses import Response

Environ = WSGIEnvironment
WsgiApp = WSGIApplication

_ERROR_CODE = re.compile(rb"<Code>([^<]+)</Code>|\"__type\":\s*\"(?:[^\"]*#)?([^\"]+)\"")


def call_wsgi(application: WsgiApp, environ: Environ) -> Response:
    """Return the whole answer of a WSGI application."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
        started.append((status, headers))
        return written.append

    chunks = application(environ, start_response)
    try:
        body = b"".join([*written, *chunks])
    finally:
        if close := getattr(chunks, "close", None):
            close()
    status, headers = started[-1]
    if environ["REQUEST_METHOD"] != "HEAD":  # there it is the object's length, not that of this answer
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
    http_status = int(status.split()[0])
    return Response(http_status, body, tuple(headers), error_code=_error_code(http_status, body))


def _error_code(http_status: int, body: bytes) -> str | None:
    if http_status < 400:
        return None
    found = _ERROR_CODE.search(body)
    return next(group for group in found.groups() if group).decode() if found else str(http_status)


def s3_environ(
    method: str, path: str, region: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> Environ:
    """Return a request to S3 as WSGI has it.

    Args:
        method: HTTP method.
        path: ``/bucket/key``, not quoted.
        region: Region that it is signed for.
        body: The whole body.
        headers: Headers besides host and signature.
    """
    target = quote(path)
    scope = f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20260101/{region}/s3/aws4_request"
    sent = {"host": HOST, "authorization": scope, **{name.lower(): text for name, text in (headers or {}).items()}}
    content_type = sent.pop("content-type", "")
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),  # PEP 3333
        "QUERY_STRING": "",
        "RAW_URI": target,
        "REQUEST_URI": target,
        "SERVER_NAME": HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "moto.preserved_header_names": underscored_metadata(sent),
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in sent.items()},
    }


def underscored_metadata(names: Iterable[str]) -> dict[str, str]:
    """Return the S3 metadata headers whose underscores WSGI would lose, under the names that moto reads."""
    metadata = (name for name in names if "_" in name and name.lower().startswith("x-amz-meta-"))
    return {f"HTTP_{name.upper().replace('-', '_')}": name for name in metadata}
