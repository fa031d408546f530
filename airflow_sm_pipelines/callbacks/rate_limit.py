"""Slows down whoever guesses tokens: after some misses an address is refused before anything is looked up."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable


class Guesses:
    """How many misses each address has left; one budget that fills up again for each, kept in this process.

    With the defaults one address can try about 10 million tokens in a year, of 62**10.

    Args:
        burst: Misses that are free.
        per_second: How fast the budget fills up again.
        addresses: Of how many addresses at most a budget is kept; the one that missed longest ago goes first.
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
        """Return what counts as one address: of IPv6 the network, of which one customer has all addresses."""
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
