"""A container's end of the connection: answers requests until the transform job closes it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

Predictor = Callable[[bytes, str, str], "tuple[bytes, str]"]
"""Body, content type and Accept of a request in, body and content type of the answer out."""


class ServingError(Exception):
    """A request that cannot be answered.

    Args:
        status: HTTP status of the answer.
        text: Its body.
        reason: Failure reason of the job, if the log is not the place to look for it.
    """

    def __init__(self, status: int, text: str, reason: str = "") -> None:
        self.status = status
        self.reason = reason
        super().__init__(text)


def serve(arguments: list[str], load: Callable[[dict[str, Any]], Predictor]) -> int:
    """Load the model, then answer.

    Args:
        arguments: Descriptor of the connection, and the container as JSON.
        load: Makes the predictor of a container.
    """
    descriptor, container = int(arguments[0]), json.loads(arguments[1])
    with Connection(descriptor) as connection:
        predict = _guarded(connection, lambda: load(container))
        if predict is None:
            return 1
        connection.send((200, b"", "", ""))
        while True:
            try:
                body, content_type, accept = connection.recv()
            except EOFError:
                return 0
            answer = _guarded(connection, lambda: predict(body, content_type, accept))  # noqa: B023 - called at once
            if answer is not None:
                connection.send((200, *answer, ""))


def _guarded(connection: Connection, function: Callable[[], Any]) -> Any:
    """Return the result of a function; ``None`` after sending what it raised."""
    try:
        return function()
    except ServingError as error:
        connection.send((error.status, str(error).encode(), "", error.reason))
    except ModuleNotFoundError as error:
        traceback.print_exc()
        connection.send(
            (500, repr(error).encode(), "", f"ClientError: the model's container has no module {error.name}")
        )
    except Exception as error:
        traceback.print_exc()
        connection.send((500, repr(error).encode(), "", ""))
    return None
