"""Which requests are answered: those of programs on this machine, not those that a browser sends for a web page.

Whoever may call CreateProcessingJob runs commands on this machine, and nothing verifies signatures. It listens on
loopback only, but a browser on this machine is there, too, and sends what any page tells it to:

- A page of ``attacker.example`` asks ``attacker.example``, whose name was meanwhile given the address 127.0.0.1 (DNS
  rebinding). For the browser this is the page's own origin; only ``Host`` tells.
- A page asks ``http://127.0.0.1:<port>`` itself. It cannot read the answer, but the call is made. ``Origin`` or
  ``Sec-Fetch-Site`` tell, which no page can set or remove (Fetch standard, "forbidden request-header"). Programs
  send neither.
"""

from __future__ import annotations

import ipaddress
import re

from airflow_sm_pipelines.local.documents import Document
from airflow_sm_pipelines.local.errors import AwsError

_CODES = {"rest-xml": "AccessDenied", "query": "AccessDenied"}
_CODE = "AccessDeniedException"

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:\d+)?")

_OWN_SITE = frozenset({"none", "same-origin"})
"""Values of ``Sec-Fetch-Site`` for an address that a person typed, and for a page of the local AWS itself."""


def refusal_of(environ: Document, protocol: str) -> AwsError | None:
    """Return the error for a request that no program on this machine sent to the local AWS; ``None`` for all others.

    Args:
        environ: The WSGI request.
        protocol: Its AWS protocol, which has its own code for this error.
    """
    reason = _reason(environ)
    return None if reason is None else AwsError(_CODES.get(protocol, _CODE), reason, 403)


def _reason(environ: Document) -> str | None:
    host = environ.get("HTTP_HOST")
    if host is not None and not is_loopback_host(host):
        return (
            f"The local AWS answers requests to 127.0.0.1 and localhost only, not to {host!r}: it runs commands as "
            "the user who started it. Set AWS_ENDPOINT_URL to the address that it printed"
        )
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and origin != f"http://{host}":
        return f"The local AWS does not answer web pages of other origins, such as {origin!r}"
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None and site not in _OWN_SITE:
        return f"The local AWS does not answer web pages of other sites (Sec-Fetch-Site: {site})"
    return None


def is_loopback_host(host: str) -> bool:
    """Tell whether a Host header names this machine in a way that nobody's DNS can give to another one.

    These are ``localhost``, addresses in 127.0.0.0/8 and ``[::1]``, with or without a port, and names below
    ``localhost`` (RFC 6761, section 6.3): SDKs put a bucket's name before that of the endpoint if they are told to
    (boto3: addressing style ``virtual``) or by default (JavaScript). They never put it before an address.

    Args:
        host: The header's value.
    """
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found["name"].lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:  # a name
        return False
