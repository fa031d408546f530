"""The one task of a DAG whose definition is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Context


class BrokenDefinitionOperator(BaseOperator):
    """Fails with the errors of a definition, so that they are where people look: in the task's log.

    Args:
        errors: The errors as text.
        kwargs: Any argument of Airflow's ``BaseOperator``.
    """

    ui_color = "#f8cecc"

    def __init__(self, *, errors: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.errors = errors

    def execute(self, context: Context) -> NoReturn:
        """Fail; runs in the worker, if somebody starts a run in spite of all."""
        raise AirflowFailException(self.errors)
