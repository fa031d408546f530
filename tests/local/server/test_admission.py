"""Web pages in a browser on this machine can make requests to it; they are no clients."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser

SIGNED = "AWS4-HMAC-SHA256 Credential=k/20260101/us-west-2/{}/aws4_request, SignedHeaders=x, Signature=y"
CREATE = {"X-Amz-Target": "SageMaker.ListProcessingJobs", "Authorization": SIGNED.format("sagemaker")}


@pytest.fixture
def ask(bench) -> Iterator[Any]:
    """Sends a request to the local AWS; returns status, headers and body. The record of calls begins empty."""
    bench.control("DELETE", "calls")
    port = int(bench.aws.endpoint_url.rpartition(":")[2])

    def send(method="POST", path="/", body=b"{}", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        answer = response.status, response.headers, response.read()
        connection.close()
        return answer

    yield send
    bench.control("DELETE", "faults")
    bench.control("DELETE", "calls")


def recorded(bench):
    return [(call["operation"], call["outcome"], call["executed"]) for call in bench.control("GET", "calls")["calls"]]


@pytest.mark.parametrize(
    "host",
    ["attacker.example:{port}", "attacker.example", "127.0.0.1.nip.io:{port}", "localhost.attacker.example", "10.0.0.1",
     "localhost:{port}@attacker.example", "[2001:db8::1]:{port}", "127.0.0.1,attacker.example", "", "notlocalhost"],
)  # fmt: skip
def test_a_name_that_somebodys_dns_gives_to_this_machine_is_refused(bench, ask, host):
    host = host.format(port=bench.aws.endpoint_url.rpartition(":")[2])
    status, _, body = ask(Host=host, Origin=f"http://{host}", **CREATE)
    assert (status, json.loads(body)["__type"]) == (403, "AccessDeniedException")
    assert recorded(bench) == [("ListProcessingJobs", "AccessDeniedException", False)]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "127.0.0.1", "127.8.9.10:1", "localhost:{port}", "LOCALHOST", "[::1]:{port}", "[::1]"]
)
def test_loopback_hosts_are_answered(bench, ask, host):
    host = host.format(port=bench.aws.endpoint_url.rpartition(":")[2])
    assert ask(Host=host, **CREATE)[0] == 200
    assert recorded(bench) == [("ListProcessingJobs", "ok", True)]


def test_a_request_without_host_is_no_browsers(bench):
    port = int(bench.aws.endpoint_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /_local/health HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_a_bucket_before_localhost_is_answered(bench, ask):
    """What boto3 sends with the addressing style ``virtual``, and the SDK for JavaScript by default."""
    bench.put("virtual/key", "content")
    port = bench.aws.endpoint_url.rpartition(":")[2]
    headers = {"Host": f"test-bucket.localhost:{port}", "Authorization": SIGNED.format("s3")}
    status, _, body = ask("GET", "/virtual/key", b"", **headers)
    assert (status, body) == (200, b"content")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_control_endpoints_are_refused_to_other_names_too(bench, ask, method):
    bench.control("POST", "faults", {"service": "s3", "operation": "PutObject", "action": "slow"})
    status, _, body = ask(method, "/_local/faults", Host="attacker.example")
    assert (status, "127.0.0.1 and localhost only" in json.loads(body)["message"]) == (403, True)
    assert recorded(bench) == [(f"{method} /_local/faults", "AccessDeniedException", False)]
    assert len(bench.control("GET", "faults")["faults"]) == 1


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_a_page_that_asks_the_address_itself_is_refused(bench, ask, origin):
    """A POST without CORS: the page cannot read the answer, but the call would be made."""
    assert ask(Origin=origin, Content_Type="text/plain", **CREATE)[0] == 403
    assert recorded(bench) == [("ListProcessingJobs", "AccessDeniedException", False)]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_an_image_of_a_page_is_refused(bench, ask, site):
    """A GET that a page makes has no Origin; a presigned query would be enough."""
    query = "/?Action=CreateQueue&QueueName=page&X-Amz-Credential=k%2F20260101%2Fus-west-2%2Fsqs%2Faws4_request"
    status, _, body = ask("GET", query, b"", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors")
    assert (status, recorded(bench)[0][1:]) == (403, (json.loads(body).get("__type", "AccessDeniedException"), False))
    assert "QueueUrls" not in bench.client("sqs").list_queues(QueueNamePrefix="page")


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_what_a_person_types_and_own_pages_are_answered(bench, ask, site):
    assert ask("GET", "/_local/health", b"", Sec_Fetch_Site=site)[0] == 200


@pytest.mark.parametrize(
    ("service", "protocol", "path", "headers", "code"),
    [
        ("sagemaker", "json", "/", {"X-Amz-Target": "SageMaker.ListDomains"}, "AccessDeniedException"),
        ("lambda", "rest-json", "/2015-03-31/functions", {}, "AccessDeniedException"),
        ("s3", "rest-xml", "/bucket", {}, "AccessDenied"),
        ("sts", "query", "/", {"Content-Type": "application/x-www-form-urlencoded"}, "AccessDenied"),
    ],
)
def test_a_refusal_has_the_form_of_the_services_protocol(ask, service, protocol, path, headers, code):
    body = b"Action=GetCallerIdentity" if protocol == "query" else b"{}"
    status, answered, text = ask(
        "POST", path, body, Host="attacker.example", Authorization=SIGNED.format(service), **headers
    )
    response = {"status_code": status, "headers": HeadersDict(answered.items()), "body": text}
    error = create_parser(protocol).parse(response, None)["Error"]
    assert (status, error["Code"]) == (403, code)
    assert "attacker.example" in error["Message"]


def test_a_refused_request_uses_up_no_fault(bench, ask):
    bench.control("POST", "faults", {"service": "sagemaker", "operation": ".*", "action": "error", "times": 1})
    assert ask(Host="attacker.example", **CREATE)[0] == 403
    assert ask(**CREATE)[0] == 400
    assert [outcome for _, outcome, _ in recorded(bench)] == ["AccessDeniedException", "ThrottlingException"]
