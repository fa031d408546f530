"""S3's buckets and objects in the state file: moto itself keeps them in memory only.

What survives of S3: buckets with their region, and of each object the last version with its content headers and
metadata. What does not: older versions, tags, policies and other settings of buckets, unfinished multipart uploads.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from urllib.parse import parse_qs
from wsgiref.types import StartResponse
from xml.etree import ElementTree

from airflow_sm_pipelines.local.errors import LocalAwsError
from airflow_sm_pipelines.local.state.state_file import StateFile
from airflow_sm_pipelines.local.wire.aws_call import read_body
from airflow_sm_pipelines.local.wire.responses import Response
from airflow_sm_pipelines.local.wire.wsgi_call import Environ, WsgiApp, call_wsgi, s3_environ

_KEPT_HEADER = re.compile(r"content-(type|encoding|language|disposition)|cache-control|expires|x-amz-meta-.*", re.I)
_SCOPE = re.compile(r"Credential=[^/]*/\d+/(?P<region>[^/]*)/s3/")


class StoredS3:
    """moto's WSGI application, with what it does to S3 written down.

    Args:
        application: moto's WSGI application.
        file: The state file.
    """

    def __init__(self, application: WsgiApp, file: StateFile) -> None:
        self._application = application
        self._file = file
        self._noting = threading.Lock()

    def restore(self) -> None:
        """Put all buckets and objects of the file into moto.

        Raises:
            LocalAwsError: moto refuses one.
        """
        regions: dict[str, str] = {}
        for name, region, body in self._file.execute("SELECT name, region, body FROM buckets"):
            regions[name] = region
            self._replay(s3_environ("PUT", f"/{name}", region, body=body), f"bucket {name}")
        # Keys first, bodies one by one: all objects at once may be more than memory holds twice.
        for bucket, key in self._file.execute("SELECT bucket, key FROM objects"):
            [(headers, body)] = self._file.execute(
                "SELECT headers, body FROM objects WHERE bucket = ? AND key = ?", bucket, key
            )
            environ = s3_environ(
                "PUT", f"/{bucket}/{key}", regions[bucket], body=body, headers=dict(json.loads(headers))
            )
            self._replay(environ, f"object s3://{bucket}/{key}")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, and write down what it has changed."""
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        if scope is None or environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self._application(environ, start_response)
        path = environ["PATH_INFO"].encode("latin-1").decode()
        bucket, _, key = path.lstrip("/").partition("/")
        body = read_body(environ)
        response = call_wsgi(self._application, environ)
        if response.http_status < 300 and bucket:
            with self._noting:  # of two writers of one key, the later one to look writes down what moto has
                self._note(environ, bucket, key, body, scope["region"])
        start_response(response.status_line, list(response.headers))
        return [response.body]

    def _note(self, environ: Environ, bucket: str, key: str, body: bytes, region: str) -> None:
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        if key:
            if "partNumber" not in query:
                self._note_object(bucket, key, region)
        elif "delete" in query:
            for deleted in _keys(body):
                self._note_object(bucket, deleted, region)
        elif not query:
            self._note_bucket(environ["REQUEST_METHOD"], bucket, body, region)

    def _note_bucket(self, method: str, bucket: str, body: bytes, region: str) -> None:
        if method == "PUT":
            self._file.execute("INSERT OR IGNORE INTO buckets VALUES (?, ?, ?)", bucket, region, body)
        elif method == "DELETE":
            self._file.execute("DELETE FROM buckets WHERE name = ?", bucket)

    def _note_object(self, bucket: str, key: str, region: str) -> None:
        """Write an object down as moto has it now: whatever changed it (put, copy, upload in parts, deletion)."""
        found = call_wsgi(self._application, s3_environ("GET", f"/{bucket}/{key}", region))
        if found.http_status == 404:
            self._file.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", bucket, key)
            return
        self._file.execute(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", bucket, key, json.dumps(_kept(found)), found.body
        )

    def _replay(self, environ: Environ, what: str) -> None:
        response = call_wsgi(self._application, environ)
        if response.http_status >= 300:
            raise LocalAwsError(f"the state cannot be restored: {what}: {response.error_code}")


def _kept(response: Response) -> list[tuple[str, str]]:
    return [(name, value) for name, value in response.headers if _KEPT_HEADER.fullmatch(name)]


def _keys(body: bytes) -> list[str]:
    """Return the keys of a DeleteObjects request."""
    document = ElementTree.fromstring(body)  # noqa: S314 - moto has accepted it, and it is the user's own
    return [element.text or "" for element in document.iter() if element.tag.rpartition("}")[2] == "Key"]
