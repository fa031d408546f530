"""The options of one run."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.semantics.given_options import RunOptionError, RunOptions, read_run_options
from airflow_sm_pipelines.semantics.run_options import ALL_OPTIONS, CacheUse, conf_of_selection


def test_a_run_without_options_runs_every_step_and_reuses_results() -> None:
    assert read_run_options({}) == RunOptions(
        select_steps=(), source_run="latest", max_parallel_steps=None, display_name="", cache=CacheUse.ON
    )


@pytest.mark.parametrize("nothing", [None, ""])
def test_an_option_that_is_left_empty_has_its_default(nothing: object) -> None:
    assert read_run_options(dict.fromkeys(ALL_OPTIONS, nothing)) == RunOptions()


def test_the_options_stand_among_the_params_of_the_run() -> None:
    params = {
        "InstanceType": "ml.m5.large",
        "sm_select_steps": ["Train", "Evaluate", "Train"],
        "sm_source_run": "manual__1",
        "sm_max_parallel_steps": 3,
        "sm_display_name": "Try-1",
        "sm_cache": "refresh",
        "sm_mlflow_resource_arn": "arn",
        "sm_mlflow_experiment_name": "try 1",
    }

    assert read_run_options(params) == RunOptions(
        ("Train", "Evaluate"), "manual__1", 3, "Try-1", CacheUse.REFRESH, "arn", "try 1"
    ), "each step once"


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("sm_select_steps", "Train", "must be a list of step names"),
        ("sm_select_steps", [1], "must be a list of step names"),
        ("sm_source_run", 5, "must be text"),
        ("sm_max_parallel_steps", 0, "must be a whole number from 1"),
        ("sm_max_parallel_steps", True, "must be a whole number from 1"),
        ("sm_max_parallel_steps", "3", "must be a whole number from 1"),
        ("sm_display_name", 5, "must be text"),
        ("sm_mlflow_resource_arn", 5, "must be text"),
        ("sm_mlflow_experiment_name", ["x"], "must be text"),
        ("sm_cache", "never", "must be one of on, refresh, off"),
        ("sm_cache", ["on"], "must be one of on, refresh, off"),
    ],
)
def test_a_value_that_an_option_cannot_have_is_refused(option: str, value: Any, allowed: str) -> None:
    with pytest.raises(RunOptionError) as caught:
        read_run_options({option: value})

    assert str(caught.value) == f"{option} {allowed}, not {value!r}"


def test_a_selection_takes_over_parameters_and_no_option_of_its_source_run() -> None:
    source = {"Epochs": 3, "Rate": 0.1, **dict.fromkeys(ALL_OPTIONS, "x")}

    taken = conf_of_selection(source, "manual__1", ["Train"], {"Rate": 0.2})

    assert taken == {"Epochs": 3, "Rate": 0.2, "sm_select_steps": ["Train"], "sm_source_run": "manual__1"}
