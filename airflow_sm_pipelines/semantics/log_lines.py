"""How much of a job's log a task's log takes, and how often CloudWatch is asked for it.

CloudWatch allows 25 calls of GetLogEvents per second in an account and region (service quotas), which others need, too.
Lines from a trigger go through a pipe that all triggers of a process share, and a flood of them can block Airflow's
triggerer (tried with 3.3.2). So both are bounded, for all triggers together: a line that is left out is in CloudWatch.
"""

from __future__ import annotations

LINES_A_LOOK = 100
"""The most lines of a log stream that one look takes: the newest."""

CHARACTERS_A_LINE = 1000

LINES_A_WAIT = 2000
"""The most lines of a job while its task waits."""

LAST_LINES = 20
"""How many lines are shown again by the worker, since what a trigger has logged may be lost."""

CHARACTERS_OF_A_LAST_LINE = 300

STREAMS = 4
"""The most log streams of a job that are followed; each of its instances writes one."""

STREAMS_AGAIN = 10
"""After so many looks it is looked whether further instances have begun to write."""

LOOK_SECONDS = 10.0
"""The shortest pause between two looks at a job's log."""

CALLS_PER_SECOND = 0.3
"""The most calls for the logs of running jobs, in the mean over all triggers of a process."""

LAST_LOOKS_PER_SECOND = 2.0
"""The most looks at the logs of jobs that have just ended."""

LAST_TURN_PATIENCE = 0.5
"""Seconds that the end of a job may be told later because many others have ended, too; then its last lines are left."""

LAST_LOOK_PATIENCE = 2.0
"""Seconds that the end of a job may be told later for the sake of its last lines, if CloudWatch takes so long."""

FAILURES = 5
"""After so many looks in a row that failed, no more is looked."""


def shown(line: str) -> str:
    """Return a line as a task's log shows it: without line ends, what a progress bar has overwritten, and cut.

    Args:
        line: The message of a log event.
    """
    text = line.rstrip("\r\n").rpartition("\r")[2]
    if len(text) <= CHARACTERS_A_LINE:
        return text
    return f"{text[:CHARACTERS_A_LINE]}… ({len(text) - CHARACTERS_A_LINE} more characters in CloudWatch)"


def shown_again(lines: list[str]) -> list[str]:
    """Return the last lines of a log as the worker shows them again.

    Args:
        lines: All lines that were shown, as `shown` returns them.
    """
    cut = CHARACTERS_OF_A_LAST_LINE
    return [line if len(line) <= cut else f"{line[:cut]}…" for line in lines[-LAST_LINES:]]


def pause_between_looks(interval: float) -> float:
    """Return how long a job's log is left alone between two looks, if no others wait for theirs.

    Args:
        interval: The ``poll_interval`` of the step, in seconds.
    """
    return max(interval, LOOK_SECONDS)
