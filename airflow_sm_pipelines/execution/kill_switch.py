"""The switch with which Airflow's request to end a task reaches the step that waits in the worker.

Airflow calls ``on_kill`` in a signal handler, which interrupts the main thread wherever it stands. A handler must not
take a lock that the interrupted code may hold, so `threading.Event` is out. `queue.SimpleQueue.put` is reentrant.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from airflow_sm_pipelines.errors import SageMakerPipelinesError

_Result = TypeVar("_Result")


class KilledError(SageMakerPipelinesError):
    """The switch was flipped before the call in the other thread returned."""


class KillSwitch:
    """A flag that a signal handler sets while the main thread waits for it.

    A flipped switch stays flipped. Copies, deep copies and pickles of a switch are new switches that are not flipped:
    a copied operator is another task.
    """

    def __init__(self) -> None:
        self._flipped = False
        self._wakes: SimpleQueue[None] = SimpleQueue()

    def __reduce__(self) -> tuple[type[KillSwitch], tuple[()]]:
        return KillSwitch, ()

    @property
    def is_flipped(self) -> bool:
        """Whether the task was told to end."""
        return self._flipped

    def flip(self) -> None:
        """Tell the task to end; may be called in a signal handler and from any thread."""
        self._flipped = True
        self._wakes.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait until the switch is flipped or the time is up; return whether it is flipped.

        Args:
            seconds: How long to wait at most; 0 looks without waiting.
        """
        deadline = time.monotonic() + seconds
        while not self._flipped:
            try:
                self._wakes.get(timeout=max(deadline - time.monotonic(), 0.0))
            except Empty:
                break
        return self._flipped

    def wait_for(self, call: Callable[[], _Result]) -> _Result:
        """Make a call in a thread and return its result, or raise its error, in this one.

        A result that is there counts, even if the switch has been flipped as well. The thread is a daemon: a process
        that ends does not wait for it.

        Args:
            call: The call; it goes on in its thread if this method raises before it returns.

        Raises:
            KilledError: The switch was flipped first.
        """
        made: _Call[_Result] = _Call(call, self._wakes)
        threading.Thread(target=made.run, name="kill-switch-call", daemon=True).start()
        while not made.has_ended and not self._flipped:
            self._wakes.get()
        if not made.has_ended:
            raise KilledError
        return made.result()


class _Call(Generic[_Result]):
    """A call that runs in a thread of its own.

    Args:
        call: The call.
        wakes: Gets an item when the call has ended.
    """

    def __init__(self, call: Callable[[], _Result], wakes: SimpleQueue[None]) -> None:
        self._call = call
        self._wakes = wakes
        self._results: list[_Result] = []
        self._error: BaseException | None = None

    @property
    def has_ended(self) -> bool:
        """Whether there is a result or an error."""
        return bool(self._results) or self._error is not None

    def run(self) -> None:
        """Make the call; runs in the thread."""
        try:
            self._results.append(self._call())
        except BaseException as error:
            self._error = error
        self._wakes.put(None)

    def result(self) -> _Result:
        """Return the result, or raise the error, of a call that has ended."""
        if self._error is not None:
            raise self._error
        return self._results[0]
