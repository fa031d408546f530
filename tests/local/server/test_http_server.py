from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from airflow_sm_pipelines.local.errors import ConnectionDropped
from airflow_sm_pipelines.local.server.http_server import HttpServer


def application(environ, start_response):
    """Answers what it was asked, without reading the body unless asked to."""
    path = environ["PATH_INFO"]
    if path == "/drop":
        raise ConnectionDropped
    if path == "/slow":
        time.sleep(0.3)
    body = environ["wsgi.input"].read() if path == "/echo" else f"{path}?{environ['QUERY_STRING']}".encode()
    metadata = environ["moto.preserved_header_names"].values()
    headers = [("Content-Length", str(len(body))), ("X-Length", environ["CONTENT_LENGTH"])]
    start_response("200 OK", [*headers, ("X-Metadata", ",".join(metadata))])
    return [body]


@pytest.fixture
def server() -> Iterator[HttpServer]:
    server = HttpServer(0, application)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.close()
    thread.join()


@pytest.fixture
def client(server) -> Iterator[http.client.HTTPConnection]:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    yield client
    client.close()


def test_a_connection_survives_an_answer_that_left_the_body_unread(client):
    for number in range(3):
        client.request("POST", f"/unread?{number}", body=b"x" * 100_000)
        assert client.getresponse().read() == f"/unread?{number}".encode()


def test_the_same_connection_serves_many_requests(server, client):
    client.connect()
    port = client.sock.getsockname()[1]
    for _ in range(3):
        client.request("GET", "/")
        client.getresponse().read()
    assert client.sock.getsockname()[1] == port


def test_a_chunked_body_is_read_whole(client):
    client.request("PUT", "/echo", body=iter([b"one ", b"two"]), encode_chunked=True)
    response = client.getresponse()
    assert response.read() == b"one two"
    assert response.headers["X-Length"] == "7"


def test_a_body_announced_with_expect_is_awaited(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(b"hello")
        answer = b""
        while not answer.endswith(b"hello"):
            answer += connection.recv(1000)


def test_head_has_the_length_but_no_body(client):
    client.request("HEAD", "/path")
    response = client.getresponse()
    assert response.headers["Content-Length"] == "6"
    assert response.read() == b""
    client.request("GET", "/next")
    assert client.getresponse().read() == b"/next?"


def test_a_whole_url_as_target_is_understood(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"GET http://127.0.0.1:1/a/b?c=d HTTP/1.0\r\n\r\n")
        answer = b""
        while chunk := connection.recv(1000):
            answer += chunk
    assert answer.endswith(b"\r\n\r\n/a/b?c=d")


def test_a_dropped_connection_gets_no_answer(client):
    client.request("POST", "/drop", body=b"x")
    with pytest.raises(http.client.RemoteDisconnected):
        client.getresponse()


def test_a_length_that_is_no_number_is_a_bad_request(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_underscores_in_metadata_headers_are_handed_on(client):
    client.request("PUT", "/", headers={"x-amz-meta-my_key": "v", "x_other": "w"})
    response = client.getresponse()
    response.read()
    assert response.headers["X-Metadata"] == "x-amz-meta-my_key"


def test_close_lets_a_request_end_and_closes_idle_connections():
    server = HttpServer(0, application)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    idle.request("GET", "/")
    idle.getresponse().read()
    busy = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    busy.request("GET", "/slow")
    time.sleep(0.1)
    began = time.monotonic()
    server.close()
    thread.join()
    assert time.monotonic() - began < 3
    assert busy.getresponse().read() == b"/slow?"
    assert idle.sock.recv(10) == b""
    idle.close()
    busy.close()


def test_it_listens_on_loopback_only(server):
    assert server.server_address[0] == "127.0.0.1"
