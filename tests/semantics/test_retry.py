"""SageMaker's "Retry Policy for Pipeline Steps" (developer guide), rule by rule."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.definition.models import RetryPolicy
from airflow_sm_pipelines.semantics.retry import Retry, RetryRule, most_retries, next_retry, rules_of

CAPACITY = "SageMaker.CAPACITY_ERROR"
INTERNAL = "SageMaker.JOB_INTERNAL_ERROR"
FAULT = "Step.SERVICE_FAULT"
THROTTLING = "Step.THROTTLING"


def granted_delays(rules: tuple[RetryRule, ...], exception_type: str, *, each_try: float = 0) -> list[float]:
    """Fail with one type until no retry is granted; every try takes ``each_try`` seconds."""
    counts, delays, elapsed = [0] * len(rules), [], each_try
    while (retry := next_retry(rules, exception_type, counts, elapsed)) is not None:
        counts[retry.rule] += 1
        delays.append(retry.delay)
        elapsed += retry.delay + each_try
        assert len(delays) <= 2000
    return delays


def test_the_delay_grows_exactly_by_the_backoff_rate() -> None:
    rules = rules_of([RetryPolicy((CAPACITY,), interval_seconds=30, backoff_rate=1.5, max_attempts=4)])

    assert granted_delays(rules, CAPACITY) == [30, 45, 67.5, 101.25]


def test_the_interval_is_1_second_and_the_backoff_rate_2_by_default() -> None:
    assert granted_delays(rules_of([RetryPolicy((CAPACITY,), max_attempts=4)]), CAPACITY) == [1, 2, 4, 8]


def test_max_attempts_counts_retries() -> None:
    assert len(granted_delays(rules_of([RetryPolicy((CAPACITY,), max_attempts=1)]), CAPACITY)) == 1


def test_max_attempts_0_never_retries() -> None:
    rules = rules_of([RetryPolicy((FAULT,), max_attempts=0)])

    assert granted_delays(rules, FAULT) == []


def test_neither_max_attempts_nor_expire_after_means_5_retries() -> None:
    assert granted_delays(rules_of([RetryPolicy((CAPACITY,))]), CAPACITY) == [1, 2, 4, 8, 16]


def test_expire_after_counts_from_the_first_attempt() -> None:
    rules = rules_of([RetryPolicy((CAPACITY,), interval_seconds=10, backoff_rate=1.0, expire_after_min=1)])

    assert next_retry(rules, CAPACITY, [0, 0], 50.0) is not None
    assert next_retry(rules, CAPACITY, [0, 0], 50.5) is None
    # Tries of 20 s and delays of 10 s: retries would start at 30, 60 and 90 s.
    assert granted_delays(rules, CAPACITY, each_try=20) == [10, 10]


def test_expire_after_alone_does_not_limit_the_number() -> None:
    rules = rules_of([RetryPolicy((CAPACITY,), interval_seconds=1, backoff_rate=1.0, expire_after_min=1)])

    assert len(granted_delays(rules, CAPACITY)) == 60
    assert rules[0].most_retries() == 60


def test_expire_after_0_never_retries_with_an_interval() -> None:
    assert granted_delays(rules_of([RetryPolicy((CAPACITY,), expire_after_min=0)]), CAPACITY) == []


def test_the_first_matching_policy_decides() -> None:
    rules = rules_of(
        [
            RetryPolicy((INTERNAL,), interval_seconds=1, max_attempts=9),
            RetryPolicy((CAPACITY, THROTTLING), interval_seconds=2, backoff_rate=1.0, max_attempts=1),
            RetryPolicy((CAPACITY,), interval_seconds=3, max_attempts=9),
        ]
    )

    assert next_retry(rules, CAPACITY, [0, 0, 0, 0], 0) == Retry(rule=1, delay=2.0, number=1, of=1)
    # Used up, it still decides: the third policy is never asked.
    assert granted_delays(rules, CAPACITY) == [2]


def test_retries_are_counted_per_policy() -> None:
    rules = rules_of(
        [
            RetryPolicy((CAPACITY,), interval_seconds=10, max_attempts=2),
            RetryPolicy((INTERNAL, THROTTLING), interval_seconds=1, max_attempts=2),
        ]
    )

    assert next_retry(rules, CAPACITY, [1, 2, 0], 0) == Retry(rule=0, delay=20.0, number=2, of=2)
    # Types of one policy share its count.
    assert next_retry(rules, INTERNAL, [0, 2, 0], 0) is None
    assert next_retry(rules, THROTTLING, [0, 2, 0], 0) is None


@pytest.mark.parametrize("exception_type", [FAULT, THROTTLING])
def test_service_faults_and_throttling_are_retried_without_a_policy(exception_type: str) -> None:
    assert granted_delays(rules_of([]), exception_type) == [1, 2, 4, 8, 16]


@pytest.mark.parametrize("exception_type", [CAPACITY, INTERNAL, "SageMaker.RESOURCE_LIMIT"])
def test_job_errors_are_not_retried_without_a_policy(exception_type: str) -> None:
    assert granted_delays(rules_of([]), exception_type) == []


def test_a_policy_replaces_the_default_for_the_types_that_it_names() -> None:
    rules = rules_of([RetryPolicy((THROTTLING,), interval_seconds=7, backoff_rate=1.0, max_attempts=1)])

    assert granted_delays(rules, THROTTLING) == [7]
    assert granted_delays(rules, FAULT) == [1, 2, 4, 8, 16]


def test_no_default_rule_is_left_when_both_types_are_named() -> None:
    assert len(rules_of([RetryPolicy((THROTTLING, FAULT))])) == 1


def test_a_failure_without_a_type_is_not_retried() -> None:
    assert next_retry(rules_of([RetryPolicy((CAPACITY,))]), None, [0, 0], 0) is None


def test_the_number_of_a_retry_counts_from_1() -> None:
    rules = rules_of([RetryPolicy((CAPACITY,), expire_after_min=60)])

    assert next_retry(rules, CAPACITY, [3, 0], 0) == Retry(rule=0, delay=8.0, number=4, of=None)


POLICIES = st.lists(
    st.builds(
        RetryPolicy,
        exception_types=st.lists(st.sampled_from([CAPACITY, INTERNAL, FAULT, THROTTLING]), min_size=1, unique=True).map(
            tuple
        ),
        interval_seconds=st.none() | st.integers(0, 43_200),
        backoff_rate=st.none() | st.floats(0, 1e308) | st.sampled_from([0.0, 0.5, 1.0, 10.0]),
        max_attempts=st.none() | st.integers(0, 20),
        expire_after_min=st.none() | st.integers(0, 14_400),
    ),
    max_size=4,
)


@given(policies=POLICIES, exception_type=st.sampled_from([CAPACITY, INTERNAL, FAULT, THROTTLING]))
def test_airflows_bound_is_never_below_what_the_rules_grant(policies: list[RetryPolicy], exception_type: str) -> None:
    rules = rules_of(policies)
    bound, counts, elapsed = most_retries(rules), [0] * len(rules), 0.0

    assert 0 <= bound <= 1000
    for _ in range(bound + 1):
        retry = next_retry(rules, exception_type, counts, elapsed)
        if retry is None:
            return
        counts[retry.rule] += 1
        elapsed += retry.delay
    assert bound == 1000


@given(policies=POLICIES, done=st.integers(0, 1003))
def test_every_delay_is_one_that_a_clock_can_wait(policies: list[RetryPolicy], done: int) -> None:
    for rule in rules_of(policies):
        assert timedelta(0) <= timedelta(seconds=rule.delay(done)) <= timedelta(days=366)


def test_the_bound_adds_up_the_rules() -> None:
    rules = rules_of([RetryPolicy((CAPACITY,), max_attempts=2), RetryPolicy((INTERNAL,), max_attempts=3)])

    assert most_retries(rules) == 2 + 3 + 5


def test_the_bound_of_a_time_limit_is_what_fits_into_it() -> None:
    # 10 + 20 + 40 + 80 + 160 = 310 s; the next 320 s no longer fit into 600 s.
    (rule, _) = rules_of([RetryPolicy((CAPACITY,), interval_seconds=10, expire_after_min=10)])

    assert rule.most_retries() == 5
