"""How often AWS is asked about running jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.semantics import watching

jobs = st.integers(1, 5000)
intervals = st.floats(0.1, 600)
jitters = st.floats(0, 1, exclude_max=True)


def test_a_few_jobs_are_described_and_more_are_listed() -> None:
    assert [watching.is_worth_a_list(waiting) for waiting in (0, 1, watching.FEW)] == [False] * 3
    assert watching.is_worth_a_list(watching.FEW + 1)


@given(jobs, st.sampled_from([50, 100]))
def test_a_list_may_take_some_pages_more_than_the_jobs_fill(waiting: int, page_size: int) -> None:
    pages = watching.most_pages(waiting, page_size)

    assert (pages - watching.OTHERS_PAGES) * page_size >= waiting
    assert pages <= watching.OTHERS_PAGES + 1 + waiting / page_size


def test_a_list_never_costs_more_than_describing_what_it_is_for() -> None:
    assert all(
        watching.most_pages(waiting, 100) <= waiting for waiting in range(5001) if watching.is_worth_a_list(waiting)
    )


@given(st.integers(1, watching.FEW), st.floats(1, 600), jitters)
def test_few_jobs_are_described_at_the_wished_interval_and_up_to_a_tenth_later(
    waiting: int, interval: float, jitter: float
) -> None:
    assert interval <= watching.pause_between_describes(waiting, interval, jitter) <= interval * 1.1


@given(jobs, intervals)
def test_many_jobs_are_described_at_a_bounded_rate(waiting: int, interval: float) -> None:
    pauses = [watching.pause_between_describes(waiting, interval, jitter / 100) for jitter in range(101)]
    mean = sum(pauses) / len(pauses)

    assert waiting / mean <= watching.DESCRIBES_PER_SECOND * 1.001
    assert min(pauses) >= interval


@given(jobs)
def test_listed_jobs_are_described_every_few_minutes_at_a_bounded_rate(waiting: int) -> None:
    pauses = [watching.pause_between_rechecks(waiting, jitter / 100) for jitter in range(101)]
    mean = sum(pauses) / len(pauses)

    assert waiting / mean <= watching.RECHECKS_PER_SECOND * 1.001
    assert min(pauses) >= watching.RECHECK_SECONDS / 2
    assert waiting > 75 or max(pauses) <= watching.RECHECK_SECONDS * 1.5 + 0.001


def test_a_thousand_jobs_cost_at_most_twenty_calls_per_interval() -> None:
    interval = 10.0
    rechecks = 1000 / watching.pause_between_rechecks(1000, 0.5) * interval

    assert (watching.most_pages(1000, 100) + rechecks) * interval / watching.pause_between_lists(interval) <= 20


def test_a_list_begins_a_minute_before_the_oldest_job() -> None:
    oldest = datetime(2026, 1, 1, 12, tzinfo=UTC)

    assert watching.created_after(oldest) == oldest - timedelta(minutes=1)
