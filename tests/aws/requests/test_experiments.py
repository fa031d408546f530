"""Experiment and trial of an execution."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.aws.requests.experiments import experiment_config, trial_calls
from airflow_sm_pipelines.errors import AwsCallError

NAMES = ("abalone", "abcdef012345")


@pytest.fixture
def in_trial(start: Any) -> Any:
    return start(trial=lambda: NAMES)


def test_a_missing_experiment_and_trial_are_created(api: Any, in_trial: Any, perform: Any) -> None:
    api.add_response("create_experiment", {}, {"ExperimentName": "abalone"})
    api.add_response("create_trial", {}, {"ExperimentName": "abalone", "TrialName": "abcdef012345"})

    assert perform(trial_calls(in_trial), api.client) == NAMES


def test_a_new_trial_is_shown_under_the_display_name_of_the_run(start: Any, calls_of: Any) -> None:
    calls, _ = calls_of(trial_calls(start(trial=lambda: NAMES, display_name="Try-1")))

    assert calls[0].request == {"ExperimentName": "abalone"}
    assert calls[1].request == {"ExperimentName": "abalone", "TrialName": "abcdef012345", "DisplayName": "Try-1"}


def test_those_that_exist_are_reused(api: Any, in_trial: Any, perform: Any) -> None:
    taken = "Experiment names must be unique within an AWS account and region."
    api.add_client_error("create_experiment", "ValidationException", taken)
    api.add_client_error("create_trial", "ResourceInUse", "in use")

    assert perform(trial_calls(in_trial), api.client) == NAMES


def test_a_refusal_is_not_hidden(api: Any, in_trial: Any, perform: Any) -> None:
    api.add_client_error("create_experiment", "AccessDeniedException", "no")

    with pytest.raises(AwsCallError, match="CreateExperiment: AccessDeniedException"):
        perform(trial_calls(in_trial), api.client)


def test_a_call_says_what_it_is_for_and_what_to_do(in_trial: Any) -> None:
    first = next(trial_calls(in_trial))

    assert first.purpose == "create experiment abalone and trial abcdef012345"
    assert "sagemaker:CreateTrial" in first.advice


def test_nothing_is_made_where_experiments_are_switched_off(api: Any, start: Any, perform: Any) -> None:
    assert perform(trial_calls(start()), api.client) is None
    assert perform(experiment_config(start(), {"TrialName": "own"}), api.client) == {"TrialName": "own"}


def test_the_pipelines_names_win_and_the_steps_display_name_is_the_default(in_trial: Any, calls_of: Any) -> None:
    _, config = calls_of(experiment_config(in_trial, {"TrialName": "own"}))
    _, named = calls_of(experiment_config(in_trial, {"TrialComponentDisplayName": "mine"}))

    names = {"ExperimentName": "abalone", "TrialName": "abcdef012345"}
    assert config == {"TrialComponentDisplayName": "Step", **names}
    assert named == {"TrialComponentDisplayName": "mine", **names}


def test_the_first_step_of_a_run_creates_them_for_all(start: Any, calls_of: Any) -> None:
    noted: list[tuple[str, str]] = []
    first = start(trial=lambda: NAMES, note_trial=noted.append)
    later = start(trial=lambda: NAMES, trial_is_created=noted.__contains__)

    calls, names = calls_of(trial_calls(first))
    assert [call.operation for call in calls] == ["CreateExperiment", "CreateTrial"]
    assert noted == [NAMES] == [names]
    assert calls_of(trial_calls(later)) == ([], NAMES)
