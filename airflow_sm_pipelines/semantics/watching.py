"""How often AWS is asked about running jobs: when one List call replaces many Describe calls, and what bounds both.

AWS publishes no rates for these operations of SageMaker. Users report about two calls of ListTrainingJobs per second,
which cannot be raised; a Describe is the cheaper call, and is throttled when hundreds of jobs are described in step.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

FEW = 5
"""Up to so many jobs are described, each by itself: a List call would cost as much, since it may take some pages more
than the jobs themselves fill, and it has the lower limit."""

DESCRIBES_PER_SECOND = 5.0
"""The most Describe calls for jobs that are not listed, in the mean over all of a kind."""

FIRST_LOOKS_PER_SECOND = 1.0
"""The most first Describe calls for jobs that the next List shows, e.g. those of a triggerer that starts again."""

RECHECK_SECONDS = 300.0
"""How often a job is described although List shows that it runs, since what List shows is a hint."""

RECHECKS_PER_SECOND = 0.25
"""The most Describe calls for jobs that are listed, in the mean over all of a kind."""

PAGE_PAUSE = 0.5
"""Seconds between two pages of a List: two calls per second."""

OTHERS_PAGES = 5
"""How many pages more than the waiting jobs fill are read, since other jobs of the account are among them."""

_LISTED_EARLY = 0.9

UNLISTED_SECONDS = 300.0
"""How long jobs are described instead of listed, after a List was throttled or did not show them."""

REFUSED_SECONDS = 3600.0
"""The same after a List that was refused, e.g. by IAM."""

_CREATED_BEFORE = timedelta(minutes=1)


def is_worth_a_list(waiting: int) -> bool:
    """Tell whether so many jobs are listed together rather than described."""
    return waiting > FEW


def most_pages(waiting: int, page_size: int) -> int:
    """Return how many pages of a List are read to find the waiting jobs.

    Args:
        waiting: How many jobs are looked for.
        page_size: How many entries a full page has.
    """
    return math.ceil(waiting / page_size) + OTHERS_PAGES


def pause_between_lists(interval: float) -> float:
    """Return how long after a List the next one begins, so that an end is noticed within the interval.

    Args:
        interval: The wished pause in seconds; reading the pages and describing what has ended take some of it.

    Returns:
        Seconds.
    """
    return interval * _LISTED_EARLY


def created_after(oldest: datetime) -> datetime:
    """Return since when jobs are listed, given when the oldest of them was created."""
    return oldest - _CREATED_BEFORE


def pause_between_describes(waiting: int, interval: float, jitter: float) -> float:
    """Return how long a job that is not listed is left alone between two Describe calls.

    Args:
        waiting: How many such jobs there are.
        interval: The wished pause in seconds, which becomes up to a tenth longer, and longer for many jobs.
        jitter: A random number from 0 to 1, so that jobs are not described in step.

    Returns:
        Seconds.
    """
    shared = waiting / DESCRIBES_PER_SECOND
    return interval * (1 + jitter / 10) if shared <= interval else max(interval, shared * (0.5 + jitter))


def pause_between_rechecks(waiting: int, jitter: float) -> float:
    """Return how long a job that is listed is left alone between two Describe calls.

    Args:
        waiting: How many such jobs there are.
        jitter: A random number from 0 to 1, so that jobs are not described in step.

    Returns:
        Seconds.
    """
    return max(RECHECK_SECONDS, waiting / RECHECKS_PER_SECOND) * (0.5 + jitter)
