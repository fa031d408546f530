"""How many iterations of a ForEach step are open at a time: its ``MaxConcurrency``.

An iteration is open from the moment that it enters until all of its body steps have ended. It enters by a rule that
needs no counter and no lock: with a limit of N, iteration i may enter when at least i-N+1 of the iterations before
it have ended. Then never more than N are open: of all open iterations take the last one. When it entered, at most
N-1 of those before it had not ended, and an iteration that has ended does not open again by itself. All get in,
since each waits only for some before it; where a human opens an ended iteration again, those that come wait for it.
"""

from __future__ import annotations

from collections.abc import Collection


def ends_awaited(index: int, limit: int, ended: Collection[int]) -> int:
    """Return how many more iterations must end before iteration ``index`` may enter; 0 if it may now.

    Args:
        index: The iteration, from 0.
        limit: How many iterations may be open at a time, 1 or more.
        ended: The iterations of which all body steps have ended.
    """
    ended_before = sum(1 for other in ended if other < index)
    return max(0, index - limit + 1 - ended_before)
