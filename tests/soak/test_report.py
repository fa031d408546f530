"""What a soak tells."""

from __future__ import annotations

from pathlib import Path

from tests.soak.history import SUCCEEDED, Act, AwsJob, History, StepKey, TaskEnd
from tests.soak.invariants import none_done_again
from tests.soak.plan import AGAIN, CLEAR, DEEDS, SWEEP, TASK
from tests.soak.report import keep, read, story, table

STEP = StepKey("east", "r1-0", "Train")
FIRST = AwsJob(STEP, "execution001", "TrainingJob", "first", SUCCEEDED, created=1000.0, ended=1010.0)
SECOND = AwsJob(STEP, "execution001", "TrainingJob", "second", SUCCEEDED, created=1020.0, ended=1030.0)
OTHER = AwsJob(StepKey("west", "r1-0", "Train"), "execution002", "TrainingJob", "other", SUCCEEDED, created=1000.0)
CALL = {
    "time": 1000.5,
    "operation": "DescribeTrainingJob",
    "job_name": "first",
    "outcome": "dropped",
    "fault": "drop_after",
}


def test_the_table_has_each_fault_and_their_sum_without_what_is_no_fault() -> None:
    told = table({TASK: 3, AGAIN: 2, SWEEP: 5}, {TASK: 4, AGAIN: 2, SWEEP: 5}, broken=1)
    assert "| processes | task process killed | 4 | 3 |" in told
    assert told.endswith("| | together: 1 violations | 11 | 5 |")
    assert told.count("\n") == 1 + len(DEEDS)  # one of them is no fault; the sum is one more line, and the head two


def test_a_story_has_what_concerns_the_step_in_the_order_of_time() -> None:
    act = Act(CLEAR, STEP, began=1005.0, ended=1006.0)
    history = History(jobs=(SECOND, FIRST, OTHER), acts=(act,), tasks=(TaskEnd(STEP, "success"),))
    [violation] = none_done_again(History(jobs=(FIRST, SECOND)))
    told = story(violation, history, [(1001.0, "east: triggerer killed"), (1.0, "west: ended")], [CALL], Path("kept"))
    places = [
        told.index(text) for text in ("first of", "DescribeTrainingJob", "triggerer", "task cleared", "second of")
    ]
    assert places == sorted(places)
    assert "dropped (drop_after)" in told
    assert "at rest: Train of r1-0 of east: success" in told
    assert "kept/east/logs/dag_id=soaked/run_id=r1-0/task_id=Train" in told
    assert "west" not in told


def test_what_was_kept_of_a_round_can_be_checked_again(tmp_path: Path) -> None:
    act = Act(CLEAR, STEP, 105.0, 106.0, bound=2)
    history = History(jobs=(FIRST,), acts=(act,), tasks=(TaskEnd(STEP, None),), edited=True)

    keep(tmp_path, history, [], [])

    assert read(tmp_path) == history
