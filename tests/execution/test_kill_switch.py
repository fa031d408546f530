"""The kill switch: flipped in a signal handler, noticed by the thread that waits."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from airflow_sm_pipelines.execution.kill_switch import KilledError, KillSwitch

LONG = 30.0


@contextmanager
def flipped_by_a_signal(switch: KillSwitch, *, after: float) -> Iterator[None]:
    """Flip the switch in a handler of SIGUSR1, which this process gets after some seconds."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        switch.flip()

    before = signal.signal(signal.SIGUSR1, handle)
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        yield
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def test_a_new_switch_is_not_flipped() -> None:
    switch = KillSwitch()

    assert not switch.is_flipped
    assert not switch.wait(0)


def test_waiting_ends_when_the_time_is_up() -> None:
    start = time.monotonic()

    assert not KillSwitch().wait(0.05)
    assert time.monotonic() - start >= 0.05


def test_a_negative_time_looks_without_waiting() -> None:
    assert not KillSwitch().wait(-1)


def test_a_flipped_switch_stays_flipped() -> None:
    switch = KillSwitch()
    switch.flip()

    assert [switch.wait(LONG), switch.wait(LONG), switch.wait(0)] == [True, True, True]
    assert switch.is_flipped


def test_a_signal_ends_the_waiting_of_the_thread_that_it_interrupts() -> None:
    switch = KillSwitch()
    start = time.monotonic()
    with flipped_by_a_signal(switch, after=0.05):
        assert switch.wait(LONG)

    assert time.monotonic() - start < LONG / 2


def test_a_signal_may_come_anywhere_while_the_switch_is_used() -> None:
    """With `threading.Event` this hangs: the handler waits for a lock that the interrupted thread holds."""
    switch, flips = KillSwitch(), []

    def handle(_number: int, _frame: FrameType | None) -> None:
        flips.append(1)
        switch.flip()

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            switch.flip()
            switch.wait(0.001)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert len(flips) > 10
    assert switch.is_flipped


def test_the_result_of_a_call_is_returned() -> None:
    assert KillSwitch().wait_for(lambda: 42) == 42
    assert KillSwitch().wait_for(lambda: None) is None


def test_a_call_runs_in_another_thread() -> None:
    assert KillSwitch().wait_for(threading.current_thread) is not threading.current_thread()


def test_the_error_of_a_call_is_raised() -> None:
    def call() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit, match="3"):
        KillSwitch().wait_for(call)


def test_a_signal_ends_the_waiting_for_a_call() -> None:
    switch, goes_on = KillSwitch(), threading.Event()
    with flipped_by_a_signal(switch, after=0.05), pytest.raises(KilledError):
        switch.wait_for(lambda: goes_on.wait(LONG))
    goes_on.set()


def test_a_result_that_is_there_counts_although_the_task_was_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", threading.Thread.run)  # ended before anybody waits
    switch = KillSwitch()
    switch.flip()

    assert switch.wait_for(lambda: "the answer") == "the answer"


def test_a_flipped_switch_waits_for_no_call() -> None:
    switch, goes_on = KillSwitch(), threading.Event()
    switch.flip()
    with pytest.raises(KilledError):
        switch.wait_for(lambda: goes_on.wait(LONG))
    goes_on.set()


def test_a_call_that_was_given_up_disturbs_nobody_when_it_returns() -> None:
    class TimeIsUpError(Exception):
        pass

    def handle(_number: int, _frame: FrameType | None) -> None:
        raise TimeIsUpError

    switch, goes_on = KillSwitch(), threading.Event()
    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(TimeIsUpError):
            switch.wait_for(lambda: goes_on.wait(LONG))
    finally:
        signal.signal(signal.SIGALRM, before)
    goes_on.set()

    assert not switch.wait(0.1)
    assert switch.wait_for(lambda: "another") == "another"


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda switch: pickle.loads(pickle.dumps(switch))],
    ids=["copy", "deep", "pickle"],
)
def test_a_copy_is_a_switch_of_its_own(copied) -> None:  # type: ignore[no-untyped-def]
    switch = KillSwitch()
    switch.flip()
    other = copied(switch)

    assert not other.is_flipped
    other.flip()
    assert other.wait(0)
