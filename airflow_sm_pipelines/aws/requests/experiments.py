"""Experiment and trial of an execution, to which its jobs are added.

Source: developer guide, "Amazon SageMaker Experiments integration": the service creates both unless they exist, and
adds the jobs of Processing, Training, Tuning and Transform steps to them.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_sm_pipelines.aws.failures import says_present
from airflow_sm_pipelines.aws.requests.step_start import AwsCall, Calls, StepStart, unless

_ADVICE = (
    "allow sagemaker:CreateExperiment and sagemaker:CreateTrial, or remove PipelineExperimentConfig from the definition"
)

_ONCE = "no other step of the run has made this call"


def trial_calls(start: StepStart) -> Calls[tuple[str, str] | None]:
    """Create the execution's experiment and trial, unless they exist; the first step of a run does it for all.

    A new trial is shown under the run's name for people, if it has one (*assumed* of the service).

    Returns:
        Their names, ``None`` if the definition has no ``PipelineExperimentConfig``.
    """
    names = start.trial()
    if names is None:
        return None
    if start.trial_is_created(names):
        return names
    experiment, trial = names
    purpose = f"create experiment {experiment} and trial {trial}"
    shown = {"DisplayName": start.display_name} if start.display_name else {}
    for operation, request in (
        ("CreateExperiment", {"ExperimentName": experiment}),
        ("CreateTrial", {"ExperimentName": experiment, "TrialName": trial, **shown}),
    ):
        yield from unless(says_present, AwsCall("sagemaker", operation, request, purpose, _ADVICE, _ONCE))
    start.note_trial(names)
    return names


def experiment_config(start: StepStart, own: object) -> Calls[object]:
    """Return a job's ``ExperimentConfig``: the pipeline's experiment and trial, and the step's display name.

    Args:
        start: The step.
        own: ``ExperimentConfig`` of the step's Arguments; the pipeline's names replace those in it.
    """
    names = yield from trial_calls(start)
    if names is None or not isinstance(own, Mapping):  # any other value fails the check of types
        return own
    experiment, trial = names
    return {"TrialComponentDisplayName": start.step, **own, "ExperimentName": experiment, "TrialName": trial}
