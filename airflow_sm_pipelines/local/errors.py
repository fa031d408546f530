"""Errors that a service answers, and errors of the local AWS itself.

::

    LocalAwsError              the local AWS cannot start or be used like this
    AwsError                   an answer of the service: code, message, HTTP status
    ConnectionDropped          a fault rule wants the connection closed without an answer
"""

from __future__ import annotations


class LocalAwsError(Exception):
    """An error of the local AWS itself: it cannot start or be used like this; the message says what to do."""


class AwsError(Exception):
    """An error answer of a service.

    Args:
        code: The error code that a client sees, e.g. ``ResourceInUse``.
        message: The text beside it.
        http_status: HTTP status of the answer.
    """

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        self.code = code
        self.message = message
        self.http_status = http_status
        super().__init__(code, message, http_status)


class ConnectionDropped(Exception):  # noqa: N818 - an instruction to the HTTP server, not a failure
    """An instruction of a fault rule to close the connection without an answer."""


def validation_error(message: str) -> AwsError:
    """Return the error for a well-formed request that is not acceptable (AWS "Common Error Types")."""
    return AwsError("ValidationException", message)
