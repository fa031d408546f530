"""Training jobs that train nothing: `@step` functions and notebook jobs, told by their entrypoints.

Both are Training steps with a container of the SDK's or of AWS's own. What the SDK uploads itself runs as it is, in an
environment of its own; AWS's scheduler for notebooks is in AWS's image only, and has a stand-in here.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_sm_pipelines.local.jobs.container import OPT_ML
from airflow_sm_pipelines.local.jobs.job_site import RUNTIME_COMMAND

_FUNCTION_CHANNEL = "/sagemaker_remote_function_bootstrap/"
_NOTEBOOK_SCHEDULER = "amazon_sagemaker_scheduler"


def entrypoint_command(entrypoint: Sequence[str], arguments: Sequence[str]) -> tuple[str, ...]:
    """Return what a container with this entrypoint runs here.

    Args:
        entrypoint: ``ContainerEntrypoint`` of the job.
        arguments: ``ContainerArguments``.
    """
    if entrypoint[0] == _NOTEBOOK_SCHEDULER:
        return (RUNTIME_COMMAND, "notebook_job", OPT_ML)
    if any(_FUNCTION_CHANNEL in word for word in entrypoint):
        return (RUNTIME_COMMAND, "remote_function", OPT_ML, *entrypoint, *arguments)
    return (*entrypoint, *arguments)
