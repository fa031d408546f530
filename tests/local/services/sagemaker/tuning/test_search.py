"""What a tuning job tries next."""

from __future__ import annotations

from itertools import islice

from airflow_sm_pipelines.local.services.sagemaker.tuning.ranges import Categorical, SearchSpace, Whole
from airflow_sm_pipelines.local.services.sagemaker.tuning.request import Objective, TrialDefinition, Tuning
from airflow_sm_pipelines.local.services.sagemaker.tuning.search import candidates

GRID = SearchSpace((Categorical("a", ("1", "2")), Categorical("b", ("x", "y"))))
MANY = SearchSpace((Whole("n", 1, 10**6),))


def tuning_of(strategy, *spaces, seed=None):
    objective = Objective("Minimize", "m")
    definitions = tuple(TrialDefinition(f"d{i}", objective, space, {}) for i, space in enumerate(spaces))
    return Tuning(strategy, definitions, 10, 1, None, None, None, seed, (), False)


def first(number, tuning, known=()):
    return [dict(one.values) for one in islice(candidates(tuning, known), number)]


def test_a_grid_ends_after_each_combination_of_each_algorithm():
    tuning = tuning_of("Grid", GRID, SearchSpace((Categorical("a", ("9",)),)))
    assert first(99, tuning) == [
        {"a": "1", "b": "x"},
        {"a": "1", "b": "y"},
        {"a": "2", "b": "x"},
        {"a": "2", "b": "y"},
        {"a": "9"},
    ]


def test_a_grid_leaves_out_what_a_parent_has_tried():
    assert {"a": "2", "b": "x"} not in first(99, tuning_of("Grid", GRID), [{"a": "2", "b": "x"}])
    assert len(first(99, tuning_of("Grid", GRID), [{"a": "2", "b": "x"}])) == 3


def test_a_random_search_with_a_seed_is_the_same_each_time_and_without_one_another():
    assert first(5, tuning_of("Random", MANY, seed=1)) == first(5, tuning_of("Random", MANY, seed=1))
    assert first(5, tuning_of("Random", MANY, seed=1)) != first(5, tuning_of("Random", MANY, seed=2))
    assert first(5, tuning_of("Random", MANY)) != first(5, tuning_of("Random", MANY))


def test_a_strategy_that_learns_on_aws_is_a_random_search():
    for strategy in ("Bayesian", "Hyperband"):
        assert first(5, tuning_of(strategy, MANY, seed=1)) == first(5, tuning_of("Random", MANY, seed=1))


def test_a_random_search_tries_what_is_new_before_it_repeats_itself():
    drawn = first(5, tuning_of("Random", GRID, seed=1), [{"a": "1", "b": "x"}])
    assert {tuple(one.values()) for one in drawn[:3]} == {("1", "y"), ("2", "x"), ("2", "y")}
    assert len(drawn) == 5, "it goes on when nothing is new"


def test_algorithms_take_turns():
    found = islice(candidates(tuning_of("Random", MANY, MANY, seed=1), ()), 4)
    assert [one.definition.name for one in found] == ["d0", "d1", "d0", "d1"]
