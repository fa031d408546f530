"""What is told of the runs of a rehearsal after the first one."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_sm_pipelines.definition.models import Step
from airflow_sm_pipelines.rehearsal.later_runs import EndedLaterRun, StepReuse

NUMBERS = {"manual__1": 1, "manual__2": 2}
STEP, BODY = Step("S", "Training", {}), Step("B", "Training", {}, body_of="Loop")


def hit(run_id: str = "manual__1") -> dict[str, str]:
    return {"outcome": "hit", "run_id": run_id, "resource": "job"}


def miss(because: str) -> dict[str, str]:
    return {"outcome": "miss", "because": because}


def later(reuse: dict[str, Any], **tasks: str) -> EndedLaterRun:
    return EndedLaterRun(2, "success", tasks or {"S": "success"}, {}, reuse, NUMBERS)


def test_a_hit_names_the_run_by_its_number() -> None:
    found = later({"S": hit()}).reuse_of(STEP)
    assert found == StepReuse((1,), ())
    assert found.in_words() == "cache hit: run 1"


def test_a_miss_says_why_and_names_the_run_by_its_number() -> None:
    found = later({"S": miss("Environment has changed since run manual__1")}).reuse_of(STEP)
    assert found is not None
    assert found.in_words() == "cache miss: Environment has changed since run 1"


@pytest.mark.parametrize("step", [STEP, BODY])
def test_nothing_is_said_of_a_step_that_is_not_cached(step: Step) -> None:
    assert later({}, **{"S": "success", "B-0": "success"}).reuse_of(step) is None


def test_the_iterations_of_a_loop_are_counted() -> None:
    reuse = {"B-0": hit(), "B-1": miss("A has changed since run manual__1"), "B-2": hit("manual__2")}
    found = later(reuse, **{"B-0": "success", "B-1": "success", "B-2": "success"}).reuse_of(BODY)
    assert found == StepReuse((1, 2), ("A has changed since run 1",))
    assert found.in_words() == "cache hit: run 1, 2 in 2 of 3 iterations; cache miss: A has changed since run 1"


def test_a_reason_that_iterations_share_is_said_once() -> None:
    reuse = {f"B-{index}": miss("no earlier run has a result to reuse") for index in range(3)}
    found = later(reuse, **dict.fromkeys(reuse, "success")).reuse_of(BODY)
    assert found is not None
    assert found.in_words() == "cache miss: no earlier run has a result to reuse"


def test_a_step_whose_name_looks_like_an_iteration_is_no_iteration() -> None:
    assert later({"S-0": hit()}, **{"S": "success", "S-0": "success"}).reuse_of(STEP) is None
