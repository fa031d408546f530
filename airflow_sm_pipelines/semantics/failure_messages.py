"""The message of a step that has failed: the reason, and below it what its job or function has written.

Only the task's log holds all of it. What is published of a failure is the reason: logs have readers and an age of
their own.
"""

from __future__ import annotations

from collections.abc import Sequence

_ERRORS, _LAST_LINES = "errors in its log:", "last lines of its log:"


def with_log_lines(reason: str, last: Sequence[str], errors: Sequence[str] = ()) -> str:
    """Return a message with lines of a log below the reason.

    Args:
        reason: Why the step has failed.
        last: The last lines of the log.
        errors: Lines of the log that tell of errors, if they are not among the last.
    """
    lines = [reason]
    for heading, told in ((_ERRORS, errors), (_LAST_LINES, last)):
        if told:
            lines += [heading, *(f"    {line}" for line in told)]
    return "\n".join(lines)


def without_log_lines(message: str) -> str:
    """Return the reason in a message that `with_log_lines` has made."""
    lines = message.splitlines()
    end = next((place for place, line in enumerate(lines) if line in (_ERRORS, _LAST_LINES)), len(lines))
    return "\n".join(lines[:end])
