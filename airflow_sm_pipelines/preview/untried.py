"""Steps that do not run with the given values, and what to give so that they do."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_sm_pipelines.preview import reports


@dataclass(frozen=True, slots=True)
class UntriedSteps:
    """Steps that did not run, or will not, for one reason.

    Attributes:
        steps: Their names.
        because: The reason.
        arguments: Arguments of the command with which they run, such as ``("--parameters", "Mode=full")``; empty if
            none were found.
    """

    steps: tuple[str, ...]
    because: str
    arguments: tuple[str, ...] = ()

    def in_words(self) -> str:
        """Return a line for people, with the arguments as a shell takes them."""
        how = f"; try {shlex.join(self.arguments)}" if self.arguments else ""
        return f"{', '.join(self.steps)}: {self.because}{how}"


def untried_report(untried: Iterable[UntriedSteps]) -> list[reports.UntriedSteps]:
    """Return untried steps as part of a report."""
    from airflow_sm_pipelines.preview import reports

    return [
        reports.UntriedSteps(steps=list(one.steps), because=one.because, arguments=list(one.arguments))
        for one in untried
    ]
