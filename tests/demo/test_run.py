from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.demo.run import closing_lines, failure_reason, run_failures


def error(message: str, *causes: str) -> dict[str, Any]:
    chain = [{"exc_type": "StepFailedError", "exc_value": text} for text in (message, *causes)]
    return {"event": "Task failed with exception", "level": "error", "error_detail": chain}


def test_the_reason_is_the_message_of_the_exception_and_not_of_its_cause() -> None:
    log = [{"event": "begins"}, error("Step A: the job failed", "connection reset"), {"event": "ends"}]
    assert failure_reason("A", log) == "Step A: the job failed"


def test_the_last_exception_of_a_log_counts() -> None:
    assert failure_reason("A", [error("first"), error("last")]) == "last"


def test_a_task_that_died_shows_the_end_of_its_log() -> None:
    log = [{"event": "::group::Pre Execute"}, *({"event": f"line {number}"} for number in range(30))]
    reason = failure_reason("A", log)
    assert reason.startswith("Task A ended without an exception")
    assert reason.splitlines()[1:] == [f"    line {number}" for number in range(20, 30)]


class Api:
    """Airflow's answers about one run."""

    def task_instances(self, _dag_id: str, _run_id: str) -> list[dict[str, Any]]:
        return [
            {"task_id": "A", "state": "failed", "try_number": 2, "map_index": -1},
            {"task_id": "A", "state": "failed", "try_number": 1, "map_index": 3},
            {"task_id": "B", "state": "upstream_failed", "try_number": 0},
            {"task_id": "C", "state": "success", "try_number": 1},
        ]

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int) -> list[dict[str, Any]]:
        assert (dag_id, run_id, task_id) == ("dag", "run", "A"), "only failed tasks have a reason, and a log"
        return [error(f"try {try_number} of {map_index}")]


def test_only_failed_tasks_have_a_reason_that_of_their_last_try() -> None:
    assert run_failures(Api(), "dag", "run") == ["try 2 of -1", "try 1 of 3"]  # type: ignore[arg-type]


def test_a_demo_that_succeeded_ends_with_its_result() -> None:
    assert closing_lines(succeeded=True, seconds=24.6, reasons=[], results=["MSE: 2.50", "Predictions: s3://b/k"]) == [
        "",
        "The pipeline succeeded in 25 s.",
        "MSE: 2.50",
        "Predictions: s3://b/k",
    ]


def test_a_demo_that_failed_ends_with_its_result_and_not_with_the_log_of_its_steps() -> None:
    reasons = ["Step Train: the job failed\n    Traceback\n    ValueError", "Step MseTooHigh: the MSE is 9"]
    assert closing_lines(succeeded=False, seconds=3, reasons=reasons, results=["MSE: 9.00"]) == [
        "",
        "Step Train: the job failed",
        "    Traceback",
        "    ValueError",
        "",
        "The pipeline failed after 3 s:",
        "  Step Train: the job failed",
        "  Step MseTooHigh: the MSE is 9",
        "MSE: 9.00",
    ]
