"""What the log says when a job has ended."""

from __future__ import annotations

from typing import Any

from airflow_sm_pipelines.aws.job_facts import JobFacts, Phase
from airflow_sm_pipelines.semantics.job_summary import MOST_ERROR_LINES, error_lines, summary_lines


def facts(**members: Any) -> JobFacts:
    nothing: dict[str, Any] = {
        "arn": "",
        "waiting": None,
        "provisioning": None,
        "running": None,
        "billable": None,
        "machines": (),
        "outputs": (),
        "results": (),
        "metrics": (),
        "approval": "",
    }
    return JobFacts(**{**nothing, **members})


def test_the_summary_tells_where_the_time_went_and_what_came_of_it() -> None:
    told = facts(
        arn="arn:job",
        waiting=1.0,
        provisioning=99.6,
        running=60.0,
        billable=58.0,
        machines=("2 x ml.m5.xlarge",),
        outputs=("s3://b/model.tar.gz",),
        metrics=(("rmse", 2.123456789),),
        approval="Approved",
    )

    assert summary_lines("training job", "t", "Completed", told, [Phase("Starting", "", None, 70.0)]) == [
        "Summary of the training job t",
        "  status: Completed",
        "  ARN: arn:job",
        "  time: waiting 1 s, provisioning 100 s, running 60 s",
        "  phases: Starting 70 s",
        "  billable: 58 s",
        "  instances: 2 x ml.m5.xlarge",
        "  outputs: s3://b/model.tar.gz",
        "  metrics: rmse = 2.12346",
        "  approval: Approved",
    ]


def test_what_is_not_known_is_not_said() -> None:
    assert summary_lines("model", "m", "Created", facts()) == ["Summary of the model m", "  status: Created"]


def test_a_summary_names_ten_outputs_and_says_how_many_more_there_are() -> None:
    *_, line = summary_lines("job", "j", "Completed", facts(outputs=tuple(f"s3://b/{n}" for n in range(12))))

    assert line.endswith("s3://b/9 and 2 more")


# -- error lines -------------------------------------------------------------------------------------------------------

TRACEBACK = [
    "Traceback (most recent call last):",
    '  File "train.py", line 3, in <module>',
    "    main()",
    "ValueError: no column named rings",
]


def test_the_last_traceback_of_a_log_says_why_the_job_failed() -> None:
    assert error_lines(["starting", *TRACEBACK, "cleaning up", "an error was reported"]) == TRACEBACK
    assert error_lines([*TRACEBACK, "again", *TRACEBACK[:-1], "KeyError: 'rings'"])[-1] == "KeyError: 'rings'"


def test_without_a_traceback_the_lines_that_name_an_error_say_it() -> None:
    lines = ["10 rows", "ERROR: disk full", "errorless", "java.lang.NullPointerException: x", "bye"]

    assert error_lines(lines) == ["ERROR: disk full", "java.lang.NullPointerException: x"]


def test_a_log_without_errors_has_no_error_lines() -> None:
    assert error_lines(["all", "is", "well"]) == []
    assert error_lines([]) == []


def test_a_traceback_that_the_log_cuts_off_is_shown_as_far_as_it_goes() -> None:
    assert error_lines(TRACEBACK[:2]) == TRACEBACK[:2]


def test_of_a_long_traceback_the_heading_and_the_end_are_shown() -> None:
    long = [TRACEBACK[0], *(f"  frame {n}" for n in range(100)), TRACEBACK[-1]]

    shown = error_lines(long)

    assert (len(shown), shown[0], shown[-1]) == (MOST_ERROR_LINES, long[0], long[-1])


def test_a_traceback_with_a_prefix_of_its_own_is_found() -> None:
    assert error_lines([f"[worker] {line}" for line in TRACEBACK])[0] == "[worker] Traceback (most recent call last):"
