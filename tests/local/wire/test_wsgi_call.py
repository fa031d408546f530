from __future__ import annotations

import pytest

from airflow_sm_pipelines.local.wire.wsgi_call import call_wsgi, s3_environ


def answering(status, body, closed):
    """An application that writes half of its answer and returns the other half."""

    class Chunks:
        def __iter__(self):
            return iter([body[1:]])

        def close(self):
            closed.append(True)

    def application(environ, start_response):
        write = start_response(status, [("Content-Length", "99"), ("X-A", environ["HTTP_X_AMZ_META_A"])])
        write(body[:1])
        return Chunks()

    return application


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("200 OK", b"fine", None),
        ("404 Not Found", b"<Error><Code>NoSuchKey</Code></Error>", "NoSuchKey"),
        ("400 Bad Request", b'{"__type": "com.amazonaws#Bad"}', "Bad"),
        ("500 Internal Server Error", b"<html>", "500"),
    ],
)
def test_the_whole_answer_is_read_and_closed(status, body, code):
    closed: list[bool] = []
    environ = s3_environ("GET", "/b/k", "us-west-2", headers={"X-Amz-Meta-A": "1"})
    response = call_wsgi(answering(status, body, closed), environ)
    assert (response.http_status, response.body, response.error_code) == (int(status[:3]), body, code)
    assert response.headers == (("X-A", "1"),)
    assert closed == [True]


def test_a_request_to_s3_has_its_body_signature_and_quoted_path():
    environ = s3_environ("PUT", "/b/ü x", "eu-west-1", body=b"12", headers={"content-type": "text/x"})
    assert environ["wsgi.input"].read() == b"12"
    assert (environ["CONTENT_LENGTH"], environ["CONTENT_TYPE"]) == ("2", "text/x")
    assert environ["RAW_URI"] == "/b/%C3%BC%20x"
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/b/ü x"
    assert "/eu-west-1/s3/aws4_request" in environ["HTTP_AUTHORIZATION"]
