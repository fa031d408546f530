"""Search spaces of tuning jobs: what is drawn from them, and what is refused."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.local.services.sagemaker.tuning.ranges import (
    AUTO,
    LINEAR,
    LOGARITHMIC,
    REVERSE_LOGARITHMIC,
    SCALES,
    Categorical,
    Continuous,
    SearchSpace,
    Whole,
    range_problems,
    read_space,
    scale_of,
)

SEEDS = st.integers(0, 2**32)
ANY_NUMBER = st.floats(-1e9, 1e9)
POSITIVE = st.floats(1e-9, 1e9)
BELOW_ONE = st.floats(0, 1 - 1e-9)


@st.composite
def ends(draw, values):
    return tuple(sorted((draw(values), draw(values))))


@st.composite
def continuous_ranges(draw):
    scaling = draw(st.sampled_from([AUTO, LINEAR, LOGARITHMIC, REVERSE_LOGARITHMIC]))
    values = {LOGARITHMIC: POSITIVE, REVERSE_LOGARITHMIC: BELOW_ONE}.get(scaling, ANY_NUMBER)
    return Continuous("x", *draw(ends(values)), scaling)


@st.composite
def whole_ranges(draw):
    scaling = draw(st.sampled_from([AUTO, LINEAR, LOGARITHMIC]))
    least = 1 if scaling == LOGARITHMIC else -(10**9)
    return Whole("n", *draw(ends(st.integers(least, 10**9))), scaling)


@given(continuous_ranges(), SEEDS)
def test_a_continuous_value_is_a_number_in_its_range(one, seed):
    assert one.low <= float(one.draw(Random(seed))) <= one.high


@given(whole_ranges(), SEEDS)
def test_an_integer_value_is_an_integer_in_its_range(one, seed):
    text = one.draw(Random(seed))
    assert text == str(int(text))
    assert one.low <= int(text) <= one.high


@given(st.lists(st.text(max_size=5), min_size=1, max_size=30), SEEDS)
def test_a_categorical_value_is_one_of_its_values(values, seed):
    assert Categorical("c", tuple(values)).draw(Random(seed)) in values


@given(continuous_ranges(), SEEDS)
def test_the_same_seed_draws_the_same(one, seed):
    assert one.draw(Random(seed)) == one.draw(Random(seed))


@given(POSITIVE)
def test_a_scale_and_back_is_the_same_value(value):
    for name in (LINEAR, LOGARITHMIC):
        assert math.isclose(SCALES[name].backward(SCALES[name].forward(value)), value, rel_tol=1e-6)


@given(BELOW_ONE)
def test_the_reverse_logarithmic_scale_and_back_is_the_same_value(value):
    scale = SCALES[REVERSE_LOGARITHMIC]
    assert math.isclose(scale.backward(scale.forward(value)), value, rel_tol=1e-6, abs_tol=1e-12)


def share_above(one, limit, draws=4000):
    random = Random(3)
    return sum(float(one.draw(random)) > limit for _ in range(draws)) / draws


def test_each_scale_searches_its_range_evenly_in_its_own_way():
    """The limits are the middles of the ranges on their scales; half of what is drawn lies above them."""
    assert share_above(Continuous("x", 0, 100, LINEAR), 50) == pytest.approx(0.5, abs=0.05)
    assert share_above(Continuous("x", 0.01, 100, LOGARITHMIC), 1) == pytest.approx(0.5, abs=0.05)
    assert share_above(Continuous("x", 0.9, 0.999, REVERSE_LOGARITHMIC), 0.99) == pytest.approx(0.5, abs=0.05)
    assert share_above(Whole("n", 1, 1000, LOGARITHMIC), 22) == pytest.approx(0.5, abs=0.05)


def test_every_integer_of_a_range_comes_up_equally_often_also_its_ends():
    random, one = Random(5), Whole("n", 1, 4, LINEAR)
    drawn = [one.draw(random) for _ in range(4000)]
    assert {value: drawn.count(value) / 4000 for value in "1234"} == pytest.approx(
        dict.fromkeys("1234", 0.25), abs=0.05
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.001, 1, LOGARITHMIC), (1, 100, LOGARITHMIC), (1, 99, LINEAR), (0, 1000, LINEAR), (-5, 5, LINEAR)],
)
def test_auto_is_logarithmic_for_wide_positive_ranges(low, high, expected):
    assert scale_of(AUTO, low, high) is SCALES[expected]


def test_a_space_draws_a_value_for_each_hyperparameter():
    space = read_space(
        {
            "IntegerParameterRanges": [{"Name": "depth", "MinValue": "2", "MaxValue": "2"}],
            "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.5", "MaxValue": "0.5"}],
            "CategoricalParameterRanges": [{"Name": "booster", "Values": ["dart"]}],
            "AutoParameters": [{"Name": "gamma", "ValueHint": "3"}],
        }
    )
    assert space.draw(Random(0)) == {"depth": "2", "eta": "0.5", "booster": "dart", "gamma": "3"}


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_grid_has_every_combination_once(sizes):
    space = SearchSpace(
        tuple(Categorical(f"h{i}", tuple(str(value) for value in range(size))) for i, size in enumerate(sizes))
    )
    found = [tuple(values.items()) for values in space.combinations()]
    assert len(found) == len(set(found)) == space.size == math.prod(sizes)


def number(low, high, **members):
    return {"ContinuousParameterRanges": [{"Name": "x", "MinValue": low, "MaxValue": high, **members}]}


def whole(low, high, **members):
    return {"IntegerParameterRanges": [{"Name": "n", "MinValue": low, "MaxValue": high, **members}]}


@pytest.mark.parametrize(
    ("ranges", "problem"),
    [
        (number("a", "1"), "MinValue a or MaxValue 1 is not a number"),
        (number("0", "inf"), "is not a number"),
        (number("2", "1"), "MinValue 2 is greater than MaxValue 1"),
        (number("0", "1", ScalingType=LOGARITHMIC), "Logarithmic needs values greater than 0"),
        (number("0", "1", ScalingType=REVERSE_LOGARITHMIC), "needs values in 0 <= x < 1"),
        (whole("1.5", "2"), "is not an integer"),
        (whole("0", "2", ScalingType=LOGARITHMIC), "greater than 0"),
        (whole("0", "2", ScalingType=REVERSE_LOGARITHMIC), "not for integers"),
        (
            {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1"]}], **number("0", "1")},
            "hyperparameter x has 2 ranges",
        ),
    ],
)
def test_a_range_that_cannot_be_searched_is_a_problem(ranges, problem):
    [found] = range_problems(ranges)
    assert problem in found


def test_a_range_of_one_value_is_none():
    assert list(range_problems(number("1", "1"))) == []
