"""What the plugin's listener needs of Airflow; loaded in every Airflow process."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models import taskinstance

__all__ = ["TaskInstanceRow", "hookimpl"]

TaskInstanceRow: TypeAlias = "taskinstance.TaskInstance"
"""A task instance as Airflow's database has it."""
