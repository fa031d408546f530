"""The rate limit of unknown callback tokens, for each client address (a token bucket)."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that a NAT64 gives to IPv4 clients (RFC 6052, section 2.1): the last 32 bits are theirs."""


class MissLimit:
    """The unknown tokens that each address may still send; kept in this process.

    It tells whose requests can wait; it refuses none of them before its token is looked up, because a handler may have
    the same address as whoever guesses.

    Args:
        burst: How many unknown tokens an address may send at once.
        per_second: How fast the budget fills up again.
        addresses: For how many addresses budgets are kept; the one that missed longest ago is dropped first.
        now: A clock in seconds.
    """

    def __init__(
        self,
        burst: float = 20.0,
        per_second: float = 1 / 3,
        addresses: int = 10_000,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._addresses = addresses
        self._now = now
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def source_of(host: str) -> str:
        """Return what counts as one address; for IPv6 the /64 network, which belongs to one customer.

        An IPv4 client has an IPv6 address where the server listens on ``::`` (``::ffff:192.0.2.1``) or behind a NAT64;
        it counts as its IPv4 address.
        """
        try:
            address = ipaddress.ip_address(host)
        except ValueError:  # a socket without an address
            return host
        if isinstance(address, ipaddress.IPv4Address):
            return host
        if embedded := _ipv4_of(address):
            return str(embedded)
        return str(ipaddress.ip_network((int(address), 64), strict=False))

    def may_try(self, address: str) -> bool:
        """Tell whether an address has a miss left, so that its request is handled at once."""
        with self._lock:
            return self._misses(address) + 1 <= self._burst

    def miss(self, address: str) -> None:
        """Take a miss from the budget of an address."""
        with self._lock:
            self._spent[address] = (self._misses(address) + 1, self._now())
            self._spent.move_to_end(address)
            if len(self._spent) > self._addresses:
                self._spent.popitem(last=False)

    def _misses(self, address: str) -> float:
        misses, at = self._spent.get(address, (0.0, 0.0))
        return max(misses - (self._now() - at) * self._per_second, 0.0)


def _ipv4_of(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped
