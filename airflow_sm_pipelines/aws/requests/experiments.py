"""Experiment and trial of an execution, to which its jobs are added.

Source: developer guide, "Amazon SageMaker Experiments integration": the service makes both if they are missing, reuses
them if not, and adds the jobs of Processing, Training, Tuning and Transform steps to them.
"""

from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.aws.calls import CallRefusedError, call
from airflow_sm_pipelines.aws.failures import says_present


def ensure_trial(client: Any, experiment: str, trial: str) -> None:
    """Create an experiment and a trial of it, unless they exist.

    Args:
        client: A boto3 client for SageMaker.
        experiment: Name of the experiment.
        trial: Name of the trial.

    Raises:
        CallRefusedError: AWS refused a call.
    """
    _create(client, "CreateExperiment", {"ExperimentName": experiment})
    _create(client, "CreateTrial", {"ExperimentName": experiment, "TrialName": trial})


def _create(client: Any, operation: str, request: dict[str, str]) -> None:
    try:
        call(client, operation, request)
    except CallRefusedError as error:
        if not says_present(error.code, error.message):
            raise
