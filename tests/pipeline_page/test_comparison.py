"""Two runs beside each other."""

from __future__ import annotations

from typing import Any


def compared(report: Any) -> Any:
    return report("comparison", run="good", other="bad")


def test_parameters_are_those_given_and_the_defaults(report: Any) -> None:
    rows = {row["name"]: row for row in compared(report)["parameters"]}
    assert rows["MaxMse"] == {"name": "MaxMse", "values": [7.0, 6.0], "given": [True, False]}
    assert rows["Label"] == {"name": "Label", "values": ["plain", "other"], "given": [False, True]}


def test_requests_are_compared_but_for_the_names_of_their_jobs(report: Any) -> None:
    found = compared(report)
    assert found["requests"] == [
        {"step": "Train", "place": "AlgorithmSpecification.TrainingImage", "values": ["image:0", "image:1"]}
    ]
    assert found["compared"] == 1


def test_a_value_that_only_one_run_has_is_a_difference(report: Any, airflow: Any) -> None:
    request = airflow.tasks["bad"][0]["rendered_fields"]["request"]
    request |= {
        "AlgorithmSpecification": {"TrainingImage": "image:0"},
        "Environment": {"A": "1"},
        "Tags": [{"Key": "x"}],
    }
    assert compared(report)["requests"] == [{"step": "Train", "place": "Environment.A", "values": [None, "1"]}]


def test_a_request_that_airflow_has_cut_is_named_and_not_compared(report: Any, airflow: Any) -> None:
    airflow.tasks["bad"][0]["rendered_fields"]["request"] = "Truncated. You can change this behaviour"
    found = compared(report)
    assert (found["requests"], found["cut"]) == ([], ["Train"])


def test_many_differences_are_counted_but_not_all_told(report: Any, airflow: Any) -> None:
    for number, run in enumerate(("good", "bad")):
        request = {"HyperParameters": {f"h{one}": number for one in range(600)}}
        airflow.tasks[run][0]["rendered_fields"]["request"] = request
    found = compared(report)
    assert (len(found["requests"]), found["more"]) == (500, 100)
