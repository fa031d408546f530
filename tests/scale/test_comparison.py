from __future__ import annotations

import pytest

from tests.scale.comparison import ratio_to_amazon
from tests.scale.measured_airflow import PARTS, EndedRun, Usage


def run(wall: float, calls: int = 0) -> EndedRun:
    return EndedRun(wall, None, Usage(dict.fromkeys(PARTS, wall), calls, calls), 0)


def wall(one: EndedRun) -> float:
    return one.wall


def test_each_run_is_compared_with_that_of_the_same_round() -> None:
    """A busy moment of the machine hits both."""
    runs = {"ours": [run(10), run(100), run(30)], "amazon": [run(20), run(200), run(20)]}

    assert ratio_to_amazon(runs, wall) == pytest.approx(0.5)


def test_the_floor_is_compared_in_the_same_way() -> None:
    assert ratio_to_amazon({"empty": [run(1)], "amazon": [run(4)]}, wall, "empty") == pytest.approx(0.25)


def test_a_figure_that_is_zero_for_amazon_divides_nothing() -> None:
    assert ratio_to_amazon({"ours": [run(1, 0)], "amazon": [run(1, 0)]}, lambda one: one.used.aws_calls) == 0


def test_rounds_that_are_not_pairs_are_an_error() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        ratio_to_amazon({"ours": [run(1), run(1)], "amazon": [run(1)]}, wall)


def test_the_time_of_a_run_is_that_of_scheduler_workers_triggerer_and_api_server() -> None:
    used = Usage({"scheduler": 1.0, "workers": 2.0, "triggerer": 3.0, "api-server": 4.0, "database": 100.0}, 5, 6)

    assert used.total_seconds == 10.0


def test_what_was_used_meanwhile_is_the_difference() -> None:
    before = Usage(dict.fromkeys(PARTS, 1.0), 10, 100)
    after = Usage(dict.fromkeys(PARTS, 3.0), 15, 130)

    assert after.since(before) == Usage(dict.fromkeys(PARTS, 2.0), 5, 30)
