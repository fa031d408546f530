"""The service's table of baselines, row by row."""

from __future__ import annotations

from airflow_sm_pipelines.aws.check_types import Baseline, BaselineSource, check_rule

PREVIOUS = Baseline("s3://bucket/previous/constraints.json", "s3://bucket/previous/statistics.json")
CALCULATED = Baseline("s3://bucket/new/constraints.json", "s3://bucket/new/statistics.json")


def test_a_check_that_registers_nothing_checks_and_carries_the_previous_baseline_over() -> None:
    rule = check_rule(skip_check=False, register_new_baseline=False)
    assert rule.checks_drift is True
    assert rule.published_baseline(PREVIOUS, CALCULATED) == PREVIOUS


def test_a_check_that_registers_checks_against_the_previous_and_publishes_the_new_baseline() -> None:
    rule = check_rule(skip_check=False, register_new_baseline=True)
    assert rule.checks_drift is True
    assert rule.published_baseline(PREVIOUS, CALCULATED) == CALCULATED


def test_a_skipped_check_that_registers_nothing_carries_the_previous_baseline_over() -> None:
    rule = check_rule(skip_check=True, register_new_baseline=False)
    assert rule.checks_drift is False
    assert rule.published_baseline(PREVIOUS, CALCULATED) == PREVIOUS


def test_a_skipped_check_that_registers_publishes_the_new_baseline() -> None:
    rule = check_rule(skip_check=True, register_new_baseline=True)
    assert rule.checks_drift is False
    assert rule.published_baseline(PREVIOUS, CALCULATED) == CALCULATED


def test_only_a_skipped_check_that_registers_nothing_merely_hands_the_previous_baseline_on() -> None:
    rows = {
        (skip, register): check_rule(skip_check=skip, register_new_baseline=register).carries_over
        for skip in (False, True)
        for register in (False, True)
    }
    assert rows == {(False, False): False, (False, True): False, (True, False): True, (True, True): False}


def test_only_a_skipped_check_that_registers_needs_no_previous_baseline() -> None:
    needs = {
        (skip, register): check_rule(skip_check=skip, register_new_baseline=register).needs_previous
        for skip in (False, True)
        for register in (False, True)
    }
    assert needs == {(False, False): True, (False, True): True, (True, False): True, (True, True): False}


def test_without_a_previous_baseline_there_is_none_to_carry_over() -> None:
    rule = check_rule(skip_check=True, register_new_baseline=False)
    assert rule.published is BaselineSource.PREVIOUS
    assert not rule.published_baseline(Baseline(), CALCULATED)
