from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_sm_pipelines.semantics.failure_messages import with_log_lines, without_log_lines

LINES = st.lists(st.text(st.characters(codec="ascii", min_codepoint=32)), max_size=3)


def test_errors_come_before_the_last_lines() -> None:
    assert with_log_lines("it failed", ["bye"], ["ValueError"]) == (
        "it failed\nerrors in its log:\n    ValueError\nlast lines of its log:\n    bye"
    )
    assert with_log_lines("it failed", []) == "it failed"


@given(LINES, LINES)
def test_nothing_of_a_log_is_left_in_the_reason(last: list[str], errors: list[str]) -> None:
    reason = "AWS refused it: Value 'import sys\n' is not allowed"
    assert without_log_lines(with_log_lines(reason, last, errors)) == reason
