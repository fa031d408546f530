from __future__ import annotations

import os
import time

import pytest

from tests.scale.processes import (
    ProcessTimes,
    all_processes,
    descendants,
    difference,
    memory_of_tree,
    process_times,
    proportional_mib,
    seconds_of_tree,
)

# Fields 14 to 17 of proc(5), behind state, parent and nine others: utime, stime, cutime, cstime.
STAT = "42 (airflow) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 1 0 99 1000 10"


def test_a_process_tells_its_own_time_and_that_of_its_ended_children() -> None:
    assert process_times(STAT, ticks=100) == ProcessTimes(42, 7, 2.0, 0.5)


def test_a_name_with_spaces_and_parentheses_shifts_no_field() -> None:
    assert process_times(STAT.replace("(airflow)", "(a) b (c d)"), ticks=100) == ProcessTimes(42, 7, 2.0, 0.5)


def test_a_tree_holds_the_living_descendants_of_its_root_alone() -> None:
    processes = [ProcessTimes(pid, parent, 0, 0) for pid, parent in ((5, 3), (2, 1), (3, 2), (4, 1))]

    assert [process.pid for process in descendants(2, processes)] == [2, 3, 5]


def test_the_time_of_ended_children_counts_as_that_of_the_others() -> None:
    processes = [ProcessTimes(1, 0, 10.0, 4.0), ProcessTimes(2, 1, 3.0, 2.0), ProcessTimes(9, 0, 50.0, 50.0)]

    assert seconds_of_tree(1, processes) == (10.0, 9.0)


def test_a_process_that_is_gone_has_used_nothing() -> None:
    assert seconds_of_tree(1, []) == (0.0, 0.0)


def test_memory_is_the_proportional_set_size() -> None:
    assert proportional_mib("00400000-7ff000000000 ---p 00000000 00:00 0 [rollup]\nRss: 4096 kB\nPss: 2048 kB\n") == 2


def test_memory_that_is_not_told_is_an_error() -> None:
    with pytest.raises(ValueError, match="Pss"):
        proportional_mib("Rss: 4096 kB\n")


def test_a_difference_counts_what_was_not_there_before_from_zero() -> None:
    assert difference({"a": 5.0, "b": 2.0}, {"a": 3.0}) == {"a": 2.0, "b": 2.0}


def test_this_very_process_is_among_all_and_has_used_time_and_memory() -> None:
    time.process_time()
    own = next(process for process in all_processes() if process.pid == os.getpid())

    assert own.parent == os.getppid()
    assert own.own > 0
    assert memory_of_tree(os.getpid()) > 1
