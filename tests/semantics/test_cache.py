"""Which result of an earlier run stands for a step (developer guide, "Caching pipeline steps")."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.semantics.cache import (
    MOST_ENTRIES,
    CacheEntry,
    Miss,
    Wanted,
    find_entry,
    kept_entries,
)

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def entry(run: str = "earlier", age: timedelta = timedelta(hours=1), item: str = "", **signature: str) -> CacheEntry:
    return CacheEntry(signature or {"A": "1"}, run, NOW - age, "processing-job", f"job-of-{run}", item=item)


def wanted(expire_after: str | None = "1d", run: str = "this", item: str = "", **signature: str) -> Wanted:
    return Wanted(signature or {"A": "1"}, run, expire_after, item)


def test_the_first_run_finds_nothing() -> None:
    assert find_entry([], wanted(), NOW) == Miss("no earlier run has a result to reuse")


def test_the_newest_success_wins() -> None:
    entries = [
        entry("older", timedelta(hours=3)),
        entry("newest", timedelta(hours=1)),
        entry("old", timedelta(hours=2)),
    ]
    found = find_entry(entries, wanted(), NOW)
    assert isinstance(found, CacheEntry)
    assert found.run_id == "newest"


def test_a_newer_result_with_other_attributes_does_not_hide_an_older_one_with_the_same() -> None:
    entries = [entry("older", timedelta(hours=3), A="1"), entry("newer", A="2")]
    assert find_entry(entries, wanted(A="1"), NOW) == entries[0]


@pytest.mark.parametrize(
    ("expire_after", "age", "counts"),
    [
        ("PT1H", timedelta(minutes=59), True),
        ("PT1H", timedelta(hours=1), False),
        ("T16m", timedelta(minutes=15), True),
        ("T16m", timedelta(minutes=17), False),
        ("30dT5h", timedelta(days=30, hours=4), True),
        ("30dT5h", timedelta(days=30, hours=6), False),
        ("P2W", timedelta(days=13), True),
        ("P2W", timedelta(days=15), False),
        ("5y", timedelta(days=365 * 4), True),
        ("5y", timedelta(days=365 * 5 + 3), False),
        (None, timedelta(days=10_000), True),
    ],
)
def test_a_result_counts_until_it_is_as_old_as_expire_after(expire_after: Any, age: timedelta, counts: bool) -> None:
    found = find_entry([entry(age=age)], wanted(expire_after), NOW)
    assert isinstance(found, CacheEntry) is counts


def test_a_miss_says_that_the_result_has_expired() -> None:
    assert find_entry([entry(age=timedelta(days=2))], wanted("1d"), NOW) == Miss(
        "the result of run earlier, from 2026-03-29T12:00:00+00:00, is older than ExpireAfter 1d"
    )


def test_the_age_that_counts_is_that_of_the_present_definition() -> None:
    assert isinstance(find_entry([entry(age=timedelta(days=2))], wanted("3d"), NOW), CacheEntry)


def test_a_miss_names_the_first_attribute_that_differs_from_the_newest_result() -> None:
    entries = [entry("older", timedelta(hours=3), A="1", B="2", C="9"), entry("newest", A="1", B="3", C="4")]
    assert find_entry(entries, wanted(A="1", B="2", C="3"), NOW) == Miss(
        "B has changed since run newest (also changed: C)"
    )


def test_an_attribute_that_an_older_version_did_not_compare_has_changed() -> None:
    assert find_entry([entry(A="1")], wanted(A="1", B="2"), NOW) == Miss("B has changed since run earlier")
    assert find_entry([entry(A="1", B="2")], wanted(A="1"), NOW) == Miss("B has changed since run earlier")


def test_only_results_of_earlier_runs_are_reused() -> None:
    own = entry("this", timedelta(minutes=1))
    assert find_entry([own], wanted(run="this"), NOW) == Miss("no earlier run has a result to reuse")
    assert find_entry([own, entry("earlier")], wanted(run="this"), NOW) == entry("earlier")


def test_an_iteration_finds_the_result_of_another_with_the_same_attributes() -> None:
    assert isinstance(find_entry([entry(item="x")], wanted(item="y"), NOW), CacheEntry)


def test_a_miss_of_an_iteration_names_what_has_changed_since_the_same_item() -> None:
    entries = [entry("newest", item="x", A="1", B="9"), entry("older", timedelta(hours=2), item="y", A="7", B="2")]
    assert find_entry(entries, wanted(item="y", A="1", B="2"), NOW) == Miss("A has changed since run older")


# -- what is kept ------------------------------------------------------------------------------------------------------


def test_expired_results_are_dropped_when_a_new_one_is_noted() -> None:
    old, fresh, new = entry("old", timedelta(days=2)), entry("fresh"), entry("new", timedelta(0))
    assert kept_entries([old, fresh], new, "1d", NOW) == [new, fresh]


def test_some_tens_of_results_are_kept_the_newest() -> None:
    entries = [entry(f"run-{number}", timedelta(minutes=number + 1)) for number in range(MOST_ENTRIES + 5)]
    kept = kept_entries(entries, entry("new", timedelta(0)), None, NOW)
    assert [one.run_id for one in kept] == ["new", *(f"run-{number}" for number in range(MOST_ENTRIES - 1))]


def test_a_result_replaces_that_of_the_same_run_with_the_same_attributes() -> None:
    before, again = entry("run", timedelta(hours=1)), entry("run", timedelta(0))
    assert kept_entries([before], again, None, NOW) == [again]


def test_a_result_is_kept_although_it_expires_at_once() -> None:
    new = entry("new", timedelta(0))
    assert kept_entries([], new, "PT0S", NOW) == [new]
    assert isinstance(find_entry([new], wanted("PT0S"), NOW), Miss)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        CacheEntry({}, "run", datetime(2026, 1, 1))  # noqa: DTZ001


ages = st.timedeltas(timedelta(0), timedelta(days=40))
signatures = st.sampled_from(["1", "2", "3"])


@given(st.lists(st.tuples(st.sampled_from(["this", "a", "b"]), ages, signatures), max_size=12), signatures)
def test_what_is_found_is_the_newest_of_the_others_with_this_signature(made: Any, mine: str) -> None:
    entries = [entry(run, age, A=value) for run, age, value in made]
    found = find_entry(entries, wanted("30d", A=mine), NOW)

    fitting = [one for one in entries if one.run_id != "this" and one.signature == {"A": mine}]
    newest = max((one.succeeded_at for one in fitting), default=None)
    if isinstance(found, CacheEntry):
        assert found in fitting
        assert found.succeeded_at == newest
        assert NOW - found.succeeded_at < timedelta(days=30)
    else:
        assert newest is None or NOW - newest >= timedelta(days=30)
