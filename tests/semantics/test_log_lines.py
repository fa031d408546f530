"""How much of a job's log a task's log takes."""

from __future__ import annotations

import pytest

from airflow_sm_pipelines.semantics import log_lines


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("epoch 1\n", "epoch 1"),
        ("epoch 1\r\n", "epoch 1"),
        (" 10%|#   |\r 50%|###  |\r100%|#####|", "100%|#####|"),
        ("", ""),
    ],
)
def test_of_a_line_that_a_progress_bar_has_overwritten_only_the_last_state_is_shown(line: str, text: str) -> None:
    assert log_lines.shown(line) == text


def test_a_long_line_is_cut_and_says_how_much_is_missing() -> None:
    text = log_lines.shown("x" * 1500)

    assert text == "x" * 1000 + "… (500 more characters in CloudWatch)"


def test_the_worker_shows_the_last_20_lines_again_and_cuts_them() -> None:
    shown = log_lines.shown_again([f"line {number}" for number in range(30)] + ["x" * 1000])

    assert (len(shown), shown[0], shown[-1]) == (20, "line 11", "x" * 300 + "…")


def test_a_log_is_looked_at_once_in_the_poll_interval_but_no_more_often_than_every_10_seconds() -> None:
    assert log_lines.pause_between_looks(60) == 60
    assert log_lines.pause_between_looks(1) == 10
