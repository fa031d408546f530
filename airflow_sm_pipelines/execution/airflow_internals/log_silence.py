"""Keeps lines out of a task's log that libraries write about their own start.

boto3, botocore and the amazon provider say half a dozen times for each client where its credentials come from. In a
task's log nobody looks for that: what is wrong with a connection, our own errors say.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_silence: ContextVar[bool] = ContextVar("silence", default=False)
_HOOK = "AwsGenericHook"
"""End of the name of a logger whose warning says only that the connection ``aws_default`` does not exist, which is
usual; for any other missing connection we raise an error."""


@contextmanager
def connecting_silently() -> Iterator[None]:
    """Drop what is logged in the block for information; warnings stay. A log level of DEBUG keeps everything.

    Only this thread is silent: a triggerer also runs the triggers of others.
    """
    _install()
    token = _silence.set(not logging.getLogger().isEnabledFor(logging.DEBUG))
    try:
        yield
    finally:
        _silence.reset(token)


def _install() -> None:
    """Make the loggers ask; logging may have been configured again since the last time."""
    import structlog

    processors = structlog.get_config()["processors"]
    if _drop_event not in processors:
        processors.insert(0, _drop_event)
    for handler in logging.getLogger().handlers:
        if _drop_record not in handler.filters:
            handler.addFilter(_drop_record)


def _drop_record(record: logging.LogRecord) -> bool:
    return not _is_dropped(record.levelno, record.name)


def _drop_event(logger: Any, method: str, event: Any) -> Any:
    import structlog

    if _is_dropped(
        logging.getLevelNamesMapping().get(method.upper(), logging.ERROR), getattr(logger, "name", "") or ""
    ):
        raise structlog.DropEvent
    return event


def _is_dropped(level: int, logger: str) -> bool:
    return _silence.get() and (level < logging.WARNING or (level == logging.WARNING and logger.endswith(_HOOK)))
