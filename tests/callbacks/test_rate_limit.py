"""Slowing down whoever guesses tokens."""

from __future__ import annotations

import pytest

from airflow_sm_pipelines.callbacks.rate_limit import MissLimit


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_some_misses_are_free_and_then_the_address_is_refused() -> None:
    guesses = MissLimit(burst=3, now=Clock())
    for _ in range(3):
        assert guesses.may_try("a")
        guesses.miss("a")
    assert not guesses.may_try("a")
    assert guesses.may_try("b"), "another address has its own budget"


def test_the_budget_fills_up_again_up_to_the_burst() -> None:
    clock = Clock()
    guesses = MissLimit(burst=2, per_second=0.5, now=clock)
    guesses.miss("a")
    guesses.miss("a")
    clock.seconds = 1.9
    assert not guesses.may_try("a")
    clock.seconds = 2.0
    assert guesses.may_try("a")
    clock.seconds = 1000.0
    for _ in range(2):
        assert guesses.may_try("a")
        guesses.miss("a")
    assert not guesses.may_try("a")


def test_hits_cost_nothing() -> None:
    guesses = MissLimit(burst=1, now=Clock())
    assert all(guesses.may_try("a") for _ in range(100))


def test_the_memory_is_bounded() -> None:
    guesses = MissLimit(burst=1, addresses=100, now=Clock())
    for number in range(1000):
        guesses.miss(str(number))
    assert len(guesses._spent) == 100
    assert not guesses.may_try("999")
    assert guesses.may_try("0"), "the oldest is forgotten"


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:0202", "192.0.2.2"),
        ("64:ff9b::192.0.2.3", "192.0.2.3"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_an_ipv4_address_in_ipv6_form_is_that_address_and_an_ipv6_network_is_one(host: str, source: str) -> None:
    assert MissLimit.source_of(host) == source
