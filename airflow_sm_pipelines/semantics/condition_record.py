"""What a Condition step writes down of its decision, for people who look at the run later.

The service shows only the outcome of a Condition (ListPipelineExecutionSteps, ``ConditionStepMetadata``). What it
compared stands in its log here; the pipeline page cannot read logs, and plots the numbers over the runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_sm_pipelines.definition.conditions import DecidedCondition, Operand, name_and_value
from airflow_sm_pipelines.definition.json_values import Json, JsonObject

LONGEST_TEXT = 2000
"""A condition in words, in characters: an ``In`` may list thousands of values."""

MOST_NUMBERS = 50


def condition_record(
    decided: Sequence[DecidedCondition],
    if_steps: Sequence[str],
    else_steps: Sequence[str],
    mask: Callable[[Operand], Operand],
) -> JsonObject:
    """Return the record of a decision.

    Args:
        decided: The conditions of the step.
        if_steps: The steps that run if all conditions hold.
        else_steps: The steps that run otherwise.
        mask: Returns an operand without what must not be shown.

    Returns:
        The outcome, each condition in words with its own outcome (null if it was not compared), the numbers that have
        a name, and the branches.
    """
    numbers: dict[str, Json] = {}

    def show(operand: Operand) -> str:
        masked = mask(operand)
        is_number = isinstance(masked.value, (int, float)) and not isinstance(masked.value, bool)
        if masked.name and is_number and len(numbers) < MOST_NUMBERS:
            numbers[masked.name] = masked.value
        return name_and_value(masked)

    conditions: list[Json] = [{"text": _shortened(one.words(show)), "holds": one.holds} for one in decided]
    return {
        "outcome": all(one.holds for one in decided),
        "conditions": conditions,
        "numbers": numbers,
        "if": [*if_steps],
        "else": [*else_steps],
    }


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
