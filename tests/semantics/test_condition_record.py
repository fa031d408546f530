"""What a Condition step writes down of its decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_sm_pipelines.definition.conditions import Operand, decide_conditions
from airflow_sm_pipelines.semantics.condition_record import LONGEST_TEXT, MOST_NUMBERS, condition_record


class Values:
    """Parameters by name."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def parameter(self, name: str) -> Any:
        return self.values[name]


def unmasked(operand: Operand) -> Operand:
    return operand


def compared(name: str, kind: str, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": {"Get": f"Parameters.{name}"}, "RightValue": right}


def record(conditions: list[Any], mask: Any = unmasked, **values: Any) -> dict[str, Any]:
    decided = decide_conditions(conditions, Values(**values))  # type: ignore[arg-type]
    return dict(condition_record(decided, ["Register"], ["Stop"], mask))


def test_each_condition_is_in_words_with_its_own_outcome() -> None:
    found = record(
        [compared("Mse", "LessThan", 6), compared("Mse", "LessThan", 5), compared("Mse", "Equals", 1)], Mse=5.5
    )

    assert found == {
        "outcome": False,
        "conditions": [
            {"text": "Mse 5.5 < 6", "holds": True},
            {"text": "Mse 5.5 < 5", "holds": False},
            {"text": "Mse 5.5 = 1", "holds": None},
        ],
        "numbers": {"Mse": 5.5},
        "if": ["Register"],
        "else": ["Stop"],
    }


def test_numbers_are_those_with_a_name_and_booleans_are_none() -> None:
    assert (
        record([compared("Flag", "Equals", True), compared("Text", "Equals", "a")], Flag=True, Text="a")["numbers"]
        == {}
    )


def test_what_must_not_be_shown_is_in_no_part_of_it() -> None:
    found = record([compared("Pin", "Equals", 4711)], lambda operand: replace(operand, value="***"), Pin=4711)

    assert found["conditions"] == [{"text": 'Pin "***" = "***"', "holds": True}]
    assert found["numbers"] == {}


def test_a_long_list_does_not_make_a_long_record() -> None:
    many = {"Type": "In", "QueryValue": {"Get": "Parameters.Mse"}, "Values": list(range(5000))}
    (told,) = record([many], Mse=1)["conditions"]
    assert len(told["text"]) == LONGEST_TEXT
    assert told["text"].endswith("…")


def test_the_numbers_are_bounded() -> None:
    values = {f"N{number}": number for number in range(MOST_NUMBERS + 5)}
    found = record([compared(name, "Equals", value) for name, value in values.items()], **values)
    assert len(found["numbers"]) == MOST_NUMBERS
