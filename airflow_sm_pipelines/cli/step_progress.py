"""The steps of a run that goes on: a line for each that changes in place on a terminal, plain lines in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from airflow_sm_pipelines.executions.run_reports import StepLine

_UP = "\x1b[{}A"
_CLEAR = "\x1b[2K"


class StepProgress:
    """Shows the steps of one run again and again.

    Args:
        stream: Where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._in_place = stream.isatty()
        self._height = 0
        self._shown: dict[str, str] = {}

    def show(self, lines: Sequence[StepLine]) -> None:
        """Show the present state of the steps."""
        begun = [one for one in lines if one.state]
        if self._in_place:
            self._redraw(begun)
        else:
            self._tell_changes(begun)
        self._stream.flush()

    def _redraw(self, lines: Sequence[StepLine]) -> None:
        columns, rows = get_terminal_size()
        # A line that wraps, or has left the screen, could not be written over.
        texts = [f"{_line(one)}  {one.seconds or 0:.0f} s"[: columns - 1] for one in lines][-(rows - 1) :]
        up = _UP.format(self._height) if self._height else ""
        self._stream.write(up + "".join(f"{_CLEAR}{text}\n" for text in texts))
        self._height = len(texts)

    def _tell_changes(self, lines: Sequence[StepLine]) -> None:
        for one in lines:
            text = _line(one)
            if self._shown.get(one.step) != text:
                self._shown[one.step] = text
                self._stream.write(f"{text}\n")


def _line(one: StepLine) -> str:
    first_line = (one.reason or "").partition("\n")[0]
    reason = f": {first_line}" if first_line else ""
    attempt = f" (attempt {one.attempts})" if one.attempts > 1 else ""
    return f"{one.step}  {one.state}{attempt}{reason}"
