"""Whether a worker itself waits for what a step has started, or gives its slot back at once.

A deferral costs a second process, and at least the quiet time of the trigger; a slot that is held costs every other
task that waits for one. So the worker waits only for what can be over within seconds.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

SETTLE_SECONDS = 10.0
"""How long a worker waits for what can be over within seconds."""


def settle_seconds(wished: float | None, *, ends_within_seconds: bool, endpoint_url: str) -> float:
    """Return how long the worker waits before it defers.

    Args:
        wished: What the author of the DAG has asked for, in seconds; ``None`` for the rule.
        ends_within_seconds: Whether what the step waits for can be over within seconds on AWS.
        endpoint_url: Where the calls go. A local AWS runs jobs without starting machines for them.

    Returns:
        Seconds; zero to defer after the first look.
    """
    if wished is not None:
        return wished
    return SETTLE_SECONDS if ends_within_seconds or is_on_this_machine(endpoint_url) else 0.0


def is_on_this_machine(url: str) -> bool:
    """Tell whether a URL's host is a loopback address, or ``localhost``; no name is looked up.

    Args:
        url: The URL.
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
