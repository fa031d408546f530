"""The rate limit of unknown callback tokens, for each client address (a token bucket)."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class MissLimit:
    """The unknown tokens that each address may still send; kept in this process.

    An address that has used up its budget is refused before its token is looked up. With the defaults one address can
    try about 10 million tokens in a year, of 62**10.

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
        """Return what counts as one address; for IPv6 the /64 network, which belongs to one customer."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:  # a socket without an address
            return host
        return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host

    def may_try(self, address: str) -> bool:
        """Tell whether an address has a miss left."""
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
