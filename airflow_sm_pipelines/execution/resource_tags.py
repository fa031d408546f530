"""The tags that a running step adds to its resources; runs in the worker."""

from __future__ import annotations

from airflow.sdk.configuration import conf

from airflow_sm_pipelines.aws.requests.tags import Owner, airflow_tags, owner_tags


def resource_tags(owner: Owner) -> list[dict[str, str]]:
    """Return the tags of an owner's resources; those for people unless ``[sm_pipelines] airflow_tags`` is false.

    Raises:
        airflow.sdk.exceptions.AirflowConfigException: The option is neither true nor false.
    """
    for_people = airflow_tags(owner) if conf.getboolean("sm_pipelines", "airflow_tags", fallback=True) else []
    return [*owner_tags(owner), *for_people]
