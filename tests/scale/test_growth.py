from __future__ import annotations

import pytest

from tests.scale.growth import exponent, in_words, sizes_up_to


def test_a_size_is_measured_at_a_quarter_a_half_and_the_whole() -> None:
    assert sizes_up_to(1000) == (250, 500, 1000)


def test_a_size_that_cannot_be_quartered_is_refused() -> None:
    with pytest.raises(ValueError, match="from 4"):
        sizes_up_to(3)


@pytest.mark.parametrize(
    ("figures", "power"),
    [({10: 5.0, 20: 5.0}, 0.0), ({250: 1.0, 500: 2.0, 1000: 4.0}, 1.0), ({3: 9.0, 6: 36.0, 12: 144.0}, 2.0)],
)
def test_the_exponent_is_the_power_of_the_size(figures: dict[int, float], power: float) -> None:
    assert exponent(figures) == pytest.approx(power)


def test_what_is_there_at_size_zero_does_not_flatten_the_growth() -> None:
    assert exponent({10: 103.0, 20: 106.0}, at_rest=100.0) == pytest.approx(1.0)


def test_figures_between_two_powers_get_the_slope_of_the_best_line() -> None:
    assert exponent({1: 1.0, 2: 2.0, 4: 8.0}) == pytest.approx(1.5)


@pytest.mark.parametrize("figures", [{}, {10: 1.0}])
def test_one_size_tells_no_growth(figures: dict[int, float]) -> None:
    with pytest.raises(ValueError, match="two sizes"):
        exponent(figures)


@pytest.mark.parametrize("figures", [{0: 1.0, 2: 2.0}, {1: 3.0, 2: 4.0}])
def test_a_figure_that_is_not_above_that_at_rest_is_refused(figures: dict[int, float]) -> None:
    with pytest.raises(ValueError, match="not above"):
        exponent(figures, at_rest=3.0)


def test_figures_and_growth_in_words() -> None:
    assert in_words({500: 1.25, 1000: 2.5}, "s") == "500: 1.25 s, 1000: 2.5 s; grows as n^1.00"


def test_large_figures_are_told_without_decimals() -> None:
    assert in_words({1: 1234.5, 2: 2469.0}, "MiB").startswith("1: 1,234 MiB, 2: 2,469 MiB;")


def test_figures_that_do_not_rise_above_rest_have_no_growth() -> None:
    assert in_words({1: 0.0, 2: 0.0}, "ms").endswith("too small to say how it grows")
