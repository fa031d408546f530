from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.demo import progress as module
from airflow_sm_pipelines.demo.progress import (
    ProgressLog,
    ProgressTable,
    StepProgress,
    changed_steps,
    format_steps,
    progress_display,
    progress_name,
    step_progress,
    tasks_in_order,
)

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)


def task_instance(**members: Any) -> dict[str, Any]:
    return {"task_id": "Prepare", "state": None, "start_date": None, "end_date": None, **members}


def test_a_task_without_a_state_waits() -> None:
    assert step_progress(task_instance(), "", NOW) == StepProgress("Prepare", "waiting")


def test_a_running_step_counts_from_its_start_to_now() -> None:
    task = task_instance(state="running", start_date="2026-01-01T12:00:10.500000Z")
    assert step_progress(task, "job-1", NOW) == StepProgress("Prepare", "running", 19.5, "job-1")


def test_an_ended_step_counts_to_its_end() -> None:
    task = task_instance(state="success", start_date="2026-01-01T12:00:10Z", end_date="2026-01-01T12:00:14Z")
    assert step_progress(task, "", NOW).seconds == 4.0


def test_clocks_that_differ_give_no_negative_time() -> None:
    assert step_progress(task_instance(state="running", start_date="2026-01-01T12:00:31Z"), "", NOW).seconds == 0.0


def test_an_iteration_is_called_as_the_service_calls_it() -> None:
    assert step_progress(task_instance(map_index=2), "", NOW).name == "Prepare-2"


def test_tasks_stand_in_the_order_of_the_definition_and_iterations_by_their_index() -> None:
    steps = [
        Step("First", "Processing", {}),
        Step("Each", "ForEach", {}),
        Step("Work", "Processing", {}, body_of="Each"),
    ]
    names = [("Each.result", -1), ("Work", 1), ("Each.turn", 0), ("Work", 0), ("First", -1), ("pipeline_status", -1)]
    tasks = [task_instance(task_id=task_id, map_index=index) for task_id, index in names]
    shown = [progress_name(task) for task in tasks_in_order(steps, tasks)]
    assert shown == ["First", "Each.result", "Work-0", "Work-1"]


def test_steps_stand_in_columns() -> None:
    steps = [StepProgress("A", "waiting"), StepProgress("Longer", "running", 12.6, "job-1")]
    assert format_steps(steps) == [
        "  A       waiting",
        "  Longer  running            13 s  job-1",
    ]


def test_no_steps_are_no_lines() -> None:
    assert format_steps([]) == []


def test_a_change_is_another_state_or_another_job_but_not_another_second() -> None:
    before = [StepProgress(name, "running", 1, "job") for name in "abc"]
    after = [
        StepProgress("a", "running", 2, "job"),
        StepProgress("b", "success", 2, "job"),
        StepProgress("c", "running", 2, "job-2"),
    ]
    assert changed_steps(before, after) == {"b", "c"}


def test_a_step_that_still_waits_is_no_news() -> None:
    assert changed_steps([], [StepProgress("a", "waiting"), StepProgress("b", "running")]) == {"b"}


def test_without_a_terminal_each_change_is_one_line() -> None:
    out = io.StringIO()
    display = progress_display(out)
    assert isinstance(display, ProgressLog)
    display.show([StepProgress("A", "running", 1), StepProgress("B", "waiting")])
    display.show([StepProgress("A", "running", 2), StepProgress("B", "waiting")])
    display.show([StepProgress("A", "success", 3), StepProgress("B", "running", 0)])
    assert [line.split()[:2] for line in out.getvalue().splitlines()] == [
        ["A", "running"],
        ["A", "success"],
        ["B", "running"],
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_table_is_written_over_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = Terminal()
    display = progress_display(out)
    assert isinstance(display, ProgressTable)
    display.show([StepProgress("A", "waiting"), StepProgress("B", "waiting")])
    first = out.getvalue()
    assert "\x1b[2A" not in first
    display.show([StepProgress("A", "running", 1), StepProgress("B", "waiting")])
    second = out.getvalue().removeprefix(first)
    assert second.startswith("\x1b[2A\x1b[2K  A  running")
    assert second.count("\n") == 2


def test_lines_do_not_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    out = Terminal()
    ProgressTable(out).show([StepProgress("A", "running", 1, "a-job-with-a-long-name-that-needs-space")])
    [line] = out.getvalue().splitlines()
    assert len(line.removeprefix("\x1b[2K")) == 29


def test_states_keep_airflows_own_words() -> None:
    assert not {"running", "deferred", "success", "failed", "skipped", "upstream_failed"} & module._SHOWN_STATES.keys()
