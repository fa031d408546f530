"""The Condition step."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import DownstreamTasksSkipped

from airflow_sm_pipelines.errors import ConditionTypeError, UndefinedReferenceError
from airflow_sm_pipelines.execution.xcoms import read_properties

ANSWER = [{"Name": "Answer", "Type": "String", "DefaultValue": "yes"}]
GET_ANSWER = {"Get": "Parameters.Answer"}


@pytest.fixture
def tasks(make_tasks: Any, processing: Any, condition: Any, ti: Any) -> dict[str, Any]:
    """Two steps and a nested Condition in the if-branch, one step in the other; one that depends on the Condition."""
    nested = condition("Nested", GET_ANSWER, [processing("Deep")], [])
    ti.task_id = "Check"
    return dict(
        make_tasks(
            condition("Check", GET_ANSWER, [processing("If1"), processing("If2"), nested], [processing("Else")]),
            processing("After", DependsOn=["Check"]),
            parameters=ANSWER,
        )
    )


def skipped_by(task: Any, context: Any) -> set[str]:
    try:
        assert task.execute(context) is None
    except DownstreamTasksSkipped as skip:
        return {str(task_id) for task_id in skip.tasks}
    return set()


@pytest.mark.parametrize(("answer", "skipped"), [("yes", {"Else"}), ("no", {"If1", "If2", "Nested"})])
def test_it_skips_exactly_the_direct_steps_of_the_branch_not_taken(
    tasks: Any, context: Any, answer: str, skipped: set[str]
) -> None:
    context["params"] = {"Answer": answer}

    assert skipped_by(tasks["Check"], context) == skipped


@pytest.mark.parametrize(("answer", "outcome"), [("yes", True), ("no", False)])
def test_the_outcome_is_published_before_anything_is_skipped(
    tasks: Any, context: Any, ti: Any, monkeypatch: pytest.MonkeyPatch, answer: str, outcome: bool
) -> None:
    context["params"] = {"Answer": answer}
    published_at_skip: list[Any] = []
    monkeypatch.setattr(
        type(tasks["Check"]), "skip", lambda *_: published_at_skip.append(read_properties(context, "Check"))
    )

    tasks["Check"].execute(context)

    assert published_at_skip == [{"Outcome": outcome}]


def test_what_it_compared_is_published_for_people(tasks: Any, context: Any, ti: Any) -> None:
    context["params"] = {"Answer": "no"}
    skipped_by(tasks["Check"], context)

    assert ti.xcom_pull(task_ids="Check", key="sm_pipelines_condition", map_indexes=-1) == {
        "outcome": False,
        "conditions": [{"text": 'Answer "no" = "yes"', "holds": False}],
        "numbers": {},
        "if": ["If1", "If2", "Nested"],
        "else": ["Else"],
    }


def test_an_empty_branch_skips_nothing(tasks: Any, context: Any, ti: Any) -> None:
    ti.published_by("Check", {"Outcome": True})
    context["params"] = {"Answer": "no"}
    assert skipped_by(tasks["Nested"], context) == {"Deep"}
    context["params"] = {"Answer": "yes"}
    assert skipped_by(tasks["Nested"], context) == set()


def test_airflow_knows_that_it_skips_so_that_cleared_tasks_stay_skipped(tasks: Any, context: Any, ti: Any) -> None:
    context["params"] = {"Answer": "no"}
    skipped_by(tasks["Check"], context)

    assert tasks["Check"].inherits_from_skipmixin is True
    assert ti.xcom_pull(task_ids="Check", key="skipmixin_key", map_indexes=-1) == {"skipped": ["If1", "If2", "Nested"]}


def test_it_has_an_edge_to_every_step_of_both_branches(tasks: Any) -> None:
    assert tasks["Check"].downstream_task_ids == {"If1", "If2", "Nested", "Else", "After"}
    assert tasks["Nested"].downstream_task_ids == {"Deep"}


def test_a_reference_to_nothing_names_the_step_and_the_place(tasks: Any, context: Any) -> None:
    with pytest.raises(UndefinedReferenceError) as caught:
        tasks["Check"].execute(context)

    assert str(caught.value) == (
        "Step Check: Arguments: Conditions[0].LeftValue: Parameters.Answer: the DAG run has no such parameter"
    )


def test_values_that_cannot_be_compared_fail_the_step(make_tasks: Any, condition: Any, context: Any) -> None:
    number = [{"Name": "Answer", "Type": "Integer", "DefaultValue": 1}]
    task = make_tasks(condition("Check", GET_ANSWER, [], []), parameters=number)["Check"]
    context["params"] = {"Answer": 1}

    with pytest.raises(
        ConditionTypeError, match=r"^Step Check: Arguments: Conditions\[0\]: Equals requires values of the same type"
    ):
        task.execute(context)


def test_the_ui_shows_the_conditions_without_the_branches(tasks: Any) -> None:
    assert tasks["Check"].request.body == {
        "Conditions": [{"Type": "Equals", "LeftValue": GET_ANSWER, "RightValue": "yes"}]
    }


class Lines(list[str]):
    """A log that keeps its lines."""

    def info(self, message: str, *arguments: Any) -> None:
        self.append(message % arguments)

    def warning(self, message: str, *arguments: Any) -> None:
        """Airflow warns of a task that runs outside of a worker."""


@pytest.fixture
def lines(tasks: Any, monkeypatch: pytest.MonkeyPatch) -> Lines:
    """The log of every Condition step."""
    lines = Lines()
    monkeypatch.setattr(type(tasks["Check"]), "log", lines)
    return lines


def test_the_log_says_the_value_of_each_operand_before_the_outcome(tasks: Any, context: Any, lines: Lines) -> None:
    context["params"] = {"Answer": "no"}
    skipped_by(tasks["Check"], context)

    assert lines[:2] == ['Answer "no" = "yes": false', "Outcome: false; skips If1, If2, Nested"]


def test_the_log_masks_what_airflow_takes_for_a_secret(
    make_tasks: Any, condition: Any, context: Any, ti: Any, lines: Lines
) -> None:
    parameters = [{"Name": "ApiPassword", "Type": "String"}]
    task = make_tasks(condition("Check", {"Get": "Parameters.ApiPassword"}, [], []), parameters=parameters)["Check"]
    ti.task_id, context["params"] = "Check", {"ApiPassword": "swordfish"}
    task.execute(context)

    assert lines[0] == 'ApiPassword "***" = "yes": false'
