"""A definition that changes while a run goes on: when to look, and what to say.

An execution of the service keeps the definition that it started with. A run of Airflow does only where the DAG bundle
pins versions: elsewhere each task loads the definition as it is at that moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

_CLOCKS_DIFFER_BY = timedelta(minutes=1)
"""Files, versions and runs get their times from different machines."""

_DIGITS_SHOWN = 12


def made_at(version_id: UUID) -> datetime | None:
    """Return when a version of a DAG was made: its id is a UUID of version 7, which begins with the time.

    Args:
        version_id: The version's id.

    Returns:
        The time, to the millisecond; ``None`` if the id is of another kind.
    """
    if version_id.version != 7:
        return None
    return datetime.fromtimestamp((version_id.int >> 80) / 1000, UTC)


def may_have_changed(run_started: datetime | None, *, is_cleared: bool, changes: Iterable[datetime | None]) -> bool:
    """Tell whether the definition may be another one than at the start of the run.

    Args:
        run_started: When the run started, ``None`` if that is not known.
        is_cleared: Whether tasks of the run were cleared; Airflow renews the start of a run then.
        changes: When the DAG, and the file of the definition, last changed; ``None`` for what is not known.
    """
    if is_cleared or run_started is None:
        return True
    return any(change is None or change > run_started - _CLOCKS_DIFFER_BY for change in changes)


def change_in_words(at_start: str, now: str, bundle: str) -> str:
    """Say that a step runs another definition than the run started with.

    Args:
        at_start: sha256 of the definition that the run started with.
        now: sha256 of the definition that the step runs.
        bundle: Name of the DAG bundle, which does not pin versions.
    """
    return (
        f"The definition has changed since this run started: the run started with sha256 {at_start[:_DIGITS_SHOWN]}…, "
        f"this step runs {now[:_DIGITS_SHOWN]}…. Earlier steps of the run may have used the old definition. The DAG "
        f"bundle {bundle!r} does not pin versions; to use one definition for all steps, clear the whole run"
    )
